"""What `make tpu-check` reads out of compiled programs, against counts made by hand and by XLA."""

import jax
import jax.numpy as jnp
import pytest

from tpu_check.chips import Core
from tpu_check.counting import exchanges, hbm_bytes, kernel_flops, products
from tpu_check.hlo import Module, Shape, parse, shapes
from tpu_check.rules import violations
from tpu_check.timing import timing

# A loop of three products of [4, 8] with a slice of [3, 8, 8], as TPUs schedule it.
LOOP = """
HloModule step, is_scheduled=true

%fused.1 (p0: bf16[4,8], p1: bf16[3,8,8], p2: s32[]) -> bf16[4,8] {
  %p0 = bf16[4,8]{1,0:T(8,128)(2,1)S(1)} parameter(0)
  %p1 = bf16[3,8,8]{2,1,0} parameter(1)
  %p2 = s32[]{:T(128)} parameter(2)
  %zero = s32[] constant(0)
  %own = bf16[1,8,8]{2,1,0} dynamic-slice(%p1, %p2, %zero, %zero), dynamic_slice_sizes={1,8,8}
  %flat = bf16[8,8]{1,0} bitcast(%own)
  ROOT %product = bf16[4,8]{1,0:S(1)} convolution(%p0, %flat), dim_labels=bf_io->bf, metadata={op_name="jit(f)/layers/dot_general"}
}

%body (b: (s32[], bf16[4,8], bf16[3,8,8], bf16[3,4,8])) -> (s32[], bf16[4,8], bf16[3,8,8], bf16[3,4,8]) {
  %b = (s32[]{:T(128)}, bf16[4,8]{1,0:S(1)}, /*index=2*/bf16[3,8,8]{2,1,0}, bf16[3,4,8]{2,1,0}) parameter(0)
  %i = s32[] get-tuple-element(%b), index=0
  %x = bf16[4,8]{1,0:S(1)} get-tuple-element(%b), index=1
  %w = bf16[3,8,8]{2,1,0} get-tuple-element(%b), index=2
  %kept = bf16[3,4,8]{2,1,0} get-tuple-element(%b), index=3
  %one = s32[] constant(1)
  %next = s32[] add(%i, %one)
  %y = bf16[4,8]{1,0:S(1)} fusion(%x, %w, %i), kind=kOutput, calls=%fused.1, backend_config={"window_config":{"estimated_cycles":"500"}}
  %row = bf16[1,4,8]{2,1,0} bitcast(%y)
  %stored = bf16[3,4,8]{2,1,0} dynamic-update-slice(%kept, %row, %i, %one, %one)
  ROOT %out = (s32[], bf16[4,8]{1,0:S(1)}, bf16[3,8,8]{2,1,0}, bf16[3,4,8]{2,1,0}) tuple(%next, %y, %w, %stored)
}

%condition (c: (s32[], bf16[4,8], bf16[3,8,8], bf16[3,4,8])) -> pred[] {
  %c = (s32[], bf16[4,8]{1,0:S(1)}, bf16[3,8,8]{2,1,0}, bf16[3,4,8]{2,1,0}) parameter(0)
  %bound = s32[]{:T(128)} constant(3)
  %at = s32[] get-tuple-element(%c), index=0
  ROOT %less = pred[] compare(%at, %bound), direction=LT
}

ENTRY %main (a0: s32[], a1: bf16[4,8], a2: bf16[3,8,8], a3: bf16[3,4,8]) -> f32[8] {
  %a0 = s32[] parameter(0)
  %a1 = bf16[4,8]{1,0} parameter(1)
  %a2 = bf16[3,8,8]{2,1,0} parameter(2)
  %a3 = bf16[3,4,8]{2,1,0} parameter(3)
  %all = (s32[], bf16[4,8]{1,0:S(1)}, bf16[3,8,8]{2,1,0}, bf16[3,4,8]{2,1,0}) tuple(%a0, %a1, %a2, %a3)
  %loop = (s32[], bf16[4,8]{1,0:S(1)}, bf16[3,8,8]{2,1,0}, bf16[3,4,8]{2,1,0}) while(%all), condition=%condition, body=%body
  %sums = f32[8]{0} custom-call(%loop), custom_call_target="AllocateBuffer"
  ROOT %summed = f32[8]{0} all-reduce(%sums), replica_groups={{0,1}}, to_apply=%add
}
"""  # noqa: E501


def test_shapes_know_their_bytes_and_where_they_are():
    assert shapes("(bf16[2,3]{1,0:T(8,128)(2,1)S(1)}, pred[5], s32[]{:T(128)})") == (
        Shape("bf16", (2, 3), near=True),
        Shape("pred", (5,)),
        Shape("s32", ()),
    )
    assert [s.bytes for s in shapes("(bf16[2,3], pred[5], s32[], f32[0])")] == [12, 5, 4, 0]


