"""`mmc compile`: models in, verified artifacts and a one-screen summary out."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.arguments import CHOICES, Parser, positive
from mmc.commands import Command
from mmc.commands.options import (
    add_calibration,
    add_choice,
    add_evaluation,
    add_form,
    add_limits,
    add_outliers,
    add_output,
    add_shapes,
    add_vendor,
    compile_options,
)
from mmc.diagnostics import UsageError

if TYPE_CHECKING:
    from mmc.batch import Job
    from mmc.options import CompileOptions


def configure(parser: Parser) -> None:
    """Add the options of DESIGN's command list."""
    parser.add_argument("models", nargs="+", metavar="MODEL", help="ONNX file")
    parser.add_argument("--target", required=True, metavar="T", help="`mmc targets` lists them")
    parser.add_argument(
        "-o", "--output", metavar="OUT", help="file, or a folder for several models"
    )
    add_shapes(parser, flexible=True)
    add_form(parser)
    add_calibration(parser)
    add_outliers(parser)
    add_evaluation(parser)
    add_limits(parser)
    add_checking(parser)
    add_output(parser)


def add_checking(parser: Parser) -> None:
    """Add how the result is checked and what can be looked at."""
    group = parser.add_argument_group("checking and looking")
    group.add_argument("--inputs", metavar="X.npz", help="verify on these inputs")
    group.add_argument("--no-verify", action="store_true", help="do not run the artifact")
    text = "htp: also compare what Qualcomm's emulator of the NPU computes (extra: hexagon)"
    add_choice(group, "--verify-on", CHOICES["verify_on"], text)
    group.add_argument("--check", action="store_true", help="compare the model after every pass")
    group.add_argument(
        "--check-layers", action="store_true", help="the same for every tensor that keeps its name"
    )
    add_vendor(parser)
    parser.add_argument(
        "--aot", action="store_true", help="also keep the vendor's compiled .aot.tflite"
    )
    group.add_argument("--dump-ir", metavar="DIR", help="write the model after every pass")
    group.add_argument("--time", action="store_true", help="print what every pass took")
    group.add_argument("--report", metavar="FILE.json|FILE.html", help="write the full report")
    group.add_argument(
        "--no-cache", action="store_true", help="compile even if nothing has changed"
    )
    group.add_argument(
        "-j", dest="jobs", type=positive("-j"), default=1, metavar="N", help="processes"
    )


def run(args: argparse.Namespace) -> int:
    """Compile every model; the exit code is the worst of all."""
    from mmc.batch import compile_all
    from mmc.reports import print_reports, write_report

    if args.report and not args.report.endswith((".json", ".html")):
        fix = "name a file that ends in .json or .html"
        raise UsageError("MMC003", f"--report {args.report}", "is no kind of report", fix=fix)
    outputs = artifact_paths(args.models, args.target, args.output)
    options = compile_options(args)
    jobs = [job_of(args, m, out, options) for m, out in zip(args.models, outputs, strict=True)]
    made = list(compile_all(jobs, args.jobs))
    reports = [one.report for one in made]
    if args.report:
        write_report(reports, Path(args.report), [one.graphs for one in made])
    print_reports(reports, args)
    return max(report.exit_code for report in reports)


def artifact_paths(models: list[str], target: str, output: str | None) -> list[Path]:
    """Return where each artifact goes: `-o`, or ./<stem>.<target> and the backend's suffix.

    Raises:
        UsageError: MMC003 if two models would have the same artifact; MMC200, MMC401.
    """
    from mmc.backends.base import artifact_path, suffix_of
    from mmc.files import check_artifact, unwritable
    from mmc.target import load_target

    where = load_target(target)
    folder = Path(output or ".")
    artifact = folder.suffix == suffix_of(where.backend) or not folder.is_dir()
    if output and len(models) == 1 and artifact and not output.endswith("/"):
        paths = [folder]
    else:
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise unwritable(folder, error.strerror or str(error)) from error
        paths = [folder / artifact_path(Path(model), where) for model in models]
    for path in paths:
        if paths.count(path) > 1:
            raise UsageError("MMC003", str(path), "would be written twice", fix="rename a model")
        check_artifact(path, where.backend)
    return paths


def job_of(args: argparse.Namespace, model: str, output: Path, options: CompileOptions) -> Job:
    """Return what is to be done with one model."""
    from mmc.batch import Job

    dump = Path(args.dump_ir) if args.dump_ir else None
    if dump and len(args.models) > 1:
        dump /= Path(model).stem
    kind = Path(args.report).suffix[1:] if args.report else "json" if args.json else ""
    return Job(
        Path(model),
        output,
        args.target,
        options,
        report=kind,
        dump_ir=dump,
        check=args.check,
        check_layers=args.check_layers,
        cached=not args.no_cache,
        quiet=args.quiet,
        verbose=args.verbose,
    )


COMMAND = Command("compile", "compile", "compile ONNX models for a target", configure, run)
