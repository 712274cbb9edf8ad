"""Adversarial weight perturbation against the same thing in numpy, leaf by leaf."""

import dataclasses
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict, unflatten_dict

import tests.training.tiny as tiny
from pipeline import devices as machine
from pipeline.encoders.registry import Tensor
from pipeline.params import Perturbation
from pipeline.training import perturbation
from pipeline.training.step import TrainState, train_step

Leaves = dict[str, np.ndarray]
PLACES = {
    "encoder/embeddings/word/embedding": Tensor("word"),
    "encoder/layers/query/kernel": Tensor("{}", layers=range(3)),
    "encoder/layers/query/bias": Tensor("{}", layers=range(3)),
    "classifier/kernel": Tensor("classifier"),
}
SHAPES = {
    "encoder/embeddings/word/embedding": (7, 4),
    "encoder/layers/query/kernel": (3, 4, 5),
    "encoder/layers/query/bias": (3, 5),
    "classifier/kernel": (4, 2),
}
CHOSEN = {
    "embeddings": ["encoder/embeddings/word/embedding"],
    "matrices": [path for path in SHAPES if not path.endswith("bias")],
    "all": list(SHAPES),
}


def move(weight: np.ndarray, gradient: np.ndarray, size: float, bound: float | None) -> np.ndarray:
    """One tensor's move, as the Feedback Prize's solutions take it in torch."""
    w, g = weight.astype(np.float64), gradient.astype(np.float64)
    length, steepness = np.sqrt((w * w).sum()), np.sqrt((g * g).sum())
    there = w + size * g / (steepness + 1e-6) * (length + 1e-6)
    if bound is None:
        return there
    return np.minimum(np.maximum(there, w - bound * np.abs(w)), w + bound * np.abs(w))


def draws(seed: int) -> Leaves:
    rng = np.random.default_rng(seed)
    return {path: rng.normal(size=shape).astype(np.float32) for path, shape in SHAPES.items()}


def flat(tree: Any) -> Leaves:
    """The leaves of a tree of parameters by their paths."""
    return {str(path): np.asarray(leaf) for path, leaf in flatten_dict(tree, sep="/").items()}


def nested(leaves: Leaves) -> Any:
    arrays = {tuple(path.split("/")): jnp.asarray(leaf) for path, leaf in leaves.items()}
    return unflatten_dict(arrays)


@pytest.mark.parametrize("bound", [None, 0.05])
@pytest.mark.parametrize("leaves", CHOSEN)
def test_each_layer_moves_by_its_own_norms(leaves: str, bound: float | None) -> None:
    options = Perturbation(leaves=leaves, size=0.1, bound=bound)  # type: ignore[arg-type]
    weights, gradient = draws(1), draws(2)
    perturb = perturbation.of(options, PLACES)
    assert perturb is not None
    found = flat(perturb(nested(weights), nested(gradient)))
    for path, weight in weights.items():
        if path not in CHOSEN[leaves]:
            np.testing.assert_array_equal(found[path], weight)
        elif PLACES[path].stacked:
            pairs = zip(weight, gradient[path], strict=True)
            expected = np.stack([move(w, g, 0.1, bound) for w, g in pairs])
            np.testing.assert_allclose(found[path], expected, rtol=1e-5, atol=1e-6)
        else:
            expected = move(weight, gradient[path], 0.1, bound)
            np.testing.assert_allclose(found[path], expected, rtol=1e-5, atol=1e-6)


def test_a_move_by_hand() -> None:
    """A weight of length 5 moves by a tenth of it, all along its only slope."""
    tree = {"classifier": {"kernel": jnp.array([[3.0], [4.0]])}}
    slope = {"classifier": {"kernel": jnp.array([[0.0], [2.0]])}}
    perturb = perturbation.of(Perturbation(leaves="matrices", size=0.1), PLACES)
    assert perturb is not None
    found = np.asarray(perturb(tree, slope)["classifier"]["kernel"])
    np.testing.assert_allclose(found, [[3.0], [4.5]], rtol=1e-6)


@pytest.mark.parametrize(("start", "begun"), [(0.0, 0), (0.25, 2), (0.3, 2), (0.9, 7)])
def test_it_begins_at_its_share_of_the_steps(start: float, begun: int) -> None:
    options = Perturbation(start=start)
    total = jnp.asarray(8)
    told = [bool(perturbation.has_begun(options, jnp.asarray(step), total)) for step in range(8)]
    assert told == [step >= begun for step in range(8)]


SIZE, BOUND = 0.05, 0.1


@pytest.fixture(scope="module")
def steps(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The plain step on one device, the perturbed one on two in parts; what both begin with."""
    model = tiny.model(tmp_path_factory.mktemp("model"))
    optimizer = dataclasses.replace(tiny.options().optimizer, clip=1e9)
    moves = Perturbation(leaves="matrices", size=SIZE, bound=BOUND, start=0.25)
    plain = tiny.options(optimizer=optimizer)
    moved = tiny.options(optimizer=optimizer, perturbation=moves, accumulation=2)

    def take(options: Any, devices: int, params: Any, done: int) -> tuple[Leaves, float]:
        """Gradient and loss of the step after `done` of eight."""
        adamw = tiny.optimizer(model, options)
        if options.accumulation not in made:
            step = train_step(model, adamw, options)
            some = jax.devices()[:devices]
            made[options.accumulation] = machine.parallel(step, some, replicated_out=True)
        state = TrainState.create(params, adamw, 8, 5)._replace(step=np.int32(done))
        state = machine.replicate(state, jax.devices()[:devices])
        batch = machine.split(tiny.batch(16), devices, options.accumulation)
        after, metrics = made[options.accumulation](state, batch)
        mean = flat(after.moments[1].mu)
        gradient = {path: leaf / (1 - optimizer.b1) for path, leaf in mean.items()}
        return gradient, float(metrics.loss)

    made: dict[int, Any] = {}
    params = jax.device_get(tiny.parameters(model))
    return params, lambda p, done: take(plain, 1, p, done), lambda p, done: take(moved, 2, p, done)


def close(found: Leaves, expected: Leaves) -> None:
    for path, leaf in expected.items():
        # A bias of the keys moves all scores of a query alike: its gradient is rounding.
        if path != "encoder/layers/key/bias":
            atol = 2e-5 * np.abs(leaf).max()
            np.testing.assert_allclose(found[path], leaf, rtol=0, atol=atol, err_msg=path)


@pytest.mark.slow
def test_the_step_takes_the_gradient_at_the_moved_weights(steps: Any) -> None:
    """On two devices, in parts and with dropout on, against the plain step of one device."""
    params, plain, moved = steps
    gradient, loss = plain(params, 2)
    weights = flat(params)
    there = dict(weights)
    for path, weight in weights.items():
        if path.endswith(("kernel", "embedding")):
            g = gradient[path]
            if "/layers/" in path:
                pairs = zip(weight, g, strict=True)
                there[path] = np.stack([move(w, slope, SIZE, BOUND) for w, slope in pairs])
            else:
                there[path] = move(weight, g, SIZE, BOUND)
    narrow = {path: leaf.astype(np.float32) for path, leaf in there.items()}
    expected, higher = plain(nested(narrow), 2)
    found, told = moved(params, 2)
    close(found, expected)
    assert told == pytest.approx(loss, rel=1e-5)
    assert higher > loss + 0.01


@pytest.mark.slow
def test_before_its_start_the_step_is_the_plain_one(steps: Any) -> None:
    params, plain, moved = steps
    (expected, loss), (found, told) = plain(params, 1), moved(params, 1)
    close(found, expected)
    assert told == pytest.approx(loss, rel=1e-5)
