"""What to do next after a compile: one line, the first that helps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mmc.reports.compile_report import CompileReport


def next_step(report: CompileReport) -> str:
    """Return what the user would want to do next; "" where the findings say it."""
    return next(_steps(report), "") if report.artifact else ""


def _steps(report: CompileReport) -> Iterator[str]:
    """Yield what is left to do, the most urgent first."""
    operators, options = report.operators, report.options
    npu = operators.on_npu is not None
    hexagon = npu and report.target.startswith("hexagon")
    asked = bool(options["recipe"]) or "int" in f"{options['weights']}{options['activations']}"
    integers = asked or bool(report.weights)
    if report.verification is None:
        yield "compile without --no-verify: nothing was compared"
    if operators.on_npu is not None and operators.on_npu < operators.after:
        left = operators.after - operators.on_npu
        yield f"the findings name the {left} operators that run beside the NPU, and what to do"
    if not integers and hexagon:
        yield "--weights int8 --activations int8 --calibration DATA: a quarter of the size, faster"
    if not integers and npu:
        yield "--weights int8: half the size"
    if integers and report.evaluation is None:
        yield "--evaluation DATA --metric NAME: what the integers cost in your own metric"
    if report.verification and report.verification.seed is not None:
        yield "--inputs x.npz: verify on inputs of your own"
    if hexagon and options["vendor"] is None:
        yield "--vendor: ask Qualcomm's own compiler"
    if npu and not hexagon:
        yield "mmc show ARTIFACT --deploy: how an app calls it"
