import jax
import jax.numpy as jnp
import numpy as np
from scipy.special import ndtr

from pipeline.encoders.layers import Site, activation, drop, dropout, site_keys


def keys(count: int, seed: int = 0) -> jax.Array:
    return jax.random.split(jax.random.key(seed), count)


def test_what_is_kept_is_scaled_by_the_share_that_is_really_kept():
    x = jnp.full((64, 8), 3.0)
    dropped = np.asarray(drop(x, jax.random.key(0), 0.1))
    np.testing.assert_allclose(np.unique(dropped), [0.0, 3.0 * 256 / 230], rtol=1e-6)


def test_mask_of_a_row_is_its_own():
    x = jnp.ones((4, 6, 5))
    whole = dropout(x, keys(4), 0.5)
    apart = jnp.concatenate([dropout(x[i : i + 1], keys(4)[i : i + 1], 0.5) for i in range(4)])
    np.testing.assert_array_equal(whole, apart)
    order = jnp.array([2, 0, 3, 1])
    np.testing.assert_array_equal(dropout(x, keys(4)[order], 0.5), whole[order])
    assert len({np.asarray(row).tobytes() for row in whole}) == 4


def test_no_keys_or_no_rate_is_no_dropout():
    x = jnp.ones((2, 3))
    assert dropout(x, None, 0.5) is x
    assert dropout(x, keys(2), 0.0) is x
    assert site_keys(None, Site.OUTPUT) is None


def test_every_layer_and_site_has_keys_of_its_own():
    found = {
        np.asarray(jax.random.key_data(site_keys(keys(1), site, layer))).tobytes()
        for site in Site
        for layer in range(4)
    }
    assert len(found) == 4 * len(Site)


def test_gelu_is_x_times_the_normal_distribution():
    x = np.linspace(-5, 5, 41, dtype=np.float32)
    np.testing.assert_allclose(activation("gelu")(jnp.asarray(x)), x * ndtr(x), atol=1e-6)


def test_activations_keep_the_dtype():
    x = jnp.ones((3,), jnp.bfloat16)
    assert activation("gelu")(x).dtype == activation("gelu_new")(x).dtype == jnp.bfloat16
