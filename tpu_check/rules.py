"""What must not slip into a compiled step: gathers, exchanges beside the sum, float32 products."""

import re
from collections.abc import Iterator

from tpu_check.counting import products
from tpu_check.hlo import Module

ALLOWED = (
    ("gather", r"/embeddings/(word|position)/jit\(_take\)/", "embedding lookup"),
    ("scatter", r"/embeddings/(word|position)/jit\(_take\)/", "gradient of an embedding lookup"),
    ("float32 product", r"rts,rtl->rsl\)*/dot_general", "slot pooling"),
    (
        "float32 product",
        r"/classifier/(cond/branch_\d+_fun/)?dot_general",
        "the head computes in float32",
    ),
)
"""What may be there: its kind, where it comes from, and why."""

_EXCHANGES = ("all-gather", "all-to-all", "reduce-scatter", "collective-permute")


def violations(module: Module) -> list[str]:
    """A line for each operation that is not allowed, with where it comes from."""
    found = {
        f"{kind} {name} from {origin or 'the compiler (no op_name)'}"
        for kind, name, origin in _suspects(module)
        if not any(kind == k and re.search(where, origin) for k, where, _ in ALLOWED)
    }
    return sorted(found)


def _suspects(module: Module) -> Iterator[tuple[str, str, str]]:
    """Kind, name and origin of every operation that needs leave."""
    for instruction, _, _ in module.everything():
        opcode = instruction.opcode.removesuffix("-start")
        if opcode in ("gather", "scatter") or opcode in _EXCHANGES:
            yield opcode, instruction.name, instruction.op_name
    for instruction, own, _ in module.scheduled():
        for product in products(module, instruction, own):
            if product.float32:
                yield "float32 product", product.instruction.name, product.instruction.op_name
