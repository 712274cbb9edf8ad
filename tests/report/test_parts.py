"""Label noise, curves, slices: by hand, or by another implementation."""

import jax.numpy as jnp
import numpy as np
import pytest

from pipeline.params import Optimizer
from pipeline.report.curves import band, end, shares
from pipeline.report.noise import suspects
from pipeline.report.run import Point, Texts
from pipeline.report.slices import groups, places
from pipeline.tables.elements import Elements
from pipeline.training.optimizer import schedule
from tests.configurations import section
from tests.evaluation.project import predict


def test_confident_learning_by_hand():
    labels = np.array([0, 0, 0, 1, 1, 2])
    rows = np.array(
        [
            [0.8, 0.1, 0.1],
            [0.7, 0.2, 0.1],
            [0.1, 0.7, 0.2],  # labelled 0, surely 1
            [0.2, 0.6, 0.2],
            [0.6, 0.3, 0.1],  # labelled 1, surely 0
            [0.3, 0.3, 0.4],
        ]
    )
    found = suspects(labels, rows)
    # Means where given: (0.8 + 0.7 + 0.1) / 3, (0.6 + 0.3) / 2, 0.4.
    assert found.thresholds.tolist() == pytest.approx([1.6 / 3, 0.45, 0.4])
    # Gaps 0.7 - 0.1 and 0.6 - 0.3.
    assert found.rows.tolist() == [2, 4]
    assert found.instead.tolist() == [1, 0]
    assert found.joint.tolist() == [[2, 1, 0], [1, 1, 0], [0, 0, 1]]


def test_a_label_that_nobody_gave_doubts_none():
    found = suspects(np.array([0, 1]), np.array([[0.1, 0.1, 0.8], [0.1, 0.6, 0.3]]))
    assert found.rows.tolist() == []


def points(unit: str, *losses: float, series: str = "train", to: float = 2.0) -> list[Point]:
    epochs = np.linspace(to / len(losses), to, len(losses))
    return [
        Point(unit, n + 1, float(epoch), series, loss)
        for n, (epoch, loss) in enumerate(zip(epochs, losses, strict=True))
    ]


def test_a_band_is_the_folds_at_the_same_epochs():
    both = points("0", 1.0, 0.8, 0.6, 0.4) + points("1", 1.2, 1.0, 0.8, 0.6)
    found = band(both + points("full", 9.0, 9.0, 9.0, 9.0), "train")
    assert found is not None
    assert found.epoch.tolist() == pytest.approx([0.5, 1.0, 1.5, 2.0])
    assert found.mean.tolist() == pytest.approx([1.1, 0.9, 0.7, 0.5])
    assert found.low.tolist() == pytest.approx([1.0, 0.8, 0.6, 0.4])
    assert found.high.tolist() == pytest.approx([1.2, 1.0, 0.8, 0.6])
    assert band(both, "validation") is None


def test_folds_of_unlike_lengths_are_read_off_by_straight_lines():
    found = band(points("0", 1.0, 0.5) + points("1", 1.2, 1.0, 0.8, 0.6), "train")
    assert found is not None
    assert found.epoch.tolist() == [1.0, 2.0]
    assert found.mean.tolist() == pytest.approx([1.0, 0.55])


def test_the_gap_is_the_last_held_out_loss_less_the_last_epoch_s_mean():
    curves = points("0", 1.0, 0.8, 0.6, 0.4) + points("0", 0.9, 0.7, series="validation")
    found = end(curves)
    assert found is not None
    assert found.gap == pytest.approx(0.7 - 0.5)
    assert end(points("full", 1.0, 0.8)) is None


@pytest.mark.parametrize("kind", ["linear", "cosine"])
@pytest.mark.parametrize("total", [7, 200])
def test_the_rate_is_the_one_of_training(kind: str, total: int):
    options = section(Optimizer, schedule=kind, warmup=0.1)
    place, share = shares(options, total)
    steps = (place * total).round().astype(int).tolist()
    expected = [float(schedule(jnp.asarray(n), jnp.asarray(total), options)) for n in steps]
    np.testing.assert_allclose(share, expected, atol=1e-6)


def test_slices_cover_every_element_once():
    count = 240
    of = np.repeat(np.arange(60), 4)
    elements = Elements(
        [f"{i}" for i in range(count)],
        [f"e{e}" for e in of],
        ["Lead", "Claim", "Claim", "Evidence"] * 60,
        np.random.default_rng(0).choice(3, count),
        of % 3,
    )
    texts = Texts(
        {f"e{e}": "word " * (10 + e) for e in range(60)},
        ["word " * (1 + i % 7) for i in range(count)],
        np.zeros(count, np.int64),
        np.ones(count, np.int64),
    )
    found = {group.name: group.parts for group in groups(elements, texts, predict(elements, 0))}
    for parts in found.values():
        assert sum(part.elements for part in parts) == count
        for part in parts:
            assert part.low is not None
            assert part.high is not None
            assert part.low <= part.log_loss <= part.high
    assert [(p.name, p.elements) for p in found["type"]] == [
        ("Lead", 60), ("Claim", 120), ("Evidence", 60)]  # fmt: skip
    assert [p.name for p in found["place in the essay"]] == ["1", "2", "3 to 4"]
    assert [p.elements for p in found["place in the essay"]] == [60, 60, 120]
    assert found["words of the essay"][0].name == "10 to 21"
    assert sum(part.essays for part in found["words of the essay"]) == 60


def test_one_essay_has_no_interval():
    elements = Elements(
        ["a", "b"], ["e", "e"], ["Lead", "Claim"], np.array([0, 1]), np.zeros(2, np.int64)
    )
    texts = Texts({"e": "a b"}, ["a", "b"], np.array([0, 2]), np.array([1, 3]))
    rows = np.array([[0.5, 0.3, 0.2], [0.2, 0.5, 0.3]])
    part = groups(elements, texts, rows)[0].parts[0]
    assert (part.low, part.high) == (None, None)


def test_places_are_counted_by_essay():
    assert places(["a", "a", "b", "a", "b"]).tolist() == [1, 2, 1, 3, 2]
