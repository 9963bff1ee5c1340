"""A pass: a frozen dataclass with a name; its fields are its options on the command line."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import onnx_ir as ir

from mmc.ir import Model, constant
from mmc.pass_manager import Contract, Pass


@dataclass(frozen=True)
class BoundMasks(Pass):
    """Replace infinities in constants by ±limit: masks that half precision can add to."""

    name = "bound-masks"
    contract = Contract.LOSSY
    limit: float = 10000.0

    def run(self, model: Model) -> int:
        """Return the number of constants that had an infinity."""
        bounded = 0
        for value in model.graph.initializers.values():
            array = constant(value)
            if array is None or array.dtype.kind != "f" or not np.isinf(array).any():
                continue
            finite = np.clip(array, -self.limit, self.limit).astype(array.dtype)
            value.const_value = ir.tensor(finite, name=value.name)
            bounded += 1
        return bounded
