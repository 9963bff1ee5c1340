"""Every one-operator program that the measuring programs ask a runtime about."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy

import numpy as np

from mmc.backends.tflite.cell_tables import SAME_SCALE

from . import cases_axes, cases_layout, cases_math, cases_neural
from .case import Case


def all_cases() -> Iterator[Case]:
    """Yield every case, each (op, cell, feature) once."""
    seen: set[tuple[str, str, str]] = set()
    for module in (cases_math, cases_layout, cases_neural, cases_axes):
        for plain in module.cases():
            for case in (plain, *rescaled(plain)):
                if case.key not in seen:
                    seen.add(case.key)
                    yield case


def rescaled(case: Case) -> Iterator[Case]:
    """Yield the plain quantized case of an operator that copies codes, at another result scale."""
    op, name, feature = case.key
    if op in SAME_SCALE and name.split()[0] in ("s8", "s16") and not feature:
        program = deepcopy(case.program)
        result = program.tensors[program.operators[0].outputs[0]].quantization
        assert result is not None
        result.scale = result.scale * np.float32(1.25)
        yield Case(op, program, case.domain)
