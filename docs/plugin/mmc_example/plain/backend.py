"""The smallest backend: the optimized model itself, as standard ONNX."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from mmc.cost.work import Workload
from mmc.diagnostics import Diagnostic, Severity
from mmc.ir import Model, load, print_ir
from mmc.options import CompileOptions
from mmc.pass_manager import Phase
from mmc.pipelines import pipeline
from mmc.saving import save_standard
from mmc.structure import Structure, structure_of
from mmc.target import Target


class PlainBackend:
    """A program of this backend is the model in the IR."""

    job = "mmc_example.plain.run:run"

    def __init__(self, target: Target, options: CompileOptions) -> None:
        self.target = target
        self.options = options

    def phases(self) -> list[Phase]:
        """Return the passes on the way."""
        return pipeline("default")

    def lower(self, model: Model) -> Model:
        """Return the program."""
        return model

    def schedule(self, program: Model) -> None:
        """Leave the order to the runtime."""

    def count(self, program: Model) -> dict[str, int]:
        """Count the operators by kind."""
        return dict(Counter(node.op_type for node in program.graph).most_common())

    def check(self, program: Model) -> list[Diagnostic]:
        """Return what this target cannot take: control flow, for the sake of the example."""
        what, why, fix = "has branches", "an example", "export the model without them"
        return [
            Diagnostic("MMC204", Severity.ERROR, repr(node.name), what, why, fix)
            for node in program.graph
            if node.op_type in ("If", "Loop", "Scan")
        ]

    def work(self, program: Model) -> Workload:
        """Return nothing: no device was measured."""
        return Workload()

    def write(self, program: Model, path: Path) -> None:
        """Write the artifact."""
        save_standard(program, path)

    @staticmethod
    def read(path: Path) -> Model:
        """Return the program in an artifact."""
        return load(path)

    @staticmethod
    def lines(program: Model) -> Iterator[str]:
        """Yield the program as text."""
        yield from print_ir(program, digests=True).splitlines()

    @staticmethod
    def stats(program: Model) -> Mapping[str, object]:
        """Return counts."""
        return {"schema": "mmc.stats/1", "operators": program.graph.num_nodes()}

    @staticmethod
    def structure(program: Model) -> Structure:
        """Return the operators and what connects them."""
        return structure_of(program)

    @staticmethod
    def inner_values(program: Model) -> list[str]:
        """Return the names of the computed tensors."""
        return [value.name or "" for node in program.graph for value in node.outputs]


BACKEND = PlainBackend
