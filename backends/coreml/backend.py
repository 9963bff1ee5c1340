"""The Core ML backend: which phases a model goes through, and the steps from IR to package."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any

import mmc
from mmc.backends.coreml.compressed import BLOCKS
from mmc.backends.coreml.describe import program_lines, program_stats, program_structure
from mmc.backends.coreml.emitter import LOWERINGS, MAX_RANK
from mmc.backends.coreml.lower import Form, lower
from mmc.backends.coreml.program import Program
from mmc.backends.phases import clean, to_static
from mmc.diagnostics import Diagnostic, UsageError
from mmc.goals import GOALS
from mmc.integers.float_islands import GOOD_DB
from mmc.integers.needs import check_needs
from mmc.ir import Model
from mmc.pass_manager import Phase
from mmc.passes.assign_layout import AssignLayout
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.equalize_channels import equalizing
from mmc.passes.legalize_coreml import LegalizeCoreml
from mmc.passes.merge_axes import MergeAxes
from mmc.passes.merge_slices import MergeSlices
from mmc.passes.narrow_windows import NarrowWindows
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.passes.recover_integers import RecoverIntegers
from mmc.passes.widen_floats import WidenFloats
from mmc.structure import Structure
from mmc.target import Target

if TYPE_CHECKING:
    from mmc.cost.work import Workload
    from mmc.options import CompileOptions
    from mmc.verification.pieces import Piece

NATIVE = (
    *("BatchNormalization", "InstanceNormalization", "LayerNormalization"),
    *("DepthToSpace", "Elu", "Erf", "GatherElements", "GatherND", "HardSigmoid", "LogSoftmax"),
    *("ReduceL1", "ReduceL2", "ReduceLogSum", "ReduceLogSumExp", "ReduceSumSquare"),
    *("Atanh", "Cosh", "Sinh", "Softmax", "Softplus", "Softsign", "Tan", "TopK"),
)
"""Operators that MIL has in every form, though rules could take them apart."""
WHOLE = (
    *("conv-1d", "conv-3d-groups", "conv-transpose-dilated", "conv-transpose-groups"),
    *("conv-transpose-3d", "expand-pool-3d", "pool-1d"),
)
"""Rules that take apart what MIL has: one and three spatial axes, groups, gaps in kernels."""
GRIDS = 8
"""The first specification version with quantize and dequantize: iOS 17."""
ATTENTION_VERSION = 9
"""The first specification version with scaled_dot_product_attention: iOS 18."""


class CoremlBackend:
    """Compiles for the `ane_*` targets."""

    job = "mmc.backends.coreml.run:run_model"
    overflow_job = "mmc.backends.coreml.overflow:overflow"
    """Says which operator first leaves float16's range."""

    def __init__(self, target: Target, options: CompileOptions) -> None:
        self.target = target
        self.options = options
        self._check_activations()
        if options.io_layout != "keep" or options.keep_int64 or options.io_dtype != "float":
            raise UsageError(
                "MMC011",
                "--io-layout, --io-dtype, --keep-int64",
                "are not for Core ML",
                why="images are channels first there, and integers have 32 bits",
                fix="leave them out",
            )

    def phases(self) -> list[Phase]:
        """Return the way from a loaded model to one that lowers op by op; images stay NCHW."""
        goal = GOALS[self.options.optimize]
        decompose = goal.decomposing(keep=NATIVE, without=WHOLE)
        chosen = (QuantizeWeights.chosen_by(self.options),) if self.options.integer_weights else ()
        codes = self._codes()
        own = RecoverIntegers(symmetric=bool(codes), release=bool(codes))
        integers = (own, *equalizing(self.options), *chosen, *codes, EliminateDeadCode())
        version = self.target.settings["version"]
        whole, legalize = version >= ATTENTION_VERSION, LegalizeCoreml(grids=version >= GRIDS)
        narrow = (NarrowWindows(self.widest),) if self.half else ()
        tidy, made = clean(goal), (*narrow, MergeSlices(), legalize)
        return [
            Phase("widen", (WidenFloats(),)),
            *to_static(goal, decompose, LOWERINGS.ops(), whole=whole, half=self.half),
            Phase("assign-layout", (AssignLayout(features=True), goal.fuse, *tidy), max_rounds=4),
            Phase("merge-axes", (MergeAxes(above=MAX_RANK), *tidy), max_rounds=3),
            Phase("legalize", (*made, *tidy), max_rounds=3),
            Phase("quantize", integers),
        ]

    def _check_activations(self) -> None:
        """Refuse integer activations that Core ML does not have (MMC011), or that lack data."""
        what, bits = f"--activations {self.options.activations}", self.options.activation_bits
        if bits == 16:
            why, fix = "MIL's quantize makes codes of 8 bits", "ask for int8, or leave it out"
            raise UsageError("MMC011", what, "is not for Core ML", why=why, fix=fix)
        if bits and self.target.settings["version"] < GRIDS:
            why, fix = "MIL has quantize from iOS 17 on", "compile for ane_ios17 or later"
            raise UsageError("MMC011", what, f"is not for {self.target.name}", why=why, fix=fix)
        check_needs(self.options)

    def _codes(self) -> tuple[QuantizeActivations, ...]:
        """Return the pass for activations, if they are asked for.

        The engine's own numbers are float16: what stays float costs nothing but the speed of codes.
        """
        if not self.options.activation_bits:
            return ()
        asked = replace(QuantizeActivations.chosen_by(self.options), half=self.half)
        return (replace(asked, quick=True, last_float=True, parts=True, islands=GOOD_DB),)

    @property
    def widest(self) -> int:
        """Return how wide a window of the engine may be."""
        return int(self.target.table["limits"]["kernel"][0])

    @property
    def half(self) -> bool:
        """Say whether floats are computed in float16."""
        return (self.options.precision or self.target.precision) == "float16"

    @staticmethod
    def kinds(target: Target) -> tuple[str, ...]:
        """Return the activations to try: integers where the version has them."""
        return ("int8", "float") if target.settings["version"] >= GRIDS else ("float",)

    @staticmethod
    def widths(target: Target, op: str, activations: str, least: int) -> tuple[int, ...]:
        """Return the bits of weights that the version stores in that size."""
        return (8, 4, 2) if target.settings["version"] >= BLOCKS else (8,)

    def lower(self, model: Model) -> Program:
        """Lower the final IR; raises LegalityError with every node that cannot be."""
        version = self.target.settings["version"]
        form = Form("fp16" if self.half else "fp32", version, self.options.pictures)
        program = lower(model, form)
        program.about = {k: v for k, v in self.options.about.items() if k != "labels"}
        program.metadata = self.metadata(program)
        return program

    def generalize(
        self,
        programs: Sequence[Program],
        shapes: Mapping[str, Sequence[tuple[int, ...]]],
        *,
        ranged: bool,
    ) -> Program:
        """Return one program for several sizes; raises LegalityError MMC229."""
        from mmc.backends.coreml.generalize import generalize

        program = generalize(programs, shapes, ranged=ranged)
        program.metadata = self.metadata(program)
        return program

    def metadata(self, program: Program) -> dict[str, str]:
        """Return what a package says of its making, for `mmc show --deploy` and for people."""
        text = "\n".join(program_lines(program))
        made = {
            "mmc.version": mmc.__version__,
            "mmc.target": self.target.name,
            "mmc.compute_units": str(self.target.settings["compute_units"]),
            "mmc.digest": blake2b(text.encode(), digest_size=16).hexdigest(),
        }
        if labels := self.options.about.get("labels"):
            classes = read_labels(Path(labels))
            check_labels(classes, program)
            made["classes"] = json.dumps(classes)
        return made

    def schedule(self, program: Program) -> None:
        """Core ML plans its memory itself: the order has no effect."""

    def count(self, program: Program) -> dict[str, int]:
        """Count the emitted operators by code, most frequent first."""
        return dict(Counter(op.code for op in program.computing()).most_common())

    def check(self, program: Program) -> list[Diagnostic]:
        """Return everything that the target cannot take, or takes slowly."""
        from mmc.backends.coreml.check import check

        return check(program, self.target)

    def work(self, program: Program) -> Workload:
        """Return what the operations have to do."""
        from mmc.backends.coreml.work import workload

        return workload(program)

    @staticmethod
    def write(program: Program, path: Path) -> None:
        """Write the package (to a temporary name, then renamed)."""
        from mmc.backends.coreml.writer import write

        write(program, path)

    @staticmethod
    def read(path: Path) -> Program:
        """Return the program in a package of any origin."""
        from mmc.backends.coreml.reader import read

        return read(path)

    @staticmethod
    def lines(program: Program) -> Iterator[str]:
        """Yield the program as text."""
        return program_lines(program)

    @staticmethod
    def stats(program: Program) -> dict[str, object]:
        """Return counts and sizes."""
        return program_stats(program)

    @staticmethod
    def structure(program: Program) -> Structure:
        """Return the operators and what connects them."""
        return program_structure(program)

    @staticmethod
    def deploy(program: Program, path: Path) -> tuple[dict[str, Any], list[str]]:
        """Return what an app has to know of a package, and Swift that calls it."""
        from mmc.backends.coreml.deploy import deployment, snippet

        about = deployment(program, path)
        return about, list(snippet(about))

    @staticmethod
    def inner_values(program: Program) -> list[str]:
        """Return the names of the computed tensors, in order of computation."""
        return [var.name for op in program.computing() for var in op.outputs]

    @staticmethod
    def pieces(program: Program, known: Mapping[str, tuple[int, ...]]) -> Iterator[Piece]:
        """Yield nothing: what lies between codes is computed on floats, and compared as a whole."""
        yield from ()


def read_labels(path: Path) -> list[str]:
    """Return the lines of a file of class names; raises UsageError MMC007."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        what, fix = "is no readable text file", "give a file with the name of one class a line"
        raise UsageError("MMC007", str(path), what, why=str(error), fix=fix) from error


def check_labels(classes: list[str], program: Program) -> None:
    """Refuse class names of which no output has as many scores (MMC016)."""
    sizes = {f.onnx_name: f.shape[-1] if f.shape else 1 for f in program.outputs}
    if len(classes) not in sizes.values():
        where, what = "--about labels", f"{len(classes)} names, but no output has as many scores"
        why = ", ".join(f"{name!r} has {size}" for name, size in sizes.items())
        raise UsageError("MMC016", where, what, why=why, fix="give one line a class")


BACKEND = CoremlBackend
