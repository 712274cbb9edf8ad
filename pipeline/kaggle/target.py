"""The target of a submission: the competition, and the account's own dataset and kernel."""

import re
from dataclasses import dataclass
from typing import Final

from pipeline.errors import UserError

DATASET: Final = "effective-arguments-bundle"
KERNEL: Final = "effective-arguments-inference"
ACCELERATORS: Final = {"none": 0, "NvidiaTeslaT4": 2}
"""Devices of each; a TPU is left out, for Kaggle gives it an image without TPU support."""

_IMAGE = re.compile(r"gcr\.io/kaggle-[a-z0-9-]+/[a-z0-9-]+@sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Target:
    """Names in Kaggle's addresses: 6 to 50 small letters, digits and single hyphens.

    `owner` is the account; `accelerator` one of `ACCELERATORS`; `docker_image` the image that the
    kernel runs in, by its digest, or None for Kaggle's newest.
    """

    competition: str
    owner: str
    dataset: str
    kernel: str
    accelerator: str
    docker_image: str | None = None

    def __post_init__(self) -> None:
        for what, slug in (("dataset", self.dataset), ("kernel", self.kernel)):
            if not 6 <= len(slug) <= 50 or not re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slug):
                raise UserError(
                    f"--{what}: found {slug!r}, expected 6 to 50 small letters, digits and "
                    "single hyphens"
                )
        if self.docker_image is not None and not _IMAGE.fullmatch(self.docker_image):
            raise UserError(
                f"--docker-image: found {self.docker_image!r}, expected an image of Kaggle's by "
                "its digest: gcr.io/kaggle-images/python@sha256: and 64 hexadecimal digits"
            )

    @property
    def environment(self) -> dict[str, str]:
        """All that a kernel runs on and in, as far as it was chosen."""
        image = {"docker_image": self.docker_image} if self.docker_image else {}
        return {"accelerator": self.accelerator, **image}

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
