"""Optimised HLO text as instructions, and how often each computation runs.

The text is all that the compiler gives: `cost_analysis` counts the body of a loop once and nothing
of a custom kernel. What is read here are shapes with their memory space, called computations, the
metadata that names where an instruction comes from, and the trips of `lax.scan`'s loops.
"""

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

_ITEMSIZE = {"pred": 1, "token": 0, "opaque": 0}
_SHAPE = re.compile(r"(\w+)\[([\d,]*)\](\{[^}]*\})?")
_COMPUTATION = re.compile(r"^(ENTRY )?%?(\S+) \(.*\{$")
_INSTRUCTION = re.compile(r"^\s+(ROOT )?%?(\S+) = (.*)$")
_NAME = re.compile(r"%([\w.\-]+)")


@dataclass(frozen=True)
class Shape:
    """An array; `near` is one that the compiler keeps in a core's own memory, not in HBM."""

    dtype: str
    dims: tuple[int, ...]
    near: bool = False

    @property
    def elements(self) -> int:
        return math.prod(self.dims)

    @property
    def bytes(self) -> int:
        if self.dtype in _ITEMSIZE:
            return self.elements * _ITEMSIZE[self.dtype]
        bits = re.search(r"\d+", self.dtype)
        if bits is None:
            raise ValueError(f"no size known for HLO's {self.dtype!r}")
        return self.elements * int(bits[0]) // 8


@dataclass(frozen=True)
class Instruction:
    """One line of a computation.

    Attributes:
      shapes: its output, a tuple's parts one after another.
      operands: names of instructions of the same computation.
      arguments: what stands in the parentheses, for parameters and constants.
      attributes: what follows them.
    """

    name: str
    root: bool
    shapes: tuple[Shape, ...]
    opcode: str
    operands: tuple[str, ...]
    arguments: str
    attributes: str

    @property
    def op_name(self) -> str:
        """Where JAX says that it comes from; empty for what the compiler made."""
        found = re.search(r'op_name="([^"]*)"', self.attributes)
        return found[1] if found else ""

    @property
    def cycles(self) -> int | None:
        """The compiler's own estimate, where it makes one."""
        found = re.search(r'"estimated_cycles":"(\d+)"', self.attributes)
        return int(found[1]) if found else None

    def called(self, attribute: str) -> str | None:
        """The computation that an attribute names: calls, body, condition, to_apply."""
        found = re.search(rf"\b{attribute}=%?([\w.\-]+)", self.attributes)
        return found[1] if found else None


Computation = Mapping[str, Instruction]


@dataclass(frozen=True)
class Module:
    """All computations by name, and how often each runs in one execution.

    `times` has those whose instructions the core executes one after another: the entry, the bodies
    of loops and what is called. What a fusion is made of is not among them.
    """

    computations: Mapping[str, Computation]
    times: Mapping[str, int]

    def scheduled(self) -> Iterator[tuple[Instruction, Computation, int]]:
        """Every executed instruction, its computation, and how often it runs."""
        for name, count in self.times.items():
            computation = self.computations[name]
            for instruction in computation.values():
                yield instruction, computation, count

    def inside(self, instruction: Instruction) -> Iterator[tuple[Instruction, Computation]]:
        """What a fusion is made of, fusions within it included; nothing for other opcodes."""
        name = instruction.called("calls") if instruction.opcode == "fusion" else None
        if name is None:
            return
        computation = self.computations[name]
        for inner in computation.values():
            yield inner, computation
            yield from self.inside(inner)

    def everything(self) -> Iterator[tuple[Instruction, Computation, int]]:
        """Every instruction, also within fusions, its computation, and how often it runs."""
        for instruction, computation, count in self.scheduled():
            yield instruction, computation, count
            for inner, own in self.inside(instruction):
                yield inner, own, count


def parse(text: str) -> Module:
    """Read the text of a compiled program.

    Raises:
      ValueError: there is no entry, or the trips of a loop cannot be read.
    """
    computations: dict[str, dict[str, Instruction]] = {}
    entry, current = None, None
    for line in text.splitlines():
        if opened := _COMPUTATION.match(line):
            current = computations[opened[2]] = {}
            entry = opened[2] if opened[1] else entry
        elif line == "}":
            current = None
        elif current is not None and (found := _INSTRUCTION.match(line)):
            current[found[2]] = _instruction(found[2], bool(found[1]), found[3])
    if entry is None:
        raise ValueError("no ENTRY in the compiled program")
    times: dict[str, int] = {}
    _count(computations, entry, 1, times)
    return Module(computations, times)


def shapes(text: str) -> tuple[Shape, ...]:
    """The arrays of a type as HLO writes it."""
    return tuple(
        Shape(
            dtype,
            tuple(int(d) for d in dims.split(",")) if dims else (),
            bool(re.search(r"S\([1-9]", layout)),
        )
        for dtype, dims, layout in _SHAPE.findall(text)
    )


def _instruction(name: str, root: bool, rest: str) -> Instruction:
    kind = _balanced(rest) if rest.startswith("(") else rest.partition(" ")[0]
    opcode, _, tail = rest[len(kind) :].lstrip().partition("(")
    arguments = _balanced("(" + tail)
    return Instruction(
        name=name,
        root=root,
        shapes=shapes(kind),
        opcode=opcode,
        operands=tuple(_NAME.findall(arguments)),
        arguments=arguments[1:-1],
        attributes=tail[len(arguments) - 1 :],
    )


def _balanced(text: str) -> str:
    """The parenthesised beginning of a text."""
    depth = 0
    for place, letter in enumerate(text):
        depth += (letter == "(") - (letter == ")")
        if depth == 0:
            return text[: place + 1]
    raise ValueError(f"unbalanced parentheses in {text[:80]!r}")


def _count(
    computations: Mapping[str, Computation], name: str, count: int, times: dict[str, int]
) -> None:
    times[name] = times.get(name, 0) + count
    for instruction in computations[name].values():
        if instruction.opcode == "while":
            body = instruction.called("body")
            _count(computations, str(body), count * trips(computations, instruction), times)
        elif instruction.opcode in ("call", "async-start"):
            callee = instruction.called("to_apply") or instruction.called("calls")
            _count(computations, str(callee), count, times)
        elif instruction.opcode == "conditional":  # one branch runs; the bound takes both
            branches = re.search(r"branch_computations=\{([^}]*)\}", instruction.attributes)
            for branch in _NAME.findall(branches[1]) if branches else []:
                _count(computations, branch, count, times)


def trips(computations: Mapping[str, Computation], loop: Instruction) -> int:
    """How often a loop runs: what the compiler knows, else the bound that counting from 0 meets.

    Raises:
      ValueError: its condition is another one than `lax.scan` makes.
    """
    known = re.search(r'"known_trip_count":\{"n":"(\d+)"\}', loop.attributes)
    if known:
        return int(known[1])
    condition = computations[str(loop.called("condition"))]
    root = next(i for i in condition.values() if i.root)
    if root.opcode == "fusion":
        fused = computations[str(root.called("calls"))]
        root = next(i for i in fused.values() if i.root)
        condition = {**condition, **fused}
    bounds = [
        int(i.arguments)
        for i in condition.values()
        if i.opcode == "constant" and i.shapes[0].dtype == "s32" and i.arguments.isdigit()
    ]
    if root.opcode != "compare" or "direction=LT" not in root.attributes or len(bounds) != 1:
        raise ValueError(f"{loop.name}: the trips of this loop cannot be read")
    return bounds[0]
