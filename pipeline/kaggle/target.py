"""The target of a submission: the competition, and the account's own dataset and kernel."""

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import UserError

DATASET: Final = "effective-arguments-bundle"
KERNEL: Final = "effective-arguments-inference"
ACCELERATORS: Final = {"none": 0, "NvidiaTeslaT4": 2}
"""Devices of each; a TPU is left out, for Kaggle gives it an image without TPU support."""


@dataclass(frozen=True)
class Target:
    """Names in Kaggle's addresses: 6 to 50 small letters, digits and single hyphens.

    `owner` is the account; `accelerator` one of `ACCELERATORS`.
    """

    competition: str
    owner: str
    dataset: str
    kernel: str
    accelerator: str

    def __post_init__(self) -> None:
        for what, slug in (("dataset", self.dataset), ("kernel", self.kernel)):
            if not 6 <= len(slug) <= 50 or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
                raise UserError(
                    f"--{what}: found {slug!r}, expected 6 to 50 small letters, digits and "
                    "single hyphens"
                )

    @property
    def dataset_ref(self) -> str:
        """The dataset's address."""
        return f"{self.owner}/{self.dataset}"

    @property
    def kernel_ref(self) -> str:
        """The kernel's address."""
        return f"{self.owner}/{self.kernel}"


def title(slug: str) -> str:
    """Make a title that Kaggle turns back into the slug."""
    return slug.replace("-", " ").capitalize()