def test_loops_are_multiplied():
    module = parse(LOOP)
    assert dict(module.times) == {"main": 1, "body": 3}
    made = [
        (product.flops, times)
        for instruction, own, times in module.scheduled()
        for product in products(module, instruction, own)
    ]
    assert made == [(2 * 4 * 8 * 8, 3)]


def test_a_loop_whose_trips_cannot_be_read_is_an_error():
    with pytest.raises(ValueError, match="loop: the trips"):
        parse(LOOP.replace("direction=LT", "direction=NE"))


def test_bytes_are_slices_and_updates_in_place_and_nothing_for_a_core_s_own_memory():
    module = parse(LOOP)
    moved = {i.name: hbm_bytes(module, i, own) for i, own, _ in module.scheduled()}
    assert moved["y"] == 2 * 8 * 8 + 4  # one layer's weights and the index; x and y are near
    # The row (a bitcast without S(1), so in HBM) and three indices are read, the row is written.
    assert moved["stored"] == 2 * 4 * 8 + 3 * 4 + 2 * 4 * 8
    assert moved["loop"] == moved["out"] == moved["sums"] == moved["row"] == 0


def test_time_is_cycles_where_there_are_some_and_a_ring_for_exchanges():
    core = Core(
        "tiny", "TPU", peak=2 * 2 * 128 * 128.0, units=1, memory=1, bandwidth=100.0, links=8.0
    )
    assert core.clock == 2.0
    found = timing(parse(LOOP), core, cores=2)
    assert [(i.name, times, size) for i, times, size in exchanges(parse(LOOP))] == [
        ("summed", 1, 32)
    ]
    ring = 2 * (2 - 1) / 2 * 32 / 8.0
    loose = 3 * (140 + 12) / 100.0  # the update, and the counter's sum: three scalars of four bytes
    assert found.compiler == pytest.approx(3 * 500 / 2.0 + loose + ring)
    moved = 3 * (132 + 140 + 12) + 64  # with what the all-reduce reads and writes
    assert (found.flops, found.bytes) == (3 * 512, moved)
    assert found.roofline == pytest.approx(moved / 100.0 + ring)
    assert (found.reduces, found.exchanged, found.kernels, found.random) == (1, 32, 0.0, 0.0)


@pytest.mark.parametrize(
    ("left", "right", "out", "attributes"),
    [
        # Products by row and head, [8, 12] of them, as the compiler wrote BERT's scores:
        (
            "[8,512,12,64]", "[8,512,12,64]", "[8,12,512,512]",
            "window={size=8x12 stride=7x11 lhs_dilate=8x12}, dim_labels=0b1f_0o1i->01bf",
        ),
        # and its weighted sums of values.
        (
            "[8,512,12,64]", "[8,12,512,512]", "[8,12,512,64]",
            "window={size=8x12 stride=8x12 pad=7_7x11_11 lhs_dilate=7x11 rhs_reversal=1x1}, "
            "dim_labels=0f1b_01oi->01fb",
        ),
    ],
)  # fmt: skip
def test_batched_products_written_as_dilated_convolutions(
    left: str, right: str, out: str, attributes: str
):
    (product,) = _products(_entry(left, right, out, f"convolution(%l, %r), {attributes}"))
    assert product.flops == 2 * 8 * 12 * 512 * 512 * 64


def test_a_loop_counts_as_much_as_xla_says_of_it_unrolled():
    """XLA's own count is the other implementation, on this machine's compiler."""

    def unrolled(x, w):
        for i in range(5):
            x = x @ w[i]
        return x

    def scanned(x, w):
        return jax.lax.scan(lambda x, w: (x @ w, None), x, w)[0]

    x, w = jnp.ones((64, 128)), jnp.ones((5, 128, 128))
    known = jax.jit(unrolled).lower(x, w).compile().cost_analysis()["flops"]
    module = parse(jax.jit(scanned).lower(x, w).compile().as_text())
    counted = sum(
        times * product.flops
        for instruction, own, times in module.scheduled()
        for product in products(module, instruction, own)
    )
    assert counted == known == 5 * 2 * 64 * 128 * 128


def test_a_float32_product_at_highest_precision_takes_six_passes():
    labels = "dim_labels=bf_io->bf"
    plain = _entry("[4,8]", "[8,8]", "[4,8]", f"convolution(%l, %r), {labels}", "f32")
    highest = f"convolution(%l, %r), {labels}, operand_precision={{highest,highest}}"
    assert [p.passes for p in _products(plain)] == [1]
    assert [p.passes for p in _products(_entry("[4,8]", "[8,8]", "[4,8]", highest, "f32"))] == [6]
    assert [p.float32 for p in _products(plain)] == [True]


