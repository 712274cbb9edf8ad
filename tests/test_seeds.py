"""Seeds by name keep their values, which folds and weights were drawn from."""

import pytest

from pipeline.seeds import packing_draws, stream, tensor_draws

pytestmark = pytest.mark.golden


def test_streams_differ_by_every_part_of_their_name() -> None:
    seeds = [stream(1, 0, purpose) for purpose in ("packing", "head", "dropout")]
    assert seeds == [763035801, 3290602224, 839466417]
    assert stream(7, 4, "dropout") == 2917972285
    assert stream(0) == 1609362278


@pytest.mark.parametrize(
    ("seed", "name", "expected"),
    [
        (1, "classifier/kernel", [4112425449, 1361467034, 2574728309]),
        (0, "x", [2506782381, 2557565293, 2605867907]),
        (-3, "x", [2640218960, 321916346, 261891241]),
    ],
)
def test_a_tensor_draws_by_its_name(seed: int, name: str, expected: list[int]) -> None:
    assert tensor_draws(seed, name).integers(0, 2**32, 3).tolist() == expected


@pytest.mark.parametrize(
    ("seed", "epoch", "expected"),
    [
        (5, 0, [4246191139, 3221493563, 317323251]),
        (2**32 - 1, 7, [2900217064, 3477804683, 4050277238]),
    ],
)
def test_packing_draws_by_its_epoch(seed: int, epoch: int, expected: list[int]) -> None:
    assert packing_draws(seed, epoch).integers(0, 2**32, 3).tolist() == expected
