import jax.numpy as jnp
import numpy as np

from pipeline.encoders.rotary import rotate, rotation


def test_angles_by_hand():
    turn = rotation(jnp.array([[0, 1, 3]]), 4, 100.0)  # frequencies 1 and 1 / 10
    expected = np.array([[0.0, 0.0], [1.0, 0.1], [3.0, 0.3]])
    np.testing.assert_allclose(turn.cosine[0], np.cos(expected), atol=1e-6)
    np.testing.assert_allclose(turn.sine[0], np.sin(expected), atol=1e-6)


def test_pairs_turn_in_the_complex_plane():
    x = np.random.default_rng(0).standard_normal((2, 5, 3, 8)).astype(np.float32)
    position = np.array([[0, 1, 2, 0, 1], [7, 8, 9, 10, 11]], np.int32)
    turned = rotate(jnp.asarray(x), rotation(jnp.asarray(position), 8, 50.0))
    angles = position[:, :, None, None] * 50.0 ** (-np.arange(4) / 4)
    expected = (x[..., :4] + 1j * x[..., 4:]) * np.exp(1j * angles)
    np.testing.assert_allclose(turned[..., :4], expected.real, atol=1e-5)
    np.testing.assert_allclose(turned[..., 4:], expected.imag, atol=1e-5)


def test_angles_stay_float32_under_half_precision():
    x = jnp.ones((1, 2, 1, 2), jnp.bfloat16)
    turned = rotate(x, rotation(jnp.array([[4001, 4002]]), 2, 10.0))
    assert turned.dtype == jnp.bfloat16
    first = turned[0, :, 0, 0].astype(jnp.float32)
    np.testing.assert_allclose(first, np.cos([4001, 4002]) - np.sin([4001, 4002]), atol=0.01)
