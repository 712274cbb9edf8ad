"""The options of `params.yaml`: key, type, range and a sentence each; a default where one is off.

Declarations alone: no number depends on what stands here, but for the defaults. An option that is
off, or that changes nothing as it stands, has a default here and isn't written into params.yaml. A
new one whose default is null, false, 0 or "none" makes no fold stale. `make options` shows all.
"""

from typing import Annotated, Literal

from pydantic import Field

from pipeline.bounds import (
    Length,
    Name,
    NonNegative,
    Part,
    Positive,
    Rate,
    Seed,
    Share,
    Times,
    frozen,
)
from pipeline.embedding_params import Boosting, Embeddings


@frozen
class Data:
    """The competition's files."""

    source: str
    """Folder in Kaggle's layout, or one that holds it; relative or absolute."""


@frozen
class Clean:
    """Text cleaning."""

    repair_cp1252: bool
    """Turn C1 control characters back into what cp1252 meant by them."""
    plain_spaces: bool
    """Turn no-break spaces into plain ones."""


@frozen
class Split:
    """Essays to folds, stratified by label and type, grouped by essay."""

    n_folds: Annotated[int, Field(ge=2, le=100)]
    """Number of folds that the essays are split into."""
    seed: Seed
    """Seed of the folds alone; another training seed moves no essay."""


@frozen
class Compute:
    """The machine that trains."""

    platform: Literal["cpu", "gpu", "tpu"]
    """Platform to compute on; one that is not there is an error."""
    devices: Literal["auto"] | Annotated[int, Field(ge=1, le=1024)]
    """Number of devices; auto takes every one of the platform."""
    dtype: Literal["float32", "bfloat16", "float16"]
    """Type of activations; losses stay float32; float16, its loss scaled, is for older GPUs."""


@frozen
class Session:
    """Limits of a session. No stage that computes declares them to DVC: they change no result."""

    checkpoint_minutes: Positive
    """Minutes between two checkpoints of a fold."""
    stop_after_minutes: Positive | None = None
    """Minutes after which training saves and ends, before a session's limit does; null: none."""
    loggers: tuple[Literal["tensorboard", "wandb"], ...] | None = None
    """Tools that take in each fold's curves while it trains; null: none."""


@frozen
class Labels:
    """The classes to train on; held-out essays are scored against data/clean/train's."""

    source: Annotated[str, Field(alias="from")]
    """Folder of clean elements whose labels are trained on, found by element id."""


@frozen
class Scores:
    """Scores of essay and element by ridge regressions on TF-IDF, each by others' essays."""

    terms: Annotated[int, Field(ge=0, le=8_000)] = 0
    """Largest vocabulary of the elements' scores; 0: no scores, but the essay's TF-IDF itself."""
    essay_ridge: NonNegative = 0.0
    """Penalty of the essays' regression; above 0 with scores."""
    element_ridge: NonNegative = 0.0
    """Penalty of the elements' regression; above 0 with scores."""


@frozen
class Topics:
    """The essays' topics, found without labels: TF-IDF, its strongest directions, k-means."""

    count: Annotated[int, Field(ge=2, le=1000)]
    """Number of topics."""
    words: Annotated[int, Field(ge=1, le=32)]
    """Words that describe a topic, those that set it apart."""
    seed: Seed
    """Seed of the directions and of where k-means starts."""
    test: bool = False
    """Fit on the test essays too, which makes every fold stale with another test set."""


@frozen
class Baseline:
    """The scikit-learn member: type, lengths and TF-IDF into a logistic regression."""

    max_features: Annotated[int, Field(ge=1, le=10_000_000)]
    """Largest vocabulary of TF-IDF."""
    ngrams: Annotated[int, Field(ge=1, le=100)]
    """Words of the longest n-gram."""
    min_documents: Annotated[int, Field(ge=1, le=1_000_000)]
    """Elements that a term has to be in."""
    C: Positive
    """Inverse strength of the regression's penalty."""
    scores: Scores = Scores()


@frozen
class Backbone:
    """The encoder's source."""

    source: str
    """Id on the Hub (with a revision), folder (with its sha256), or `builtin:` and a name."""
    revision: str | None = None
    """Branch, tag, refs/pr/N or commit of a repository of the Hub."""
    sha256: str | None = None
    """Hash of a folder's files, as the message on a folder without one prints it."""
    seed: Seed
    """Seed of what the source does not bring: the marker rows, builtin weights."""
    needs: str
    """Folder that has to be there first: a builtin learns its vocabulary from `train` in it."""


