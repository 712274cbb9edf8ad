"""The hidden test a chunk of essays at a time: clean, tokenized to disk, predicted by the baseline.

Memory holds one chunk's texts and matrices, whatever the size of the test set, and of all elements
the ids and the probabilities.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from jaxtyping import Float
from threadpoolctl import threadpool_limits

from pipeline import clean_tables, params
from pipeline.competition import schema
from pipeline.competition.clean_split import CleanSplit, clean_split
from pipeline.competition.hidden import Hidden
from pipeline.evaluation.surroundings import Surroundings, count_words, surroundings
from pipeline.inputs.tokenizer import Tokenizer
from pipeline.inputs.tokens import Tokens, mapped_windows, tokens_of
from pipeline.inputs.windowing import Windowing, content_columns, window_columns
from pipeline.members.features import Measures, Texts, measures
from pipeline.members.fitted import Fitted
from pipeline.members.scored import Scored
from pipeline.progress import bar
from pipeline.topics.clustering import Clustering

CHUNK = 512  # essays; the baseline's matrix of a chunk takes some tens of megabytes


@dataclass(frozen=True)
class Reader:
    """One model's tokenizer, the shape of its windows, and the topics that open them."""

    tokenizer: Tokenizer
    inputs: params.Inputs
    topics: Clustering | None = None


@dataclass
class Prepared:
    """Elements that could be encoded, in order, and what became of the others.

    Attributes:
      essay_ids: of each element.
      types: of each element.
      words: of each element.
      failed: essays that could not be encoded, a line each.
      not_found: elements whose text their essay doesn't hold, by id and essay.
      out_of_order: rows that would have to move for all to stand as in their essay.
    """

    folder: Path
    element_ids: list[str] = field(default_factory=list)
    essay_ids: list[str] = field(default_factory=list)
    types: list[str] = field(default_factory=list)
    words: list[int] = field(default_factory=list)
    baseline: list[Float[np.ndarray, "elements folds labels"]] = field(default_factory=list)
    measured: list[Measures] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)
    not_found: list[tuple[str, str]] = field(default_factory=list)
    out_of_order: int = 0

    def add(self, clean: CleanSplit) -> None:
        """Take in some essays that were encoded."""
        self.element_ids += clean.elements[schema.ELEMENT_ID].tolist()
        self.essay_ids += clean.elements[schema.ESSAY_ID].tolist()
        self.types += clean.elements[schema.ELEMENT_TYPE].tolist()
        self.words += map(count_words, clean.elements[schema.ELEMENT_TEXT])
        lost = clean.not_found
        self.not_found += zip(lost[schema.ELEMENT_ID], lost[schema.ESSAY_ID], strict=True)
        self.out_of_order += clean.out_of_order

    @property
    def surroundings(self) -> Surroundings:
        """The elements in their essays."""
        return surroundings(self.essay_ids, self.types, self.words)

    @property
    def measures(self) -> Measures:
        """The elements without their words."""
        essay = np.unique(self.essay_ids, return_inverse=True)[1]
        parts = [(one.kinds, one.numbers) for one in self.measured]
        kinds, numbers = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        return Measures(essay, kinds, numbers)

    @property
    def notes(self) -> list[str]:
        """A line for each oddity of the test set."""
        return [*self._of_rows(), *self.failed]

    def _of_rows(self) -> Iterator[str]:
        table = schema.TABLES["test"]
        if self.not_found:
            element, essay = self.not_found[0]
            yield (
                f"{table}: {len(self.not_found):,} of {len(self.element_ids):,} elements do not "
                f"stand in their essay, the first is {schema.ELEMENT_ID} {element!r} of essay "
                f"{essay!r}; their texts are inserted"
            )
        if self.out_of_order:
            yield f"{table}: {self.out_of_order:,} rows are out of the order of their essay's text"

    def tokens(self, model: str) -> Tokens:
        """A model's windows, memory-mapped."""
        return tokens_of(mapped_windows(self.path(model)), self.element_ids)

    def path(self, model: str) -> Path:
        """The file of a model's windows, an Arrow stream."""
        return self.folder / f"{model}.arrow"


@dataclass(frozen=True)
class _Chunk:
    clean: CleanSplit
    measured: Measures
    windows: Mapping[str, pa.RecordBatch]
    baseline: Float[np.ndarray, "elements folds labels"]


