"""One layer's attention alone with its gradients, form by form, on one core of a machine."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from pipeline.devices import parallel
from pipeline.encoders.attention.disentangled import Relative, expand, table_rows
from pipeline.encoders.attention.dispatch import IMPLEMENTATIONS, attend
from tpu_check.chips import MACHINES, devices
from tpu_check.steps import Compiled, DoesNotFitError, compiled
from tpu_check.timing import Timing, timing

ROWS, TOKENS, HEADS, WIDTH, SPAN = 8, 512, 12, 64, 256
_NAMES = [name for name in IMPLEMENTATIONS if name != "cudnn"]

Operands = tuple[Array, ...]
Form = Callable[..., Array]


class Line(NamedTuple):
    """A form's figures; without `compiled` what stood in its way."""

    name: str
    machine: str
    compiled: Compiled | None
    timing: Timing | None
    temporary: int
    reason: str


def lines(machines: Sequence[str], implementation: str | None) -> Iterator[Line]:
    """Compile every form, or one, on each machine: BERT's, a local window's and DeBERTa's."""
    names = _NAMES if implementation is None else [implementation]
    for at in machines:
        for name in names:
            yield _line(f"BERT, {name}", at, _plain(name, None), relative=False)
        for name in names:
            form = _plain(name, 64)
            yield _line(f"window of 64 to either side, {name}", at, form, relative=False)
        if implementation is None:
            yield _line("DeBERTa, take_along_axis", at, gathered, relative=True)
        for name in names:
            yield _line(f"DeBERTa, {name}", at, _relative(name), relative=True)


def _plain(name: str, window: int | None) -> Form:
    def form(query: Array, key: Array, value: Array, segment: Array) -> Array:
        return attend(query, key, value, segment, None, 0.0, name, window)

    return form


def _relative(name: str) -> Form:
    rows = table_rows(TOKENS, SPAN, TOKENS)

    def form(
        query: Array, key: Array, value: Array, segment: Array, keys: Array, queries: Array
    ) -> Array:
        relative = Relative(expand(keys, rows), expand(queries, rows))
        return attend(query, key, value, segment, None, 0.0, name, relative=relative)

    return form


def gathered(
    query: Float[Array, "rows tokens heads width"],
    key: Float[Array, "rows tokens heads width"],
    value: Float[Array, "rows tokens heads width"],
    segment: Int[Array, "rows tokens"],
    keys: Float[Array, "positions heads width"],
    queries: Float[Array, "positions heads width"],
    span: int = SPAN,
) -> Float[Array, "rows tokens heads width"]:
    """DeBERTa's attention as torch's model has it: scores by bucket, gathered for each pair."""
    tokens = query.shape[1]
    place = np.arange(tokens)
    buckets = table_rows(tokens, span, tokens)[place[:, None] - place[None, :] + tokens - 1]
    index = jnp.asarray(buckets)[None, None]
    scale = (3 * query.shape[-1]) ** -0.5
    scaled, small = query * scale, key * scale

    def product(form: str, one: Array, other: Array) -> Array:
        return jnp.einsum(form, one, other, preferred_element_type=jnp.float32)

    to_position = product("rqhw,phw->rhqp", scaled, keys)
    from_position = product("rkhw,phw->rhkp", small, queries)
    shape = (*to_position.shape[:3], tokens)
    scores = product("rqhw,rkhw->rhqk", scaled, key)
    scores += jnp.take_along_axis(to_position, jnp.broadcast_to(index, shape), -1)
    turned = jnp.broadcast_to(jnp.asarray(buckets.T)[None, None], shape)
    scores += jnp.take_along_axis(from_position, turned, -1).swapaxes(-1, -2)
    same = (segment[:, :, None] == segment[:, None, :])[:, None]
    share = jax.nn.softmax(jnp.where(same, scores, -1e30), axis=-1).astype(value.dtype)
    return jnp.einsum("rhqk,rkhw->rqhw", share, value)


def _line(name: str, at: str, form: Form, *, relative: bool) -> Line:
    content = jax.ShapeDtypeStruct((1, ROWS, TOKENS, HEADS, WIDTH), jnp.bfloat16)
    segment = jax.ShapeDtypeStruct((1, ROWS, TOKENS), jnp.int32)
    table = jax.ShapeDtypeStruct((2 * SPAN, HEADS, WIDTH), jnp.bfloat16)
    tables = (table, table) if relative else ()

    def gradients(tables: Operands, share: Operands) -> Any:
        query, key, value, segment, cotangent = share

        def loss(query: Array, key: Array, value: Array, tables: Operands) -> Array:
            mixed = form(query, key, value, segment, *tables)
            return jnp.sum(mixed.astype(jnp.float32) * cotangent.astype(jnp.float32))

        return jax.grad(loss, argnums=(0, 1, 2, 3))(query, key, value, tables)

    machine = MACHINES[at]
    step = parallel(gradients, devices(machine)[:1], replicated_out=False)
    try:
        made = compiled(step, tables, (content, content, content, segment, content))
    except DoesNotFitError as error:
        return Line(name, at, None, None, 0, str(error))
    except Exception as error:  # a form may refuse a window, relative terms or the platform
        reason = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        return Line(name, at, None, None, 0, reason)
    return Line(name, at, made, timing(made.module, machine.core, 1), made.temporary, "")
