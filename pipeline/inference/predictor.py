"""The one object that predicts: weights and windows in, probabilities of elements out."""

from pathlib import Path
from typing import Any, cast

import numpy as np
from jaxtyping import Array, Float, Int
from scipy.special import softmax

from pipeline.encoders.weights.folders import load_fold
from pipeline.inference.element_means import ElementMeans
from pipeline.inputs.tokens import Tokens


class Predictor(ElementMeans):
    """A classifier under the weights of any of its folds."""

    OUTPUT = "logit"

    @property
    def width(self) -> int:
        """The classes."""
        return self.model.n_labels

    def outputs(
        self,
        params: Any,
        ids: Int[Array, "rows tokens"],
        segment: Int[Array, "rows tokens"],
        position: Int[Array, "rows tokens"],
    ) -> Float[Array, "rows tokens labels"]:
        """Compute every token's logits."""
        return cast(Array, self.model.apply({"params": params}, ids, segment, position, None))

    def load(self, folder: Path, exact: bool = True) -> Any:
        """Read a fold's weights and replicate them; `exact` as of `load_fold`.

        Raises:
          UserError: the weights do not fit the model, or not into a device's memory.
        """
        return self.replicate(load_fold(folder, self.model, exact), folder)

    def probabilities(
        self,
        params: Any,
        tokens: Tokens,
        windows: Int[np.ndarray, " n"],
        description: str,
        finite: bool = True,
    ) -> Float[np.ndarray, "elements labels"]:
        """Predict every element that has a token in `windows`; other rows are NaN.

        An element's logits are the mean over its tokens. The arguments and errors are those of
        `means`.
        """
        return softmax(self.means(params, tokens, windows, description, finite).values, axis=-1)
