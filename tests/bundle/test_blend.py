"""Each row is pooled by weights that were fitted to just the members that it has."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.bundle.blend import Blend, fit_parts, read_blend
from pipeline.errors import UserError
from pipeline.evaluation.pools import Kind, fit, pool
from pipeline.evaluation.surroundings import surroundings

NAMES = ["baseline", "one", "two"]
PRIORS = {"": [0.2, 0.5, 0.3], "Lead": [0.1, 0.6, 0.3]}

# Of pools without a stacker, which look at no other element.
AROUND = surroundings([], [], [])


def _drawn(seed: int, members: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 3, 300)
    logits = np.eye(3)[labels][:, None] + rng.normal(size=(300, members, 3))
    exponents = np.exp(logits)
    return exponents / exponents.sum(axis=2, keepdims=True), labels


@pytest.mark.parametrize("kind", ["simplex", "loglinear"])
def test_members_that_a_row_lacks_have_no_part_in_its_pool(kind: Kind, tmp_path: Path) -> None:
    members, labels = _drawn(7)
    parts = fit_parts(kind, NAMES, members, labels, 1e-3, NAMES[1:])
    assert list(parts) == [("baseline",), ("baseline", "one"), ("baseline", "two")]
    Blend(NAMES, fit(kind, members, labels, 1e-3), parts, PRIORS).write(tmp_path)
    blend = read_blend(tmp_path)
    rows = members[:6].copy()
    # Complete, without two, without one, the baseline alone, nothing, and all but the baseline.
    lacks = [(), (2,), (1,), (1, 2), (0, 1, 2), (0,)]
    for row, lacking in enumerate(lacks):
        rows[row, list(lacking)] = np.nan
    found = blend.predict(rows, ["Lead"] * 5 + ["Digression"], AROUND)
    for row, held in enumerate([[0, 1, 2], [0, 1], [0, 2], [0]]):
        fitted = fit(kind, members[:, held], labels, 1e-3)
        expected = pool(fitted, members[row : row + 1, held])[0]
        np.testing.assert_allclose(found[row], expected, atol=1e-12)
    assert found[4:].tolist() == [PRIORS["Lead"], PRIORS[""]]


@pytest.mark.parametrize(("models", "sets"), [(6, 63), (8, 15)])
def test_the_number_of_fits_is_bounded(models: int, sets: int) -> None:
    """All but the whole of 64 sets of six models; with eight none to seven, and all but each."""
    members, labels = _drawn(7, 1 + models)
    names = ["baseline", *map(str, range(models))]
    parts = fit_parts("simplex", names, members, labels, 1e-3, names[:0:-1])
    assert len(parts) == sets


def test_a_row_is_pooled_by_the_largest_set_that_it_has_whole() -> None:
    """Of eight models, of which the last is the cheapest and the first the dearest."""
    members, labels = _drawn(7, 9)
    names = ["baseline", *"abcdefgh"]
    whole = fit("loglinear", members, labels, 1e-3)
    parts = fit_parts("loglinear", names, members, labels, 1e-3, "hgfedcba")
    rows = members[:5].copy()
    # Without a, b and c; a, c and e; h alone; a and h; the baseline.
    lacks = [(1, 2, 3), (1, 3, 5), (8,), (1, 8), (0,)]
    for row, lacking in enumerate(lacks):
        rows[row, list(lacking)] = np.nan
    found = Blend(names, whole, parts, PRIORS).predict(rows, ["Lead"] * 5, AROUND)
    held = [[0, 4, 5, 6, 7, 8], [0, 6, 7, 8], [0, 1, 2, 3, 4, 5, 6, 7], [0]]
    for row, some in enumerate(held):
        fitted = fit("loglinear", members[:, some], labels, 1e-3)
        expected = pool(fitted, members[row : row + 1, some])[0]
        np.testing.assert_allclose(found[row], expected, atol=1e-12)
    assert found[4].tolist() == PRIORS["Lead"]


def test_a_blend_of_another_form_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "ensemble.json"
    path.write_text('{"pool": "simplex", "members": ["baseline"], "weights": [1], "bias": [0]}')
    with pytest.raises(UserError) as error:
        read_blend(tmp_path)
    assert str(error.value) == f"{path}: no blend of members: KeyError('parts')"
