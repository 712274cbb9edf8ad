"""Mask augmentation: words of a training row replaced by the mask token, others at each step."""

from dataclasses import dataclass
from pathlib import Path

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key

from pipeline.errors import UserError
from pipeline.files import read_json
from pipeline.inputs.packing import Batch

# In the place of a row's number in the plan, which is never so large: a stream of its own.
_STREAM = 2**32 - 1


@dataclass(frozen=True)
class Masking:
    """Replacement of a share of the words.

    Attributes:
      share: of the tokens that may be replaced; each is drawn alone.
      token: the id that is put in their place.
      kept: ids that stay: special tokens and markers.
    """

    share: float
    token: int
    kept: tuple[int, ...]

    def mask(self, batch: Batch, key: Key[Array, ""]) -> Int[Array, "rows tokens"]:
        """Return the batch's ids, some words replaced; padding stays.

        Args:
          batch: some rows of a step.
          key: of the step. The draws depend on it and on the row's number in the plan alone, as
            dropout's do.
        """
        own = jax.random.fold_in(key, _STREAM)
        keys = jax.vmap(jax.random.fold_in, (None, 0))(own, batch.row)
        draws = jax.vmap(lambda one: jax.random.uniform(one, batch.ids.shape[1:]))(keys)
        words = (jnp.asarray(batch.segment) > 0) & ~jnp.isin(batch.ids, jnp.array(self.kept))
        return jnp.where(words & (draws < self.share), self.token, batch.ids)


def read_masking(backbone: Path, share: float) -> Masking | None:
    """Make the masking that a backbone's tokenizer allows; None where the share is 0.

    The token is the one that has the role, whatever its name: [MASK], <mask> or another.

    Raises:
      UserError: the tokenizer has no mask token.
    """
    if share == 0.0:
        return None
    path = backbone / "tokenizer_config.json"
    name = read_json(path).get("mask_token")
    added = read_json(backbone / "tokenizer.json")["added_tokens"]
    special = {token["content"]: int(token["id"]) for token in added if token["special"]}
    if name not in special:
        raise UserError(f"{path}: no mask_token, which train.mask_share: {share} needs")
    return Masking(share, special[name], tuple(sorted(special.values())))
