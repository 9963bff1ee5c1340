"""Where each operator has its data, weights, indices and axes; which forms are worth a name."""

from __future__ import annotations

TYPE_NAMES = {
    "FLOAT32": "f32",
    "FLOAT16": "f16",
    "BFLOAT16": "bf16",
    "FLOAT64": "f64",
    "INT64": "i64",
    "INT32": "i32",
    "UINT32": "u32",
    "INT16": "s16",
    "UINT16": "u16",
    "INT8": "s8",
    "UINT8": "u8",
    "INT4": "s4",
    "INT2": "s2",
    "BOOL": "bool",
}
DATA = {
    "SELECT": 1,
    "SELECT_V2": 1,
    "SPLIT": 1,
    "TRANSPOSE_CONV": 2,
    "EMBEDDING_LOOKUP": 1,
    "SCATTER_ND": 1,
    "ONE_HOT": 2,
    "FILL": 1,
}
WEIGHTS = {
    "CONV_2D": 1,
    "CONV_3D": 1,
    "CONV_3D_TRANSPOSE": 1,
    "DEPTHWISE_CONV_2D": 1,
    "FULLY_CONNECTED": 1,
    "TRANSPOSE_CONV": 1,
    "BATCH_MATMUL": 1,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 2,
}
INDEX = {
    "GATHER": 1,
    "GATHER_ND": 1,
    "EMBEDDING_LOOKUP": 0,
    "SCATTER_ND": 0,
    "ONE_HOT": 0,
}
RESULT = {
    "CAST": 0,
    "QUANTIZE": 0,
    "DEQUANTIZE": 0,
    "EMBEDDING_LOOKUP": 0,
    "ARG_MAX": 0,
    "ARG_MIN": 0,
    "SHAPE": 0,
    "WHERE": 0,
    "TOPK_V2": 1,
}
AXIS_INPUT = {
    "ARG_MAX": 1,
    "ARG_MIN": 1,
    "CUMSUM": 1,
    "REVERSE_V2": 1,
    "SPLIT": 0,
    "SPLIT_V": 2,
    **dict.fromkeys("MEAN SUM REDUCE_MAX REDUCE_MIN REDUCE_PROD REDUCE_ALL REDUCE_ANY".split(), 1),
}
AXIS_OPTION = ("CONCATENATION", "PACK", "UNPACK", "GATHER", "ONE_HOT")
SHAPE_INPUT = {
    "RESHAPE": 1,
    "BROADCAST_TO": 1,
    "FILL": 0,
    "TILE": 1,
    "PAD": 1,
    "PADV2": 1,
    "MIRROR_PAD": 1,
    "TRANSPOSE": 1,
    "EXPAND_DIMS": 1,
    "RESIZE_BILINEAR": 1,
    "RESIZE_NEAREST_NEIGHBOR": 1,
    "SPACE_TO_BATCH_ND": 1,
    "BATCH_TO_SPACE_ND": 1,
    "SCATTER_ND": 2,
    "TOPK_V2": 1,
    "RANGE": 0,
    "TRANSPOSE_CONV": 0,
    **AXIS_INPUT,
}
"""Inputs that decide the result's shape: a computed one means a shape known only at run time."""

BROADCASTING = frozenset(
    "ADD SUB MUL DIV MAXIMUM MINIMUM POW SQUARED_DIFFERENCE FLOOR_DIV FLOOR_MOD ATAN2 EQUAL "
    "NOT_EQUAL LESS LESS_EQUAL GREATER GREATER_EQUAL LOGICAL_AND LOGICAL_OR BATCH_MATMUL "
    "SELECT SELECT_V2 BITWISE_XOR RIGHT_SHIFT".split()
)
OPTION_FEATURES = {
    "alignCorners": "align-corners",
    "halfPixelCenters": "half-pixel",
    "adjX": "adj-x",
    "adjY": "adj-y",
    "exclusive": "exclusive",
    "reverse": "reverse",
    "batchDims": "batch-dims",
    "ellipsisMask": "ellipsis",
    "newAxisMask": "new-axis",
    "shrinkAxisMask": "shrink-axis",
    "approximate": "tanh-form",
    "keepNumDims": "keep-dims",
}
AT_INPUT = "at-input"
"""The feature of an operator that reads an input of the model, where that stops a compiler."""
SAME_SCALE = frozenset(
    "RESHAPE TRANSPOSE SQUEEZE EXPAND_DIMS CONCATENATION PACK UNPACK SPLIT SPLIT_V SLICE "
    "STRIDED_SLICE TILE BROADCAST_TO PAD PADV2 MIRROR_PAD GATHER GATHER_ND SELECT SELECT_V2 "
    "REVERSE_V2 MAXIMUM MINIMUM REDUCE_MAX REDUCE_MIN MAX_POOL_2D AVERAGE_POOL_2D RESIZE_BILINEAR "
    "RESIZE_NEAREST_NEIGHBOR DEPTH_TO_SPACE SPACE_TO_DEPTH SPACE_TO_BATCH_ND BATCH_TO_SPACE_ND "
    "NEG ABS TOPK_V2 SCATTER_ND".split()
)
"""Operators whose kernels copy codes: a result of another scale is another value."""

BIAS = {
    "CONV_2D": 2,
    "DEPTHWISE_CONV_2D": 2,
    "FULLY_CONNECTED": 2,
    "TRANSPOSE_CONV": 3,
    "CONV_3D": 2,
}
ACTIVATIONS = ("", "fused-relu", "fused-relu-n1", "fused-relu6", "fused-tanh", "fused-sign")
