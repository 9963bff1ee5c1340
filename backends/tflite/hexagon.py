"""Ask Qualcomm's compiler about a program, and hold its answer against our table: it wins."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.backends.targets import vendor
from mmc.backends.targets.vendor import Answer
from mmc.backends.targets.vendor_log import Refusal
from mmc.counting import counted
from mmc.diagnostics import NOT_COMPILED, OFF_NPU, Diagnostic, Severity, UsageError
from mmc.files import remove
from mmc.target import Target
from mmc.vendor_verdict import VendorRefusal, VendorVerdict

from .check import PARTED, where
from .program import Program
from .work import sizes_of

if TYPE_CHECKING:
    from mmc.options import CompileOptions
    from mmc.result import CompileResult

SHOWN = 3
AOT = ".aot.tflite"
"""The suffix of an artifact with the compiled context inside."""
TABLE_ALONE = "the table alone judged the operators"


def architectures(text: str, target: Target) -> tuple[str, ...]:
    """Return the architectures that `--vendor-arch` names; the target's own comes first.

    Raises:
        UsageError: MMC014 if the target is no Hexagon, MMC003 for an architecture that is none.
    """
    if target.family != "hexagon":
        fix = "leave it out, or compile for a hexagon_* target"
        raise UsageError("MMC014", "--vendor", f"is not for {target.name}", fix=fix)
    named = list(vendor.SOCS) if text == "all" else [a for a in text.split(",") if a]
    for name in named:
        if name not in vendor.SOCS:
            fix = f"choose of: all, {', '.join(vendor.SOCS)}"
            raise UsageError("MMC003", f"--vendor-arch {text}", f"{name!r} is none", fix=fix)
    return tuple(dict.fromkeys([target.architecture, *named]))


def ask_vendor(result: CompileResult, program: Program, options: CompileOptions) -> None:
    """Let the vendor's compiler judge a compile's artifact; the findings become the joint ones.

    With `aot` its compiled artifact is kept beside ours.
    """
    asked = architectures(options.vendor or "", result.target)
    compiled = result.artifact.with_suffix(AOT) if options.aot else None
    if compiled:
        remove(compiled)
        result.compiled = compiled
    result.diagnostics, result.vendor = consult(
        program, result.artifact, result.target, asked, result.diagnostics, compiled
    )


def consult(
    program: Program,
    path: Path,
    target: Target,
    asked: Sequence[str],
    findings: Sequence[Diagnostic],
    compiled: Path | None = None,
) -> tuple[list[Diagnostic], list[VendorVerdict]]:
    """Return the findings as they are once the vendor has been asked, and its answers.

    Args:
        path: the program as a .tflite.
        asked: architectures; the target's own decides about the operators, others add a line each.
        findings: those of our table.
        compiled: where the .tflite with the target's compiled context goes.
    """
    if reason := vendor.missing():
        return [*findings, absent(reason)], []
    settled, said = list(findings), list[VendorVerdict]()
    for architecture in asked:
        own = architecture == target.architecture
        given = vendor.ask(path, architecture, keep=compiled if own else None)
        if own:
            settled = settle(program, given, settled)
        settled += summary(program, given, own)
        said.append(verdict(program, given))
    return settled, said


def verdict(program: Program, given: Answer) -> VendorVerdict:
    """Return an answer for the report, its refusals by the user's nodes."""
    refused = [
        VendorRefusal(where(program.operators[r.index]), r.reason) for r in inside(program, given)
    ]
    return VendorVerdict(
        given.architecture,
        vendor.installed().versions,
        given.ended,
        given.compiled,
        given.seconds,
        given.selected,
        given.total,
        given.partitions,
        mac_share(program, given),
        given.context_bytes,
        refused,
        list(given.errors),
    )


def mac_share(program: Program, given: Answer) -> float:
    """Return the part of the multiplications in operators that the vendor takes.

    It is that of the operators where nothing multiplies.
    """
    macs = [sizes_of(program, op).macs for op in program.operators]
    if not sum(macs) or not given.total:
        return given.selected / max(given.total, 1)
    return 1 - sum(macs[r.index] for r in inside(program, given)) / sum(macs)


