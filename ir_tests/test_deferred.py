"""Deferred imports wait, and are as good as others when they are used."""

from __future__ import annotations

import subprocess
import sys


def in_a_new_process(code: str) -> str:
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_importing_the_compiler_loads_no_symbolic_algebra() -> None:
    code = "import mmc.compiler, sys; print([m for m in sys.modules if m.startswith('sympy.')])"
    assert in_a_new_process(code) == "[]"


def test_symbolic_dimensions_still_calculate() -> None:
    code = "import mmc.ir, onnx_ir as ir; print(ir.SymbolicDim('n') * 2 + 1)"
    assert in_a_new_process(code) == "2*n + 1"


def test_a_later_import_sees_the_whole_module() -> None:
    code = "import mmc.ir; from sympy import Symbol; print(Symbol('x') + Symbol('x'))"
    assert in_a_new_process(code) == "2*x"