@frozen
class Inputs:
    """The encoder's inputs."""

    context: Literal["essay", "element"]
    """Sequence that an element stands in: its whole essay, or itself alone."""
    window: Length
    """Tokens of the longest sequence; at most the encoder's positions."""
    overlap: Annotated[int, Field(ge=0, le=65_536)] = 0
    """Tokens of preceding text, free of loss, that a further window of an essay starts with."""
    topic: Name | None = None
    """Key of topics, whose words for the essay open each window, free of loss; null: none."""


@frozen
class Rows:
    """Packed rows of one fixed shape."""

    per_step: Part
    """Rows of a step, over all devices and all parts of an accumulated step."""
    length: Length
    """Tokens of a row; at least a window's."""
    slots: Part
    """Most elements in a row."""
    pool: Annotated[int, Field(ge=1, le=1_000_000)]
    """Windows of a seeded pool; those of one pool are packed together."""


@frozen
class Predict(Rows):
    """Rows of prediction, rounded up to a multiple of the devices that are there."""

    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    """Type of activations; of a half that is not there, older GPUs take float16, others float32."""
    full_alone: bool = False
    """Predict a test by the full fit in place of the folds, not beside them."""


@frozen
class Optimizer:
    """AdamW with decoupled decay, linear warm-up, then the schedule."""

    backbone_rate: NonNegative
    """Peak learning rate of the encoder."""
    head_rate: NonNegative
    """Peak learning rate of the head."""
    layer_decay: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    """Factor on the rate from each layer to the one below it; 1.0: one rate for all."""
    weight_decay: NonNegative
    """Decay of matrices, decoupled from the gradient; biases and norms have none."""
    b1: Rate
    """Decay of the mean of gradients."""
    b2: Rate
    """Decay of the mean of their squares."""
    eps: Positive
    """Term that keeps the update finite where gradients vanish."""
    clip: Positive
    """Largest norm of a step's gradient; a longer one is scaled down to it."""
    warmup: Share
    """Share of the steps in which the rate rises."""
    schedule: Literal["linear", "cosine"]
    """Fall of the rate to zero after the warm-up."""


@frozen
class Dropout:
    """Rates of dropout in training."""

    hidden: Rate | None = None
    """Rate in the encoder's layers; null: the checkpoint's own."""
    attention: Rate | None = None
    """Rate of attention weights; null: the checkpoint's own."""
    head: Rate | None = None
    """Rate before the last layer; null: the checkpoint's own."""


@frozen
class Perturbation:
    """Adversarial weight perturbation: a second pass, at weights moved to where the loss is higher.

    A step that has it costs two (docs/how-it-works.md).
    """

    leaves: Literal["none", "embeddings", "matrices", "all"] = "none"
    """Parameters that move: tables of embeddings, these and all matrices, or all; none: off."""
    size: NonNegative = 0.0
    """Length of the move, relative to that of the parameter; each layer has its own."""
    bound: Positive | None = None
    """Largest move of a single weight, relative to its own size; null: unbounded."""
    start: Rate = 0.0
    """Share of the steps that are taken without."""


@frozen
class Train:
    """One fold's training."""

    seed: Seed
    """Seed of the head's weights, of the order of rows and of dropout."""
    epochs: Times
    """Passes over the training essays."""
    accumulation: Part = 1
    """Parts that a device takes its rows of a step in, one after another, to save memory."""
    evaluations: Times = 1
    """Evaluations on the held-out essays in each epoch."""
    rows: Rows
    optimizer: Optimizer
    dropout: Dropout = Dropout()
    perturbation: Perturbation = Perturbation()
    mask_share: Rate = 0.0
    """Share of a row's tokens of text that a step replaces by the tokenizer's mask token."""
    label_smoothing: Rate = 0.0
    """Share of a label's weight that is spread over all labels; soft labels stay as they are."""
    soft_labels: Literal["none", "alone", "both"] = "none"
    """Soft labels of `pseudo` to train on: none, these alone, or the gold ones beside them."""
    remat: Literal["none", "selective", "full"] = "none"
    """Activations that the backward pass computes again, to save memory."""
    attention: Literal["auto", "xla", "blocked", "fused", "cudnn"] = "auto"
    """Attention's implementation: blocked for CPUs, fused for TPUs, cudnn for GPUs in bfloat16."""
    select: Literal["last", "best"] = "last"
    """Evaluation whose weights are kept; best flatters the out-of-fold score."""