def absent(reason: str) -> Diagnostic:
    """Return the note that nobody could be asked."""
    return note("MMC235", "--vendor", f"Qualcomm's compiler was not asked: {reason}", TABLE_ALONE)


def settle(program: Program, given: Answer, findings: Sequence[Diagnostic]) -> list[Diagnostic]:
    """Return our findings where the vendor agrees, its own where it does not."""
    if not given.total:
        return list(findings)
    refused = {where(program.operators[r.index]): r for r in inside(program, given)}
    kept: list[Diagnostic] = []
    for d in findings:
        if d.code == PARTED:
            continue  # the vendor has parted it and says so itself
        if d.code not in OFF_NPU or d.where in refused:
            reason = refused[d.where].reason if d.code in OFF_NPU else ""
            kept.append(replace(d, why=f"{d.why}; Qualcomm: {reason}") if reason else d)
        elif d.code != NOT_COMPILED or given.compiled:
            kept.append(pardoned(d, given))
        else:
            kept.append(d)
    known = {d.where for d in findings if d.code in OFF_NPU}
    return kept + [
        unforeseen(place, r, given) for place, r in refused.items() if place not in known
    ]


def inside(program: Program, given: Answer) -> Iterator[Refusal]:
    """Yield the refusals of operators that the program has."""
    return (r for r in given.refusals if r.index < len(program.operators))


def pardoned(found: Diagnostic, given: Answer) -> Diagnostic:
    """Return the finding for an operator that our table refuses and the vendor takes."""
    what = f"runs on the NPU: Qualcomm's compiler for {given.architecture} takes it"
    return note("MMC233", found.where, what, f"our table is wrong or too careful: {found.why}")


def unforeseen(place: str, refusal: Refusal, given: Answer) -> Diagnostic:
    """Return the finding for an operator that our table takes and the vendor refuses."""
    what = f"runs on the CPU: Qualcomm's compiler for {given.architecture} refuses it"
    why = f"{refusal.reason}; our table takes it and is wrong"
    return Diagnostic("MMC232", Severity.WARNING, place, what, why)


def summary(program: Program, given: Answer, own: bool) -> Iterator[Diagnostic]:
    """Yield what was answered for one architecture, and whether it compiled."""
    place = f"hexagon {given.architecture}"
    if not given.total:
        what = f"Qualcomm's compiler {given.ended} after {given.seconds:.1f} s"
        why = "; ".join([TABLE_ALONE, *given.errors])
        yield note("MMC236", place, what, why, "mmc doctor looks at what is installed")
        return
    macs = f"{100 * mac_share(program, given):.3g} % of the MACs"
    share = f"{given.selected} of {counted(given.total, 'operator')} ({macs})"
    share += f" in {counted(given.partitions, 'partition')}"
    size = f", context {given.context_bytes / 1e6:.2f} MB" if given.compiled else ""
    # The architecture is in the words too: equal findings are shown as one, with a count.
    ended = f"{given.ended}{size}, {given.seconds:.1f} s"
    what = f"Qualcomm's compiler for {given.architecture} takes {share}, {ended}"
    yield note("MMC230", place, what, f"{vendor.installed().versions}. {vendor.LICENCE}")
    if not given.compiled:
        what = f"selected operators are not compiled for {given.architecture}"
        why = "; ".join(given.errors)
        yield Diagnostic("MMC234", Severity.WARNING, place, what, why or given.ended)
    if given.refusals and not own:
        names = [where(program.operators[r.index]) for r in inside(program, given)]
        more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
        what = f"Qualcomm's compiler for {given.architecture} refuses "
        what += f"{', '.join(names[:SHOWN])}{more}"
        yield Diagnostic("MMC231", Severity.WARNING, place, what, given.refusals[0].reason)


def note(code: str, place: str, what: str, why: str = "", fix: str = "") -> Diagnostic:
    """Return a finding that changes no operator's place."""
    fix = fix or (vendor.INSTALL if code == "MMC235" else "")
    return Diagnostic(code, Severity.NOTE, place, what, why, fix)
