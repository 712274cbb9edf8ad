"""The member of a frozen encoder: its vectors of elements and essays into a regression by fold."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from pipeline import devices as machine
from pipeline import params, paths
from pipeline.errors import UserError
from pipeline.files import atomic_folder
from pipeline.inference.embedder import Embedder
from pipeline.inputs.tokens import read_tokens
from pipeline.members.by_fold import check_labels, write_by_fold
from pipeline.members.embedding_fits import Fit, fit_boosting, fit_ridge, save
from pipeline.members.features import Measures, measures, read_texts
from pipeline.members.vectors import Vectors, vectors
from pipeline.tables.elements import Elements


def fit(
    options: params.Embeddings,
    elements: Elements,
    measured: Measures,
    seen: Vectors,
    rows: Bool[np.ndarray, " elements"],
) -> Fit:
    """Fit on the elements of `rows`, which are all those of some essays.

    Raises:
      UserError: all labels of the training essays are the same, or a penalty is too small.
    """
    check_labels(elements, rows)
    if options.ridge is not None:
        try:
            return fit_ridge(options.ridge, measured, seen, elements.labels, rows)
        except np.linalg.LinAlgError as error:
            where = f"params.yaml: embeddings with model {options.model}: ridge"
            raise UserError(f"{where}: raise a penalty: {error}") from None
    assert options.boosting is not None  # the configuration has one of the two
    return fit_boosting(options.boosting, measured, seen, elements.labels, rows)


def predict(fitted: Fit, measured: Measures, seen: Vectors) -> Float[np.ndarray, "elements labels"]:
    """Predict essays that are not among the training ones; NaN where an essay's vector is."""
    there = np.asarray(np.isfinite(seen.essays).all(axis=1))[measured.essay]
    numbers = np.nan_to_num(seen.essays), np.nan_to_num(seen.elements)
    found = fitted.predict(measured, Vectors(essays=numbers[0], elements=numbers[1]))
    return np.where(there[:, None], found, np.nan)


def run(
    name: str,
    options: params.Embeddings,
    encoder: str,
    settings: params.Predict,
    folds: Sequence[int],
    elements: Elements,
) -> None:
    """Embed train and test once, fit every fold, predict, write all of it.

    Args:
      name: of the member.
      options: its own.
      encoder: the network of its model.
      settings: of prediction of its model, the rows and the dtype.
      folds: of the configuration.
      elements: all labelled ones.

    Raises:
      UserError: tokens or backbone are not what they should be, there are more components than
        numbers, or all labels of the training essays are the same.
    """
    backend, backbone = machine.start_best(), paths.backbone(options.model)
    embedder = Embedder.of_folder(backbone, encoder, settings, backend)
    check_components(name, options, embedder.width)
    weights = embedder.load(backbone)

    def read(split: str) -> tuple[list[str], Measures, Vectors]:
        texts, tokens = read_texts(split), read_tokens(paths.tokens(options.model, split))
        if tokens.element_ids != texts.element_ids:
            raise UserError(
                f"{paths.tokens(options.model, split)}: expected the elements of "
                f"{paths.clean(split)}; run dvc repro"
            )
        windows = np.arange(len(tokens))
        means = embedder.means(weights, tokens, windows, f"embed@{name} {split}")
        return texts.element_ids, measures(texts), vectors(means, texts.essay)

    _, measured, seen = read("train")
    test_ids, of_test, seen_test = read("test")
    with atomic_folder(paths.embeddings(name)) as folder:

        def of_fold(
            fold: int, own: Bool[np.ndarray, " elements"]
        ) -> tuple[Float[np.ndarray, "own labels"], Float[np.ndarray, "test labels"]]:
            fitted = fit(options, elements, measured, seen, ~own)
            save(folder / f"fold{fold}.npz", fitted)
            return predict(fitted, measured, seen)[own], predict(fitted, of_test, seen_test)

        write_by_fold(name, folds, elements, test_ids, of_fold)


def check_components(name: str, options: params.Embeddings, width: int) -> None:
    """Hold the directions that trees take to those that there are.

    Raises:
      UserError: there are fewer.
    """
    if options.boosting is not None and options.boosting.components > width:
        raise UserError(
            f"params.yaml: embeddings.{name}.boosting.components: {options.boosting.components}; "
            f"expected at most {width}, the numbers of a hidden state of {options.model}"
        )
