"""What the operations of a MIL program have to do, for mmc.cost."""

from __future__ import annotations

import math

import numpy as np

from mmc.cost.work import Sizes, Work, Workload

from .program import Operation, Program, Var
from .weights import BITS

ENGINES = {
    "matrix": "conv conv_transpose linear",
    "product": "einsum matmul scaled_dot_product_attention",
    "function": """acos asin atan atanh cos cosh elu erf exp exp2 gelu inverse layer_norm log pow
        prelu real_div rsqrt sigmoid silu sin sinh softmax softplus softsign sqrt tan tanh""",
    "reduce": """argsort avg_pool cumsum instance_norm l2_norm l2_pool max_pool reduce_argmax
        reduce_argmin reduce_l1_norm reduce_l2_norm reduce_log_sum reduce_log_sum_exp reduce_max
        reduce_mean reduce_min reduce_prod reduce_sum reduce_sum_square topk""",
    "move": """batch_to_space crop crop_resize depth_to_space expand_dims gather gather_along_axis
        gather_nd pad pixel_shuffle pixel_unshuffle resample reshape resize resize_bilinear
        resize_nearest_neighbor reverse slice_by_index slice_by_size sliding_windows
        space_to_batch space_to_depth split squeeze stack tile transpose upsample_bilinear
        upsample_nearest_neighbor""",
    "concat": "concat",
}
ENGINE_OF = {code: engine for engine, codes in ENGINES.items() for code in codes.split()}
"""MIL operator -> what computes it; the others are pointwise arithmetic."""


def workload(program: Program) -> Workload:
    """Return what `program` has to do; floats are held as the package stores them."""
    constants = {
        id(v): held(v)
        for op in program.operations
        for v in op.operands()
        if isinstance(v.data, np.ndarray)
    }
    ops = [work_of(op) for op in program.computing()]
    largest = max((op.read + op.written for op in ops), default=0)
    entry = sum(held(feature.var) for feature in program.inputs)
    leaving = sum(held(feature.var) for feature in program.outputs)
    return Workload(ops, sum(constants.values()), largest, entry, leaving)


def work_of(op: Operation) -> Work:
    """Return what one operation has to do."""
    operands = list(op.operands())
    constants = [v for v in operands if isinstance(v.data, np.ndarray) or v.fixed]
    computed = [v for v in operands if not v.is_constant and not v.fixed]
    sizes = sizes_of(op)
    engine = ENGINE_OF.get(op.code, "pointwise")
    if engine == "matrix" and sizes.groups > 1 and sizes.inner == 1 and sizes.columns == 1:
        engine = "depthwise"
    return Work(
        op.code,
        engine,
        "float",
        sizes,
        sum(held(v) for v in computed),
        sum(held(v) for v in op.outputs),
        sum(held(v) for v in constants) if sizes.macs else 0,
        op.sources[0] if op.sources else op.output.name,
    )


def sizes_of(op: Operation) -> Sizes:
    """Return the product that an operation is; empty for one that only streams."""
    made = op.output.shape
    if op.code in ("conv", "conv_transpose"):
        x, weight = op.inputs["x"][0], op.inputs["weight"][0].shape
        groups = int(op.parameter("groups", 1))
        if op.code == "conv":
            rows, inner, columns = made[0] * math.prod(made[2:]), weight[1], weight[0] // groups
        else:
            rows, inner, columns = x.shape[0] * math.prod(x.shape[2:]), weight[0], weight[1]
            inner //= groups
        return Sizes(rows, inner, columns, math.prod(weight[2:]), groups)
    if op.code == "linear":
        columns, inner = op.inputs["weight"][0].shape
        return Sizes(math.prod(made) // columns, inner, columns)
    if op.code == "matmul":
        shape = op.inputs["x"][0].shape
        inner = shape[-2] if op.parameter("transpose_x", False) and len(shape) > 1 else shape[-1]
        rows = made[-2] if len(made) > 1 else 1
        return Sizes(rows, inner, made[-1], 1, math.prod(made[:-2]))
    return Sizes()


def held(var: Var) -> int:
    """Return the bytes of a tensor; codes of fewer than 8 bits are packed."""
    bits = {"fp16": 16, "fp32": 32, "int32": 32, "uint32": 32, "int16": 16, "uint16": 16} | BITS
    return -(-math.prod(var.shape) * bits.get(var.dtype, 8) // 8)
