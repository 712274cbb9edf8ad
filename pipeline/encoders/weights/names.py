"""Places of parameters in a Hugging Face checkpoint: one or more tensors for each leaf here."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Tensor:
    """The tensors of one leaf.

    Attributes:
      name: without the family's prefix; `{}` is the number of the layer.
      transposed: whether torch keeps the array's axes in the opposite order, as (out, in).
      layers: the layers that the leaf's leading axis stands for; the one layer of a leaf without
        such an axis; None for a leaf below all layers. Learning rates by layer go by it too.
    """

    name: str
    transposed: bool = False
    layers: range | int | None = None

    @property
    def stacked(self) -> bool:
        """True where the leading axis of the leaf is one of layers."""
        return isinstance(self.layers, range)

    def names(self) -> list[str]:
        """Return the name of each layer's tensor, in the leading axis's order, or the only name."""
        numbers = self.layers if isinstance(self.layers, range) else [self.layers]
        return [self.name.format(number) for number in numbers]


def linear(path: str, name: str, bias: bool = True, layers: int | None = None) -> dict[str, Tensor]:
    """Return the leaves of a dense layer."""
    kernel = {f"{path}/kernel": Tensor(f"{name}.weight", True, layers)}
    return kernel | ({f"{path}/bias": Tensor(f"{name}.bias", False, layers)} if bias else {})


def norm(path: str, name: str, bias: bool = True, layers: int | None = None) -> dict[str, Tensor]:
    """Return the leaves of a layer norm."""
    scale = {f"{path}/scale": Tensor(f"{name}.weight", False, layers)}
    return scale | ({f"{path}/bias": Tensor(f"{name}.bias", False, layers)} if bias else {})


def embedding(path: str, name: str) -> dict[str, Tensor]:
    """Return the leaf of a table of embeddings."""
    return {f"{path}/embedding": Tensor(f"{name}.weight")}