@frozen
class Model:
    """One model."""

    encoder: Name
    """Architecture, a file in pipeline/encoders."""
    backbone: Backbone
    inputs: Inputs
    train: Train
    predict: Predict


@frozen
class Spans:
    """Masked spans: consecutive words, each masked whole."""

    share: Annotated[float, Field(gt=0.0, lt=1.0)]
    """Share of a row's words, counted in their tokens, that is masked."""
    shortest: Part
    """Words of the shortest span."""
    longest: Part
    """Words of the longest span."""
    ending: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Chance that a span ends after a word, as SpanBERT's 0.2; null: each length as likely."""
    random: Share = 0.0
    """Share of the spans that become random words in place of the mask token."""
    kept: Share = 0.0
    """Share of the spans that stay as they are and are predicted all the same."""


@frozen
class Pretrain:
    """Masked-language-model training of a model's backbone, to data/pretrained."""

    base: Name
    """Model whose backbone is trained on."""
    essays: str
    """Folder of clean essays: data/clean/train, or data/clean for those of the test too."""
    texts: str
    """Folder of further .txt files, at any depth; data/clean/train has none."""
    held_out: Annotated[float, Field(gt=0.0, lt=1.0)]
    """Share of the texts that is held out to measure on."""
    window: Length
    """Tokens of the longest sequence; at most the encoder's positions."""
    spans: Spans
    train: Train
    """Training as a fold's; rows.slots counts words."""


@frozen
class Pseudo:
    """Soft labels of the test essays for a model to train on, made fold by fold."""

    teacher: Name
    """Model whose fold alone labels for the same fold of the one that learns."""


@frozen
class Unlabelled(Pseudo):
    """Soft labels of a folder's essays for a model to train on, made likewise."""

    essays: str
    """Folder in Kaggle's layout; labels in it don't count, and no essay may be a labelled one."""


@frozen
class Member:
    """Someone else's model."""

    oof: str
    """CSV file of out-of-fold probabilities by element id."""
    test: str
    """CSV file of test probabilities by element id."""


@frozen
class Stacker(Boosting):
    """Boosted trees over all members, the elements around one and its place, beside the pool."""


@frozen
class Ensemble:
    """The blend of the members; everything fitted is refitted inside folds by essay."""

    pool: Literal["simplex", "loglinear"]
    """Pool of probabilities: shares that sum to 1, or weights of any sign and a bias per class."""
    ridge: NonNegative
    """Penalty, per row, on the log-linear pool's distance from equal weights without a bias."""
    nested_folds: Annotated[int, Field(ge=2, le=100)]
    """Folds in which the blend is fitted anew to be judged."""
    seed: Seed
    """Seed of those folds."""
    drop: bool = False
    """Give members that earn nothing no weight in the log-linear pool."""
    stacker: Stacker | None = None
    """Trees that are blended with the pool, by a weight fitted in the nested folds; null: none."""
    class_means: bool = False
    """Scale the predictions of a test set until their means are the training class shares."""


@frozen
class Parameters:
    """The whole configuration."""

    data: Data
    clean: Clean
    split: Split
    folds: Annotated[list[Annotated[int, Field(ge=0, lt=100)]], Field(min_length=1)]
    """Folds to train, a subset of range(split.n_folds)."""
    seeds: list[Seed]
    """Further seeds that every fold is trained under; predictions are means over all seeds."""
    full: list[Name]
    """Models that are trained on all essays as well; in a test's mean that is one further fold."""
    compute: Compute
    session: Session
    labels: Labels
    topics: dict[Name, Topics]
    baseline: Baseline
    models: dict[Name, Model]
    pretrain: dict[Name, Pretrain]
    pseudo: dict[Name, Pseudo]
    unlabelled: dict[Name, Unlabelled]
    embeddings: dict[Name, Embeddings]
    members: dict[Name, Member]
    ensemble: Ensemble
