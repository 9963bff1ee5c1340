"""What the operators of a TFLite program have to do, for mmc.cost."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from mmc.backends.lowering import place_of
from mmc.cost.work import Sizes, Work, Workload
from mmc.schedule.plan import arena_of

from .memory import graph_of
from .program import Operator, Program, Tensor

ENGINES = {
    "matrix": "CONV_2D CONV_3D FULLY_CONNECTED TRANSPOSE_CONV",
    "product": "BATCH_MATMUL",
    "depthwise": "DEPTHWISE_CONV_2D",
    "function": """COS DIV ELU EXP GELU HARD_SWISH L2_NORMALIZATION LOG LOGISTIC LOG_SOFTMAX POW
        RSQRT SIN SOFTMAX SQRT TANH""",
    "reduce": """ARG_MAX ARG_MIN AVERAGE_POOL_2D CUMSUM L2_POOL_2D MAX_POOL_2D MEAN REDUCE_ALL
        REDUCE_ANY REDUCE_MAX REDUCE_MIN REDUCE_PROD SUM TOPK_V2""",
    "move": """BATCH_TO_SPACE_ND BROADCAST_TO DEPTH_TO_SPACE EMBEDDING_LOOKUP EXPAND_DIMS GATHER
        GATHER_ND MIRROR_PAD PACK PAD PADV2 RESHAPE RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR
        REVERSE_V2 SLICE SPACE_TO_BATCH_ND SPACE_TO_DEPTH SPLIT SPLIT_V SQUEEZE STRIDED_SLICE TILE
        TRANSPOSE UNPACK""",
    "concat": "CONCATENATION",
}
ENGINE_OF = {code: engine for engine, codes in ENGINES.items() for code in codes.split()}
"""Emitted operator -> what computes it; the others are pointwise arithmetic."""

BITS = {
    **{"INT2": 2, "INT4": 4, "INT8": 8, "UINT8": 8, "BOOL": 8, "INT16": 16, "UINT16": 16},
    **{"FLOAT16": 16, "FLOAT32": 16, "INT32": 32, "UINT32": 32, "INT64": 32},
}
"""Bits of an element as the NPU holds it: floats become halves, 64-bit integers 32-bit ones."""

STORED_BITS = BITS | {"FLOAT32": 32, "INT64": 64}
NUMBERS = {"FLOAT32": "float", "FLOAT16": "float", "INT8": "int8", "UINT8": "int8"}
LOOKUPS = frozenset({"GATHER", "GATHER_ND", "EMBEDDING_LOOKUP"})
"""Operators that read a few rows of a constant, not all of it."""


def workload(program: Program, off: Collection[str] = ()) -> Workload:
    """Return what `program` has to do; `off` names the operators that the host runs."""
    tensors, graph, facts = program.tensors, graph_of(program), Facts.of(program)
    sizes = [0 if i in facts.constants else held(t) for i, t in enumerate(tensors)]
    return Workload(
        [work_of(program, op, facts, off) for op in program.operators if not facts.settled(op)],
        sum(stored_bytes(t) for t in tensors if t.data is not None),
        arena_of(replace(graph, sizes=sizes)),
        sum(stored_bytes(tensors[index]) for _, index in program.inputs),
        sum(stored_bytes(tensors[index]) for _, index in program.outputs),
    )


@dataclass(frozen=True)
class Facts:
    """Which tensors are known when a program is loaded, and how many read each tensor."""

    constants: frozenset[int]
    uses: Mapping[int, int]

    @classmethod
    def of(cls, program: Program) -> Facts:
        """Find them: what depends on constants only (DEQUANTIZE) is computed once, when loading."""
        known = {i for i, t in enumerate(program.tensors) if t.data is not None}
        uses = Counter(index for _, index in program.inputs + program.outputs)
        for op in program.operators:
            uses.update(set(op.inputs))
            if op.inputs and known.issuperset(i for i in op.inputs if i >= 0):
                known.update(op.outputs)
        return cls(frozenset(known), uses)

    def settled(self, op: Operator) -> bool:
        """Say whether an operator has nothing to do in an inference."""
        return bool(op.outputs) and self.constants.issuperset(op.outputs)


def work_of(program: Program, op: Operator, facts: Facts, off: Collection[str] = ()) -> Work:
    """Return what one operator has to do."""
    tensors = program.tensors
    results = [tensors[i] for i in op.outputs]
    known = [tensors[i] for i in op.inputs if i in facts.constants]
    computed = [tensors[i] for i in op.inputs if i >= 0 and i not in facts.constants]
    read, written = sum(map(held, computed)), sum(map(held, results))
    weights = sum(held(t) for t in known if t.dtype != "INT32")
    if op.code == "CONCATENATION":
        read = written = sum(held(tensors[i]) for i in copied(op, facts))
    return Work(
        op.code,
        ENGINE_OF.get(op.code, "pointwise"),
        number_of(results),
        sizes_of(program, op),
        read,
        written,
        min(weights, written) if op.code in LOOKUPS else weights,
        op.sources[0] if op.sources else results[0].name if results else op.code,
        place_of(op.code, op.sources) in off,
    )


def copied(op: Operator, facts: Facts) -> list[int]:
    """Return the inputs that a concatenation copies.

    What nobody else reads is made in its place, at the scale of the whole.
    """
    return [i for i in op.inputs if i in facts.constants or facts.uses[i] > 1]


def number_of(results: list[Tensor]) -> str:
    """Return the type that an operator computes with, by what it makes."""
    for tensor in results:
        if tensor.dtype == "INT16" and tensor.quantization is not None:
            return "int16"
        if tensor.dtype in NUMBERS:
            return NUMBERS[tensor.dtype]
    return "other"


def sizes_of(program: Program, op: Operator) -> Sizes:
    """Return the product that an operator is; empty for one that only streams."""
    shapes = [program.tensors[i].shape if i >= 0 else () for i in op.inputs]
    made = program.tensors[op.outputs[0]].shape if op.outputs else ()
    if op.code in ("CONV_2D", "CONV_3D"):
        kernel = shapes[1]
        inner = kernel[-1] if op.code == "CONV_2D" else kernel[-2]
        columns = kernel[0] if op.code == "CONV_2D" else kernel[-1]
        taps = math.prod(kernel) // (inner * columns)
        groups = max(1, shapes[0][-1] // inner)
        return Sizes(math.prod(made[:-1]), inner, columns // groups, taps, groups)
    if op.code == "DEPTHWISE_CONV_2D":
        return Sizes(math.prod(made[:-1]), 1, 1, math.prod(shapes[1][1:-1]), made[-1])
    if op.code == "TRANSPOSE_CONV":  # from its input's positions to its outputs
        kernel = shapes[1]
        taps = math.prod(kernel[1:-1])
        return Sizes(math.prod(shapes[2][:-1]), kernel[-1], kernel[0], taps)
    if op.code == "FULLY_CONNECTED":
        columns, inner = shapes[1]
        return Sizes(math.prod(made) // columns, inner, columns)
    if op.code == "BATCH_MATMUL":
        inner = shapes[0][-2] if getattr(op.options, "adjX", False) else shapes[0][-1]
        return Sizes(made[-2], inner, made[-1], 1, math.prod(made[:-2]))
    return Sizes()


def count(tensor: Tensor) -> int:
    """Return the elements of a tensor."""
    return math.prod(tensor.shape)


def stored_bytes(tensor: Tensor) -> int:
    """Return the bytes that a tensor takes in the file and at the interface."""
    return -(-count(tensor) * STORED_BITS.get(tensor.dtype, 32) // 8)


def held(tensor: Tensor) -> int:
    """Return the bytes that a tensor takes on the NPU."""
    return -(-count(tensor) * BITS.get(tensor.dtype, 16) // 8)