KERNEL = 'custom_call_target="tpu_custom_call"'


@pytest.mark.parametrize(
    ("origin", "outputs", "passes"),
    [("jit(f)/attend", 1, 2), ("transpose(jvp(f))", 1, 3), ("transpose(jvp(f))", 2, 4)],
)
def test_an_attention_kernel_s_flops_come_from_its_shapes(origin: str, outputs: int, passes: int):
    kind = ", ".join(["bf16[2,3,16,8]"] * outputs)
    call = f'custom-call(%l, %r), {KERNEL}, metadata={{op_name="{origin}"}}'
    module = _entry("[2,3,16,8]", "[2,3,16,8]", "", call, kind=f"({kind})")
    (kernel,) = [(i, own) for i, own, _ in module.scheduled() if i.opcode == "custom-call"]
    assert kernel_flops(*kernel) == passes * 2 * 2 * 3 * 16 * 16 * 8


def test_a_kernel_s_own_estimate_comes_first():
    estimate = '"cost_estimate":{"flops":"123","bytes_accessed":"45"}'
    config = f'backend_config={{"custom_call_config":{{{estimate}}}}}'
    call = f"custom-call(%l, %r), {KERNEL}, {config}"
    module = _entry("[2,16,8]", "[2,16,8]", "[2,16,8]", call)
    (kernel,) = [(i, own) for i, own, _ in module.scheduled() if i.opcode == "custom-call"]
    assert kernel_flops(*kernel) == 123
    assert hbm_bytes(module, *kernel) == 45


@pytest.mark.parametrize(("joined", "seconds"), [(1, 8.0), (2, 16.0)])
def test_a_kernel_runs_on_one_of_the_cores_that_are_joined(joined: int, seconds: float):
    config = 'backend_config={"custom_call_config":{"cost_estimate":{"flops":"800"}}}'
    call = f"custom-call(%l, %r), {KERNEL}, {config}"
    core = Core(
        "tiny", "TPU", peak=100.0, units=1, memory=1, bandwidth=1e9, links=1.0, joined=joined
    )
    found = timing(_entry("[2,16,8]", "[2,16,8]", "[2,16,8]", call), core, cores=1)
    assert found.kernels == found.compiler == seconds
    assert found.roofline == 8.0


WORDS = "jit(f)/jvp(TokenClassifier)/encoder/embeddings/word/jit(_take)/gather"


@pytest.mark.parametrize(
    ("operation", "origin", "dtype", "found"),
    [
        ("gather(%l, %r)", WORDS, "bf16", None),
        ("gather(%l, %r)", "jit(f)/layers/gather", "bf16", "gather out from jit(f)/layers/gather"),
        ("gather(%l, %r)", "", "bf16", "gather out from the compiler (no op_name)"),
        ("all-gather-start(%l)", WORDS, "bf16", f"all-gather out from {WORDS}"),
        ("all-reduce(%l)", "jit(f)/psum", "f32", None),
        ("convolution(%l, %r), dim_labels=bf_io->bf", "layers/dot_general", "bf16", None),
        (
            "convolution(%l, %r), dim_labels=bf_io->bf", "layers/dot_general", "f32",
            "float32 product out from layers/dot_general",
        ),
        (
            "convolution(%l, %r), dim_labels=bf_io->bf",
            "jit(f)/transpose(jvp(rts,rtl->rsl))/dot_general", "f32", None,
        ),
    ],
)  # fmt: skip
def test_only_what_is_allowed_passes(operation: str, origin: str, dtype: str, found: str | None):
    text = f'{operation}, metadata={{op_name="{origin}"}}'
    module = _entry("[8,8]", "[8,8]", "[8,8]", text, dtype)
    assert violations(module) == ([found] if found else [])


def test_what_hides_in_a_fusion_is_found():
    origin = "jit(f)/layers/dot_general"
    text = LOOP.replace("bf16", "f32").replace("jit(f)/layers/dot_general", origin)
    assert violations(parse(text)) == [f"float32 product product from {origin}"]


def _entry(
    left: str, right: str, out: str, operation: str, dtype: str = "bf16", kind: str = ""
) -> Module:
    return parse(
        "ENTRY %main (l: x, r: x) -> x {\n"
        f"  %l = {dtype}{left} parameter(0)\n"
        f"  %r = {dtype}{right} parameter(1)\n"
        f"  ROOT %out = {kind or dtype + out} {operation}\n"
        "}\n"
    )


def _products(module: Module):
    return [p for i, own, _ in module.scheduled() for p in products(module, i, own)]
