"""What a compiled step does: products of matrices, bytes to and from HBM, exchanges."""

import math
import re
from collections.abc import Iterator
from typing import NamedTuple

from tpu_check.hlo import Computation, Instruction, Module, Shape

# Names for something that is there already, or the end of a transfer that its start counts.
_FREE = {
    "parameter", "constant", "get-tuple-element", "tuple", "bitcast", "while", "call",
    "conditional", "after-all", "partition-id", "replica-id", "copy-done", "slice-done",
    "all-reduce-done", "all-gather-done", "async-done", "async-update", "opt-barrier", "iota",
}  # fmt: skip
_FREE_CALLS = ("AllocateBuffer", "AssumeGatherIndicesInBound", "ConcatBitcast")
_SLICES = {"dynamic-slice", "slice", "gather"}


class Product(NamedTuple):
    """A product of matrices, which the TPU's compiler writes as a convolution."""

    instruction: Instruction
    flops: int
    float32: bool
    passes: int  # through the matrix unit, which multiplies bfloat16


def products(module: Module, instruction: Instruction, own: Computation) -> list[Product]:
    """The products of one executed instruction, those within a fusion included."""
    found = [(instruction, own), *module.inside(instruction)]
    return [_product(i, c) for i, c in found if i.opcode in ("dot", "convolution")]


def _product(instruction: Instruction, computation: Computation) -> Product:
    left, right = (computation[name].shapes[0] for name in instruction.operands[:2])
    count = dot_flops if instruction.opcode == "dot" else convolution_flops
    flops = count(instruction, left, right)
    float32 = "f32" in (left.dtype, right.dtype)
    precision = re.search(r"operand_precision=\{(\w+)", instruction.attributes)
    passes = {"highest": 6, "high": 3}.get(precision[1], 1) if precision and float32 else 1
    return Product(instruction, flops, float32, passes)


def dot_flops(instruction: Instruction, left: Shape, right: Shape) -> int:
    """Two for each multiplication and addition of a `dot`."""
    contracted = re.search(r"lhs_contracting_dims=\{([\d,]*)\}", instruction.attributes)
    dims = [int(d) for d in contracted[1].split(",")] if contracted and contracted[1] else []
    return 2 * instruction.shapes[0].elements * math.prod(left.dims[d] for d in dims)


def convolution_flops(instruction: Instruction, left: Shape, right: Shape) -> int:
    """Two for each pair that really meets: batched products come as dilated convolutions.

    Counts as XLA's own cost analysis does: along each spatial dimension, the pairs of an output's
    and a kernel's place whose input is neither padding nor between two dilated entries.
    """
    labels = re.search(r"dim_labels=(\w+)_(\w+)->(\w+)", instruction.attributes)
    if labels is None:
        raise ValueError(f"{instruction.name}: a convolution without dim_labels")
    lhs, rhs, out = labels.groups()
    spatial = [label for label in lhs if label.isdigit()]
    window, pairs = _window(instruction.attributes, len(spatial)), 1
    for place, label in enumerate(spatial):
        pairs *= _meeting(
            left.dims[lhs.index(label)],
            instruction.shapes[0].dims[out.index(label)],
            *(window[key][place] for key in ("size", "stride", "pad", "lhs_dilate", "rhs_dilate")),
        )
    groups = re.search(r"batch_group_count=(\d+)", instruction.attributes)
    batch = left.dims[lhs.index("b")] // (int(groups[1]) if groups else 1)
    return 2 * batch * math.prod(right.dims[rhs.index(label)] for label in "io") * pairs


def _window(attributes: str, rank: int) -> dict[str, list[int]]:
    """The parts of a window, one entry a spatial dimension; `pad` is what precedes the input."""
    found = re.search(r"window=\{([^}]*)\}", attributes)
    given = dict(part.split("=") for part in found[1].split()) if found else {}
    default = {"size": "1", "stride": "1", "pad": "0_0", "lhs_dilate": "1", "rhs_dilate": "1"}
    return {
        key: [int(n.partition("_")[0]) for n in given[key].split("x")]
        if key in given
        else [int(usual.partition("_")[0])] * rank
        for key, usual in default.items()
    }


def _meeting(
    inputs: int, outputs: int, size: int, stride: int, before: int, dilate: int, spread: int
) -> int:
    end = (inputs - 1) * dilate + 1
    places = (o * stride - before + k * spread for o in range(outputs) for k in range(size))
    return sum(0 <= place < end and place % dilate == 0 for place in places)


def is_kernel(instruction: Instruction) -> bool:
    """Whether it is a kernel of Pallas."""
    return 'custom_call_target="tpu_custom_call"' in instruction.attributes


def kernel_flops(instruction: Instruction, own: Computation) -> int:
    """What a custom kernel says of itself (`cost_estimate`), else an attention's by its shapes.

    Attention of [..., tokens, width] has two products of tokens x tokens x width forward, and
    backward two again (scores and their gradient) and one for each gradient that it returns.
    """
    if stated := _stated(instruction, "flops"):
        return stated
    inputs = [own[name].shapes[0] for name in instruction.operands]
    wide = [s for s in inputs if len(s.dims) >= 3 and s.dtype in ("bf16", "f32")]
    if not wide:
        return 0
    *_, tokens, width = wide[0].dims
    backward = "transpose(" in instruction.op_name
    gradients = sum(s.dims == wide[0].dims for s in instruction.shapes)
    rows = wide[0].elements // (tokens * width)
    return 2 * rows * tokens * tokens * width * (2 + gradients if backward else 2)


