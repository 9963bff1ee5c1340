"""`mmc show`: a model or an artifact as readable text."""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.arguments import Parser
from mmc.commands import Command
from mmc.diagnostics import UsageError
from mmc.findings import printable

if TYPE_CHECKING:
    from mmc.ir import Model


def configure(parser: Parser) -> None:
    """Add the options."""
    parser.add_argument(
        "model", metavar="MODEL|ARTIFACT", help=".onnx, an artifact, or a folder of --dump-ir"
    )
    parser.add_argument("--stats", action="store_true", help="counts and sizes only")
    parser.add_argument("--json", action="store_true", help="print --stats or --deploy as JSON")
    parser.add_argument("--html", metavar="FILE.html", help="write it as a page with its graph")
    parser.add_argument(
        "--deploy", action="store_true", help=".mlpackage: Swift that calls it, and JSON of it"
    )


def run(args: argparse.Namespace) -> int:
    """Print it, or write the page."""
    from mmc.backends.base import backend_of

    if args.html:
        return write_html(Path(args.model), Path(args.html))
    backend = backend_of(args.model)
    if args.deploy:
        return show_deployment(Path(args.model), as_json=args.json)
    stats: Mapping[str, object]
    if backend:
        program = backend.read(Path(args.model))
        stats, lines = backend.stats(program), backend.lines(program)
    else:
        from mmc.ir import load

        model = load(args.model)
        stats, lines = model_stats(model), model_lines(model)
    if args.json:
        print(json.dumps(stats, indent=2))
    elif args.stats:
        for line in stats_lines(stats):
            print(printable(line))
    else:
        for line in lines:
            print(printable(line))
    return 0


def show_deployment(path: Path, *, as_json: bool) -> int:
    """Print how an app uses an artifact; raises UsageError MMC015 where that is not known."""
    from mmc.backends.base import backend_of

    backend = backend_of(path)
    deploy = getattr(backend, "deploy", None)
    if backend is None or deploy is None:
        fix = "give an .mlpackage"
        raise UsageError("MMC015", str(path), "has no --deploy: it is for Core ML", fix=fix)
    about, code = deploy(backend.read(path), path)
    if not as_json:
        for line in (*code, ""):
            print(printable(line))
    print(json.dumps(about, indent=2))
    return 0


def write_html(model: Path, out: Path) -> int:
    """Write the page of a model, an artifact or a folder of dumps, and print where it is."""
    from dataclasses import asdict

    from mmc.reports.graphs import State, dumped, graphs_json
    from mmc.reports.layers import layers_of
    from mmc.reports.page import write_page
    from mmc.structure import read_structure

    if out.suffix != ".html":
        raise UsageError("MMC003", f"--html {out}", "is no page", fix="name a file like m.html")
    folder = model.is_dir() and not (model / "Manifest.json").is_file()
    states = dumped(model) if folder else [State(model.name, read_structure(model))]
    last = states[-1].structure
    report = {
        "schema": "mmc.page/1",
        "title": str(model),
        "inputs": {name: last.types.get(name, "?") for name in last.inputs},
        "outputs": {name: last.types.get(name, "?") for name in last.outputs},
        "operators": dict(Counter(op.kind for op in last.ops).most_common()),
        "layers": [asdict(layer) for layer in layers_of(last)],
    }
    write_page(out, [report], [graphs_json(states)], f"mmc: {model.name}")
    print(printable(str(out)))
    return 0


def model_lines(model: Model) -> Iterator[str]:
    """Yield the IR's text."""
    from mmc.ir import print_ir

    yield from print_ir(model, digests=True).splitlines()


def model_stats(model: Model) -> dict[str, object]:
    """Return counts and sizes of an ONNX model."""
    weights = [v.const_value for v in model.graph.initializers.values() if v.const_value]
    kinds = Counter(node.op_type for node in model.graph)
    return {
        "schema": "mmc.stats/1",
        "inputs": {
            v.name: f"{v.dtype.name if v.dtype else '?'}{v.shape}" for v in model.graph.inputs
        },
        "outputs": {
            v.name: f"{v.dtype.name if v.dtype else '?'}{v.shape}" for v in model.graph.outputs
        },
        "operators": dict(kinds.most_common()),
        "weights": len(weights),
        "weight_bytes": sum(w.nbytes for w in weights),
    }


def stats_lines(stats: Mapping[str, object]) -> Iterator[str]:
    """Yield the statistics as text."""
    for key, value in stats.items():
        if isinstance(value, dict):
            yield f"{key} ({sum(value.values()) if key == 'operators' else len(value)})"
            yield from (f"  {name}: {entry}" for name, entry in value.items())
        elif key != "schema":
            yield f"{key.replace('_', ' ')}: {value:,}"


COMMAND = Command("show", "run and look", "print a model or an artifact", configure, run)
