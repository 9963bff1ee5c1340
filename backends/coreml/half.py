"""float32 to float16: weights are most of a compile.

numpy converts number by number, 4 ns each. ONNX Runtime's Cast gives the same bits ten times as
fast, and turns a matrix on the way. Loading it costs as much as numpy takes for 30 MB.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

import numpy as np

from .program import Array

if TYPE_CHECKING:
    from onnxruntime import InferenceSession

LARGEST_HALF = 65504.0
LARGE = 1 << 18
"""Numbers in an array from which on it is not converted by numpy."""
CASTS = {
    False: "(float[N] x) => (float16[N] y) { y = Cast<to = 10>(x) }",
    True: "(float[N, M] x) => (float16[M, N] y) { h = Cast<to = 10>(x) y = Transpose(h) }",
}
"""The programs that convert an array, and its transpose."""


def fits_half(array: Array) -> bool:
    """Say whether all numbers are finite, and none is beyond 65504."""
    return not array.size or bool(array.min() >= -LARGEST_HALF and array.max() <= LARGEST_HALF)


def to_half(array: Array) -> Array:
    """Return float32 numbers that fit float16 as such, in C order."""
    if array.size < LARGE:
        return array.astype(np.float16, order="C")
    if array.ndim > 2 and array.size == array.shape[0] * array.shape[1]:
        return to_half(array.reshape(array.shape[:2])).reshape(array.shape)
    turned = array.ndim == 2 and array.T.flags.c_contiguous and not array.flags.c_contiguous
    source = array.T if turned else np.ascontiguousarray(array).reshape(-1)
    made = np.empty(array.shape, np.float16)
    shape = array.shape if turned else source.shape
    binding = converter(turned).io_binding()
    binding.bind_cpu_input("x", source)
    binding.bind_output("y", "cpu", 0, np.float16, shape, made.ctypes.data)
    converter(turned).run_with_iobinding(binding)
    return made


@cache
def converter(turned: bool) -> InferenceSession:
    """Return the session that converts arrays, or matrices to be `turned`; it keeps no memory."""
    import onnxruntime as ort
    from onnx.parser import parse_model

    model = parse_model(f'<ir_version: 8, opset_import: ["" : 17]> g {CASTS[turned]}')
    options = ort.SessionOptions()
    options.enable_cpu_mem_arena = False
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    return ort.InferenceSession(
        model.SerializeToString(), options, providers=["CPUExecutionProvider"]
    )
