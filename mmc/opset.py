"""The `mmc` operators: what ONNX lacks, as model-local functions whose body is standard ONNX.

ONNX Runtime executes the body, so a model that uses them runs at every moment; a backend lowers the
call natively. Images are channels last here (N, spatial..., C); weights are laid out as TFLite has
them. A suffix names a fused activation: `Conv2dRelu6` is Conv2d followed by Relu6.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import onnx
import onnx_ir as ir
from onnx import parser

DOMAIN = "mmc"
VERSION = 1
OPSET = 25

ACTIVATIONS: dict[str, str] = {
    "Relu": "{out} = Relu ({x})",
    "Relu6": "low = Constant <value = float {{0.0}}> ()\n"
    "  high = Constant <value = float {{6.0}}> ()\n  {out} = Clip ({x}, low, high)",
    "ReluN1To1": "low = Constant <value = float {{-1.0}}> ()\n"
    "  high = Constant <value = float {{1.0}}> ()\n  {out} = Clip ({x}, low, high)",
}


@dataclass(frozen=True)
class Op:
    """An operator: its inputs, its attributes and the ONNX text of its body (which defines `y`)."""

    inputs: str
    body: str
    attributes: str = ""


# Attribute types of the operators; the others are lists of integers.
TYPES = {"group": "int", "blocksize": "int", "count_include_pad": "int"} | dict.fromkeys(
    ("mode", "coordinate_transformation_mode", "nearest_mode"), "string"
)


def _passed(names: str) -> str:
    return ", ".join(f"{n}: {TYPES.get(n, 'ints')} = @{n}" for n in names.split(", "))


def _conv(op_type: str, weight: str, attributes: str, rank: int = 4) -> Op:
    space = list(range(1, rank - 1))
    body = f"""
  xt = Transpose <perm = {[0, rank - 1, *space]}> (x)
  wt = Transpose <perm = {weight}> (w)
  yt = {op_type} <{_passed(attributes)}> (xt, wt, b)
  y = Transpose <perm = {[0, *range(2, rank), 1]}> (yt)"""
    return Op("x, w, b", body, attributes)


def _spatial(op_type: str, attributes: str, fixed: str = "") -> Op:
    body = f"""
  xt = Transpose <perm = [0, 3, 1, 2]> (x)
  yt = {op_type} <{_passed(attributes)}{fixed}> (xt)
  y = Transpose <perm = [0, 2, 3, 1]> (yt)"""
    return Op("x", body, attributes)


def _matmul(a: str, b: str) -> Op:
    lines = [f'  {v}t = Einsum <equation = "...ij->...ji"> ({v})' for v in a + b if v.islower()]
    left, right = ("at" if "a" in a else "a"), ("bt" if "b" in b else "b")
    return Op("a, b", "\n" + "\n".join([*lines, f"  y = MatMul ({left}, {right})"]))


CONV = "strides, pads, dilations, group"
POOL = "kernel_shape, strides, pads"
RESIZE = "mode, coordinate_transformation_mode, nearest_mode"
OPS: dict[str, Op] = {
    "Conv2d": _conv("Conv", "[0, 3, 1, 2]", CONV),  # w (O, H, W, I / group)
    "DepthwiseConv2d": _conv("Conv", "[3, 0, 1, 2]", CONV),  # w (1, H, W, O)
    "Conv3d": _conv("Conv", "[4, 3, 0, 1, 2]", CONV, rank=5),  # w (D, H, W, I, O)
    "ConvTranspose2d": _conv(  # w (O, H, W, I)
        "ConvTranspose", "[3, 0, 1, 2]", CONV + ", output_padding"
    ),
    "MaxPool2d": _spatial("MaxPool", POOL + ", dilations"),
    "AveragePool2d": _spatial("AveragePool", POOL + ", count_include_pad"),
    "DepthToSpace": _spatial("DepthToSpace", "blocksize", ', mode = "DCR"'),
    "SpaceToDepth": _spatial("SpaceToDepth", "blocksize"),
    "Resize2d": Op(  # sizes (2,) = height, width of the result
        "x, sizes",
        f"""
  xt = Transpose <perm = [0, 3, 1, 2]> (x)
  yt = Resize <axes = [2, 3], {_passed(RESIZE)}> (xt, , , sizes)
  y = Transpose <perm = [0, 2, 3, 1]> (yt)""",
        RESIZE,
    ),
    "Linear": Op(  # x (..., K), w (M, K), b (M,) or omitted; through Gemm, whose C is optional
        "x, w, b",
        """
  any = Constant <value = int64[1] {-1}> ()
  columns = Shape <start = -1> (x)
  flat = Concat <axis = 0> (any, columns)
  rows = Reshape (x, flat)
  p = Gemm <transB = 1> (rows, w, b)
  leading = Shape <end = -1> (x)
  width = Shape <start = 0, end = 1> (w)
  full = Concat <axis = 0> (leading, width)
  y = Reshape (p, full)""",
    ),
    "AxisNorm": Op(  # LayerNormalization of other axes than the last; scale, bias: (C, 1, ...)
        "x, scale, bias",
        """
  along = Constant <value_ints: ints = @axes> ()
  least = Constant <value_float: float = @epsilon> ()
  mean = ReduceMean (x, along)
  centred = Sub (x, mean)
  square = Mul (centred, centred)
  variance = ReduceMean (square, along)
  spread = Add (variance, least)
  root = Sqrt (spread)
  normal = Div (centred, root)
  scaled = Mul (normal, scale)
  y = Add (scaled, bias)""",
        "axes, epsilon",
    ),
    "MatMulTN": _matmul("a", ""),  # aᵀ b, over the last two axes
    "MatMulNT": _matmul("", "b"),
    "MatMulTT": _matmul("a", "b"),
    "ScaledDotProductAttention": Op(  # q (batch, heads, queries, size); scores / sqrt(size)
        "q, k, v, mask", "\n  y = Attention (q, k, v, mask)"
    ),
    # codes (O, ...) below the tables' length, tables (G, levels): O / G channels share one
    "LookupDequantize": Op(
        "codes, table, scale",
        """
  groups = Shape <end = 1> (table)
  any = Constant <value = int64[1] {-1}> ()
  rows = Concat <axis = 0> (groups, any)
  wide = Cast <to = 7> (codes)
  flat = Reshape (wide, rows)
  found = GatherElements <axis = 1> (table, flat)
  shape = Shape (codes)
  whole = Reshape (found, shape)
  y = Mul (whole, scale)""",
    ),
    # the nearest of 256 steps, times scale instead of the step; zero is the code of 0 (int8)
    "OnGrid": Op(
        "x, step, zero, scale",
        """
  q = QuantizeLinear (x, step, zero)
  y = DequantizeLinear (q, scale, zero)""",
    ),
    "Silu": Op("x", "\n  s = Sigmoid (x)\n  y = Mul (x, s)"),
    "Add": Op("a, b", "\n  y = Add (a, b)"),
    "Sub": Op("a, b", "\n  y = Sub (a, b)"),
    "Mul": Op("a, b", "\n  y = Mul (a, b)"),
    "Div": Op("a, b", "\n  y = Div (a, b)"),
}


IMAGES = frozenset(
    "Conv2d DepthwiseConv2d Conv3d ConvTranspose2d MaxPool2d AveragePool2d"
    " DepthToSpace SpaceToDepth Resize2d".split()
)
"""Operators of images, channels last; the others take axes in any order."""


def split_activation(op_type: str) -> tuple[str, str]:
    """Split "Conv2dRelu6" into ("Conv2d", "Relu6"); the activation is "" when there is none."""
    for activation in ACTIVATIONS:
        base = op_type.removesuffix(activation)
        if base != op_type and base in OPS:
            return base, activation
    return op_type, ""


@cache
def function_proto(op_type: str) -> onnx.FunctionProto:
    """Return the ONNX function of an `mmc` operator; raises KeyError for an unknown one."""
    base, activation = split_activation(op_type)
    spec = OPS[base]
    body = spec.body
    if activation:
        body = body.replace("\n  y = ", "\n  linear = ")
        body += "\n  " + ACTIVATIONS[activation].format(x="linear", out="y")
    attributes = f"<{spec.attributes}>" if spec.attributes else ""
    text = (
        f'<domain: "{DOMAIN}", opset_import: ["" : {OPSET}]>\n'
        f"{op_type} {attributes} ({spec.inputs}) => (y)\n{{{body}\n}}"
    )
    return parser.parse_function(text)


def require(model: ir.Model, op_type: str) -> None:
    """Make the function of `op_type` part of the model (idempotent)."""
    key = (DOMAIN, op_type, "")
    if key not in model.functions:
        model.functions[key] = ir.serde.deserialize_function(function_proto(op_type))
        model.graph.opset_imports[DOMAIN] = VERSION
