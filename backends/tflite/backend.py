"""The TFLite backend: which phases a model goes through, and the steps from IR to file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from mmc.arguments import not_yet
from mmc.backends.phases import clean, to_static
from mmc.backends.tflite.describe import program_lines, program_stats, program_structure
from mmc.backends.tflite.emitter import LOWERINGS
from mmc.backends.tflite.integer_io import left_float, take_codes
from mmc.backends.tflite.lower import lower
from mmc.backends.tflite.program import Program
from mmc.backends.tflite.run import JOB
from mmc.diagnostics import Diagnostic, RecipeError, UsageError
from mmc.goals import GOALS
from mmc.integers.float_islands import GOOD_DB
from mmc.integers.integer_ops import WEIGHTED
from mmc.integers.needs import check_needs
from mmc.integers.recipe import read_recipe
from mmc.ir import DataType, Model
from mmc.pass_manager import Pass, Phase
from mmc.passes.adopt_grids import AdoptGrids
from mmc.passes.assign_layout import AssignLayout
from mmc.passes.eliminate_dead_code import EliminateDeadCode
from mmc.passes.equalize_channels import equalizing
from mmc.passes.fill_lanes import FillLanes
from mmc.passes.fuse import Fuse
from mmc.passes.halve_weights import HalveWeights
from mmc.passes.hold_biases import HoldBiases
from mmc.passes.legalize_grids import LegalizeGrids
from mmc.passes.legalize_hexagon import LegalizeHexagon
from mmc.passes.legalize_tflite import LegalizeTflite
from mmc.passes.merge_axes import MergeAxes
from mmc.passes.pointwise_to_linear import PointwiseToLinear
from mmc.passes.quantize_activations import QuantizeActivations
from mmc.passes.quantize_early import QuantizeEarly
from mmc.passes.quantize_weights import QuantizeWeights
from mmc.passes.recover_integers import RecoverIntegers
from mmc.passes.spread_grids import SpreadGrids
from mmc.passes.to_nhwc import ToNhwc
from mmc.passes.widen_floats import WidenFloats
from mmc.target import Target

if TYPE_CHECKING:
    from mmc.backends.tflite.check import Judged
    from mmc.cost.work import Workload
    from mmc.options import CompileOptions
    from mmc.schedule import Schedule
    from mmc.structure import Structure
    from mmc.verification.pieces import Piece

POOR_DB = 20.0
"""Signal to noise that codes alone leave, in dB: a tenth of the signal is wrong."""

XNNPACK_AXES = 6  # kernels take more, but what XNNPACK takes over and then refuses does not load


class TfliteBackend:
    """Compiles for the `hexagon_*` targets and for `cpu`."""

    job = JOB

    def __init__(self, target: Target, options: CompileOptions) -> None:
        self.target = target
        self.options = options
        self._lowered: Program | None = None
        self._said: dict[int, list[Diagnostic]] = {}
        if options.precision == "float16":
            raise not_yet("--precision float16 for TFLite")
        if options.pictures or options.about:
            fix = "they are for --target ane_*"
            raise UsageError("MMC011", "--image-input, --about", "are not for TFLite", fix=fix)

    def phases(self) -> list[Phase]:
        """Return the way from a loaded model to one that lowers op by op."""
        goal = GOALS[self.options.optimize]
        tidy = clean(goal)
        halve = (HalveWeights(), EliminateDeadCode())
        to_nhwc = ToNhwc(io_layout=self.options.io_layout)
        npu = self.target.runs_on == "npu"
        return [
            Phase("widen", (WidenFloats(),)),
            *to_static(goal, goal.decomposing(), LOWERINGS.ops(), grids=True),
            Phase("layout", (to_nhwc, goal.fold, EliminateDeadCode())),
            Phase("assign-layout", (AssignLayout(), to_nhwc, *tidy), max_rounds=4),
            Phase("legalize", (LegalizeTflite(), *tidy), max_rounds=3),
            Phase("merge-axes", (MergeAxes(above=0 if npu else XNNPACK_AXES), EliminateDeadCode())),
            *([] if npu else [Phase("lanes", (self._lanes(goal.fuse), *tidy))]),
            *([Phase("halve", halve)] if self.options.weights == "float16" else []),
            Phase("adopt", self._adoption()),
            *self._quantization(),
            *([Phase("hexagon", (LegalizeHexagon(),))] if npu else []),
        ]

    def _lanes(self, fuse: Fuse) -> FillLanes:
        """Return the pass for a processor; a norm's scale makes a weight's columns round worse."""
        precise = fuse.precise or self.options.integer_weights
        return FillLanes(precise=precise, max_growth_bytes=fuse.max_growth_bytes)

    def _adoption(self) -> tuple[Pass, ...]:
        """Return the passes that let a model that arrived quantized compute on its own codes."""
        npu = self.target.runs_on == "npu"
        return (
            LegalizeGrids(),
            SpreadGrids(),
            RecoverIntegers(symmetric=True, npu=npu, adopt=True),
            *([PointwiseToLinear()] if npu else []),
            replace(AdoptGrids.chosen_by(self.options), quick=not npu),
            EliminateDeadCode(),
        )

    def _quantization(self) -> list[Phase]:
        """Return the phase that makes weights integers, where the options ask for it."""
        self._refuse_options()
        options, npu = self.options, self.target.runs_on == "npu"
        if not options.integer_weights:
            own = (RecoverIntegers(symmetric=True), EliminateDeadCode())
            unpacks = not npu and options.weights == "float32"
            return [Phase("quantize", own)] if unpacks else []
        activations = options.activation_bits
        quick = activations == 8 and not npu
        codes = replace(
            QuantizeActivations.chosen_by(options),
            quick=quick,
            last_float=quick and options.io_dtype == "float",
            parts=bool(self._islands()) and options.io_dtype == "float",
            islands=self._islands() if activations == 8 else min(self._islands(), POOR_DB),
        )
        passes = (
            RecoverIntegers(symmetric=True, npu=npu, release=bool(activations)),
            *equalizing(options),
            self._weights(npu),
            *([PointwiseToLinear()] if npu else []),
            *([codes] if activations else []),
            *([HoldBiases()] if npu and activations == 16 else []),
            *([QuantizeEarly()] if quick else []),
            EliminateDeadCode(),
        )
        return [Phase("quantize", passes)]

    def _refuse_options(self) -> None:
        """Raise where integers are asked for that the target, or no one, can make."""
        options = self.options
        check_needs(options)
        if options.recipe and read_recipe(options.recipe).has_tables:
            raise RecipeError(
                "MMC312",
                options.recipe,
                "asks for tables, which TFLite does not have",
                fix="use int8, int4 or int2 weights, or compile for ane_ios18",
            )
        floats = options.integer_weights and not options.activation_bits
        if floats and self.target.runs_on == "npu":
            raise UsageError(
                "MMC303",
                f"--recipe {options.recipe}" if options.recipe else f"--weights {options.weights}",
                f"{self.target.name} does not unpack integer weights for float activations",
                why="its compiler refuses per-channel DEQUANTIZE (hexagon.toml, measured)",
                fix="add --activations int16 or int8 and --calibration, or use --weights float16",
            )

    def _weights(self, npu: bool) -> QuantizeWeights:
        """Return the pass for weights; where floats stop the compilation, none stays float."""
        asked = replace(QuantizeWeights.chosen_by(self.options), npu=npu, small=npu)
        return asked if self._islands() else replace(asked, least_db=0.0)

    def _islands(self) -> float:
        """Return the signal to noise, in dB, that is good enough for codes alone.

        A processor computes floats nearly as fast; an NPU also stores their weights as floats. v68
        selects floats that stop the compilation of all: there none are kept for accuracy.
        """
        if self.target.runs_on != "npu":
            return GOOD_DB
        return POOR_DB if self.target.support("SUB", "f32").ok else 0.0

    @staticmethod
    def widths(target: Target, op: str, activations: str, least: int) -> tuple[int, ...]:
        """Return the bits of weights that are stored packed and computed rightly."""
        if target.runs_on == "npu":
            return tuple(bits for bits in (8, 4, 2) if bits >= least)
        if activations == "float" or op == "Gather":
            return (8, 4, 2)
        return WEIGHTED.get(op, {}).get(16 if activations == "int16" else 8, (8,))

    @staticmethod
    def kinds(target: Target) -> tuple[str, ...]:
        """Return the activations to try: integers on an NPU, quicker ones first."""
        return ("int8", "int16") if target.runs_on == "npu" else ("int8", "float")

    def lower(self, model: Model) -> Program:
        """Lower the final IR; raises LegalityError with every node that cannot be."""
        given = self.options.activation_bits == 8 or has_bytes(model)
        if self.options.io_dtype == "int8" and not given:
            fix = "add --activations int8"
            raise UsageError("MMC305", "--io-dtype int8", "needs 8-bit activations", fix=fix)
        keep = self.options.keep_int64 or self.target.name == "cpu"
        program = lower(model, keep_int64=keep, npu=self.target.runs_on == "npu")
        if self.options.io_dtype == "int8":
            take_codes(program)
        return program

    def schedule(self, program: Program) -> Schedule:
        """Put the operators into the order that needs the least memory for activations."""
        from mmc.backends.tflite.memory import reorder

        return reorder(program, self._off_the_npu(program))

    def _off_the_npu(self, program: Program) -> set[int]:
        """Return the places of the operators that an NPU leaves to the CPU."""
        from mmc.backends.tflite.check import off_among

        npu = self.target.runs_on == "npu"
        return off_among(self._judged(program)) if npu else set()

    def _judged(self, program: Program) -> Judged:
        """Return what the tables say of a lowered program, an operator once however it is moved."""
        from mmc.backends.tflite.check import judge

        if self._lowered is not program:
            said = judge(program, self.target)
            self._lowered = program
            self._said = {id(op): own for op, own in zip(program.operators, said, strict=True)}
        return [self._said[id(op)] for op in program.operators]

    def count(self, program: Program) -> dict[str, int]:
        """Count the emitted operators by code, most frequent first."""
        return dict(Counter(op.code for op in program.operators).most_common())

    def check(self, program: Program) -> list[Diagnostic]:
        """Return everything that the target cannot take, or takes slowly."""
        from mmc.backends.tflite.check import check

        left = left_float(program) if self.options.io_dtype == "int8" else []
        return [*check(program, self.target, self._judged(program)), *left]

    def work(self, program: Program) -> Workload:
        """Return what the operators have to do; those off the NPU are the host's."""
        from mmc.backends.tflite.check import where
        from mmc.backends.tflite.work import workload

        off = self._off_the_npu(program)
        return workload(program, {where(program.operators[i]) for i in off})

    @staticmethod
    def write(program: Program, path: Path) -> None:
        """Write the artifact (to a temporary name, then renamed)."""
        from mmc.backends.tflite.flatbuffer import write

        write(program, path)

    @staticmethod
    def read(path: Path) -> Program:
        """Return the program in a file of any origin."""
        from mmc.backends.tflite.reader import read

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
    def inner_values(program: Program) -> list[str]:
        """Return the names of the computed tensors, in order of computation."""
        return [program.tensors[i].name for op in program.operators for i in op.outputs]

    @staticmethod
    def pieces(program: Program, known: Mapping[str, tuple[int, ...]]) -> Iterator[Piece]:
        """Yield the integer operators as programs that are fed between them."""
        from mmc.backends.tflite.pieces import pieces

        return pieces(program, known)


def has_bytes(model: Model) -> bool:
    """Say whether activations are codes of 8 bits."""
    made = (n.outputs[0].dtype for n in model.graph if n.op_type == "QuantizeLinear")
    return any(dtype == DataType.INT8 for dtype in made)


BACKEND = TfliteBackend