def _stated(kernel: Instruction, what: str) -> int:
    """A part of a kernel's own `cost_estimate`; 0 where it has none."""
    found = re.search(rf'"cost_estimate":\{{[^}}]*"{what}":"?(\d+)', kernel.attributes)
    return int(found[1]) if found else 0


def hbm_bytes(module: Module, instruction: Instruction, own: Computation) -> int:
    """Bytes that one executed instruction reads from HBM and writes to it.

    A slice counts what it takes, an update in place what it writes, a fusion its inputs and
    outputs, a kernel what it says of itself or else those; what stays in a core's own memory
    costs none.
    """
    if instruction.opcode in _FREE or any(c in instruction.attributes for c in _FREE_CALLS):
        return 0
    if is_kernel(instruction) and (stated := _stated(instruction, "bytes_accessed")):
        return stated
    inputs = [own[name] for name in instruction.operands]
    if instruction.opcode in ("copy-start", "slice-start", "async-start"):
        source, target = instruction.shapes[0], instruction.shapes[1]
        return target.bytes * ((not source.near) + (not target.near))
    if instruction.opcode == "fusion":
        fused = module.computations[str(instruction.called("calls"))]
        return sum(_fusion_reads(module, fused, inputs)) + sum(
            _fusion_writes(module, fused, instruction)
        )
    reads = [_taken(instruction, place, i.shapes[0]) for place, i in enumerate(inputs) if i.shapes]
    return sum(reads) + sum(_written(instruction, own, shape) for shape in instruction.shapes)


def _taken(user: Instruction, place: int, source: Shape) -> int:
    """Bytes that an instruction reads of its operand at `place`."""
    if source.near:
        return 0
    if place == 0 and user.opcode in _SLICES:
        return sum(shape.bytes for shape in user.shapes)
    if place == 0 and user.opcode in ("dynamic-update-slice", "scatter"):
        return 0  # in place
    return source.bytes


def _written(instruction: Instruction, own: Computation, shape: Shape) -> int:
    """Bytes that an instruction writes of an output of this shape."""
    if shape.near:
        return 0
    if instruction.opcode == "dynamic-update-slice":
        return own[instruction.operands[1]].shapes[0].bytes
    if instruction.opcode == "scatter":
        return 2 * own[instruction.operands[2]].shapes[0].bytes
    return shape.bytes


def _fusion_reads(module: Module, fused: Computation, inputs: list[Instruction]) -> Iterator[int]:
    parameters = _parameters(fused)
    for place, source in enumerate(inputs):
        if not source.shapes or source.shapes[0].near:
            continue
        users = _users(module, fused, parameters[place])
        shape = source.shapes[0]
        yield min(shape.bytes, sum(_taken(user, at, shape) for user, at in users))


def _parameters(fused: Computation) -> dict[int, str]:
    """Names of parameters by number."""
    return {int(i.arguments): i.name for i in fused.values() if i.opcode == "parameter"}


def _users(module: Module, fused: Computation, name: str) -> Iterator[tuple[Instruction, int]]:
    """Who reads a value, and as which operand, through bitcasts and into fusions."""
    for instruction in fused.values():
        for place, operand in enumerate(instruction.operands):
            if operand != name:
                continue
            if instruction.opcode == "bitcast" and not instruction.root:
                yield from _users(module, fused, instruction.name)
            elif instruction.opcode == "fusion":
                inner = module.computations[str(instruction.called("calls"))]
                yield from _users(module, inner, _parameters(inner)[place])
            else:
                yield instruction, place


def _fusion_writes(module: Module, fused: Computation, fusion: Instruction) -> Iterator[int]:
    root = next(i for i in fused.values() if i.root)
    parts = [fused[o] for o in root.operands] if root.opcode == "tuple" else [root]
    if len(parts) != len(fusion.shapes):  # the root is itself a fusion with several outputs
        yield from (shape.bytes for shape in fusion.shapes if not shape.near)
        return
    for part, shape in zip(parts, fusion.shapes, strict=True):
        yield _written(*_maker(module, part, fused), shape)


def _maker(
    module: Module, instruction: Instruction, own: Computation
) -> tuple[Instruction, Computation]:
    """What makes a value, seen through bitcasts and fusions of one output."""
    while True:
        if instruction.opcode == "bitcast":
            instruction = own[instruction.operands[0]]
        elif instruction.opcode == "fusion" and len(instruction.shapes) == 1:
            own = module.computations[str(instruction.called("calls"))]
            instruction = next(i for i in own.values() if i.root)
        else:
            return instruction, own


def exchanges(module: Module) -> Iterator[tuple[Instruction, int, int]]:
    """Every all-reduce, how often it runs, and the bytes that it sums each time."""
    for instruction, _, count in module.scheduled():
        if instruction.opcode in ("all-reduce", "all-reduce-start"):
            yield instruction, count, sum(shape.bytes for shape in instruction.shapes)


def makes_random_bits(module: Module, instruction: Instruction) -> bool:
    """Whether it is a generator's own instruction, or has threefry's rounds (xor by xor) in it."""
    inner = [i for i, _ in module.inside(instruction)]
    return instruction.opcode == "rng-bit-generator" or any(
        i.opcode == "xor" and i.shapes[0].dtype == "u32" for i in inner
    )
