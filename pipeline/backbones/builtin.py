"""Backbones that need no download: a vocabulary from essays, weights from a seed."""

from collections.abc import Sequence
from pathlib import Path

from flax.traverse_util import unflatten_dict
from tokenizers import (
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
    trainers,
)

from pipeline.backbones.sources import BUILTIN, PREFIX
from pipeline.encoders.config import Settings
from pipeline.encoders.head import build, name_classes
from pipeline.encoders.weights.folders import draw_all, export, parameter_shapes, table
from pipeline.encoders.weights.tensors import FILE, write_tensors
from pipeline.errors import UserError
from pipeline.files import write_json, write_text

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
_VOCABULARY = 512  # more would merge the sample's telling endings into rare whole words


def create(
    name: str, encoder: str, essays: Path, labels: Sequence[str], seed: int, into: Path
) -> None:
    """Make a small backbone as if it had been downloaded.

    Args:
      name: a key of `BUILTIN`.
      encoder: the architecture's name in the registry.
      essays: a folder of text files, from which the vocabulary is learnt.
      labels: the names of the classes.
      seed: of the weights.
      into: an empty folder.

    Raises:
      UserError: there is no essay, or the encoder does not serve it.
    """
    files = sorted(essays.glob("*.txt"))
    if not files:
        raise UserError(f"{essays}: no essays to learn the vocabulary of {PREFIX}{name} from")
    size = write_tokenizer([path.read_text(encoding="utf-8") for path in files], into)
    fields = {**BUILTIN[name], "vocab_size": size}
    write_json(into / "config.json", fields | name_classes(labels))
    model = build(into, encoder, Settings())
    drawn = draw_all(parameter_shapes(model), model.config.std, seed)
    tree = unflatten_dict({tuple(path.split("/")): leaf for path, leaf in drawn.items()})
    write_tensors(into / FILE, export(tree, table(model, prefixed=True)))


def write_tokenizer(texts: Sequence[str], into: Path) -> int:
    """Train an uncased WordPiece tokenizer (Schuster and Nakajima, 2012) and write its files.

    Args:
      texts: to learn from; the same texts give the same bytes.
      into: the folder.

    Returns:
      The size of its vocabulary.
    """
    vocabulary = _vocabulary(texts)
    tokenizer = _bare(vocabulary)
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.post_processor = processors.BertProcessing(
        ("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"])
    )
    tokenizer.add_special_tokens(list(SPECIAL))
    write_text(into / "tokenizer.json", tokenizer.to_str(pretty=True))
    roles = {f"{token.strip('[]').lower()}_token": token for token in SPECIAL}
    write_json(
        into / "tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast"} | roles
    )
    return len(vocabulary)


def _vocabulary(texts: Sequence[str]) -> dict[str, int]:
    """Learn word pieces.

    The trainer numbers the continuing letters ("##a") in the order of a hash map, which differs
    between runs, and breaks ties by number. Given beforehand, they make it a function of the texts.
    """
    tokenizer = _bare({"[UNK]": 0})
    split, normal = tokenizer.pre_tokenizer, tokenizer.normalizer
    words = {
        word for text in texts for word, _ in split.pre_tokenize_str(normal.normalize_str(text))
    }
    letters = sorted({f"##{letter}" for word in words for letter in word})
    trainer = trainers.WordPieceTrainer(
        vocab_size=_VOCABULARY,
        min_frequency=2,
        special_tokens=[*SPECIAL, *letters],
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return dict(sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))


def _bare(vocabulary: dict[str, int]) -> Tokenizer:
    """BERT's uncased normalisation and splitting around a vocabulary."""
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)  # type: ignore[assignment]
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()  # type: ignore[assignment]
    return tokenizer