def prepare(
    hidden: Hidden,
    cleaning: params.Clean,
    readers: Mapping[str, Reader],
    baseline: Sequence[Fitted | Scored],
    folder: Path,
) -> Prepared:
    """Encode every essay that can be encoded.

    An essay that fails takes no other with it: a chunk with an error is halved until the essay
    stands alone, and is then named in the notes.

    Args:
      hidden: the test set.
      cleaning: of the configuration.
      readers: by model.
      baseline: its folds.
      folder: where windows go.
    """
    out = Prepared(folder)
    columns = window_columns(schema.TASK)
    writers = {m: pa.ipc.new_stream(str(out.path(m)), columns) for m in readers}
    with bar(len(hidden.essays), "essay", "clean and tokenize") as progress:
        for first in range(0, len(hidden.essays), CHUNK):
            essays = hidden.essays[first : first + CHUNK]
            for chunk in _encode(hidden, essays, cleaning, readers, baseline, out):
                for model, writer in writers.items():
                    writer.write_batch(chunk.windows[model])
                out.add(chunk.clean)
                out.baseline.append(chunk.baseline)
                out.measured.append(chunk.measured)
            progress.update(len(essays))
    for writer in writers.values():
        writer.close()
    return out


def _encode(
    hidden: Hidden,
    essays: Sequence[str],
    cleaning: params.Clean,
    readers: Mapping[str, Reader],
    baseline: Sequence[Fitted | Scored],
    out: Prepared,
) -> Iterator[_Chunk]:
    try:
        first = len(out.element_ids)
        chunk = _chunk(clean_split(hidden.split(essays), cleaning), readers, baseline, first)
    except Exception as error:  # whatever it is: the run must end in a submission
        if len(essays) == 1:
            reason = " ".join(str(error).split()) or type(error).__name__
            out.failed.append(
                f"essay {essays[0]!r} ({hidden.elements(essays[0])} elements): {reason}"
            )
            return
        half = len(essays) // 2
        yield from _encode(hidden, essays[:half], cleaning, readers, baseline, out)
        yield from _encode(hidden, essays[half:], cleaning, readers, baseline, out)
    else:
        yield chunk


def _chunk(
    clean: CleanSplit,
    readers: Mapping[str, Reader],
    baseline: Sequence[Fitted | Scored],
    first: int,
) -> _Chunk:
    """Windows and baseline of some essays, whose elements are numbered from `first`."""
    texts = _texts(clean)
    with threadpool_limits(1):  # as the stage does, whose last bits depend on it
        folds = [fitted.predict(fitted.matrix(texts)) for fitted in baseline]
    windows = {model: _windows(clean, reader, first) for model, reader in readers.items()}
    stacked = np.array(folds).reshape(len(baseline), len(texts.element_ids), len(schema.LABELS))
    return _Chunk(clean, measures(texts), windows, stacked.swapaxes(0, 1))


def _windows(clean: CleanSplit, reader: Reader, first: int) -> pa.RecordBatch:
    table = pa.Table.from_pandas(clean.elements, preserve_index=False)
    index = table.select([schema.ESSAY_ID])
    content = table.select(content_columns(schema.TASK))
    essays, texts = (clean.essays[name].tolist() for name in (schema.ESSAY_ID, clean_tables.TEXT))
    topics = {}
    if reader.topics is not None:
        topics = dict(zip(essays, reader.topics.describe(texts), strict=True))
    windowing = Windowing(reader.tokenizer, reader.inputs, schema.TASK, content, index, topics)
    made = windowing.batch(essays, texts, range(len(clean.essays)))
    windowing.check_complete()
    made["element"] = [element + first for element in made["element"]]
    return _batch(made)


def _batch(columns: Mapping[str, list[Any]]) -> pa.RecordBatch:
    made = window_columns(schema.TASK)
    arrays = [pa.array(columns[place.name], place.type) for place in made]
    return pa.RecordBatch.from_arrays(arrays, schema=made)


def _texts(clean: CleanSplit) -> Texts:
    elements, essays = clean.elements, clean.essays[schema.ESSAY_ID].tolist()
    place = {essay: i for i, essay in enumerate(essays)}
    return Texts(
        element_ids=elements[schema.ELEMENT_ID].tolist(),
        types=elements[schema.ELEMENT_TYPE].tolist(),
        elements=elements[schema.ELEMENT_TEXT].tolist(),
        essay=np.array([place[essay] for essay in elements[schema.ESSAY_ID]], np.int64),
        essays=clean.essays[clean_tables.TEXT].tolist(),
    )
