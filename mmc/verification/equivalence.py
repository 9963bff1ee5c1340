"""The instrument behind `--check` and `--check-layers`: does every pass keep its contract?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from mmc.diagnostics import EmitError, PassError
from mmc.ir import Model
from mmc.pass_manager import Contract, Instrument, Pass, PassRecord
from mmc.verification.casting import Array
from mmc.verification.evaluate import Comparison, allowance, near, sums
from mmc.verification.tensors import (
    base_name,
    compared,
    inner_names,
    rounding_floors,
    run_inner,
)

SHOWN = 3
"""How many wrong tensors a message names."""


@dataclass
class Equivalence(Instrument):
    """Run the model before and after every pass in ONNX Runtime and compare, as its contract says.

    EXACT: equal. REASSOCIATES: within the rounding of reordered sums, or 4 times the measured
    rounding floor. LOSSY: an SQNR of at least the budget. Without `feeds` they are the first sample
    of `data`, which ranges are chosen for, or drawn for the model as it comes, with `seed`. With
    `layers`, every tensor that both models have under one name is compared too, not only outputs.
    """

    feeds: Mapping[str, Array] | None = None
    seed: int = 0
    layers: bool = False
    data: str = ""
    budget_db: float | None = None
    """What LOSSY passes must keep; None: what each promises itself."""
    reference: dict[str, Array] = field(default_factory=dict)
    floors: dict[str, float] = field(default_factory=dict)

    def start(self, model: Model) -> None:
        """Compute the tensors of the model as it came, and how far rounding alone moves them."""
        from mmc.integers.calibration import prepared_samples, signature
        from mmc.verification.inputs import draw_inputs

        if self.feeds is None and self.data:
            self.feeds = next(prepared_samples(self.data, 1, signature(model)))
        elif self.feeds is None:
            self.feeds = draw_inputs(model, self.seed)
        self.reference = self._run(model)
        for values in ([], inner_names(model)) if self.layers else ([],):
            with suppress(EmitError):  # no floor is known where the optimizer fails
                moved = run_inner(model, self.feeds, values, perturbed=1)
                for name, floor in rounding_floors(self.reference, moved).items():
                    self.floors[name] = max(floor, self.floors.get(name, 0.0))

    def after(self, p: Pass, model: Model, record: PassRecord) -> None:
        """Compare, and let the new tensors be the next reference; raises PassError (MMC194)."""
        if not record.changes:
            return
        actual = self._run(model)
        self._check_signature(p, model, actual)
        found = list(self._compared(model, actual))
        outputs = {value.name for value in model.graph.outputs}
        levels = [c.level_db for c in found if c.name in outputs and not c.integer]
        lowest = min(levels, default=math.inf)
        record.sqnr_db = lowest if math.isfinite(lowest) else None
        wrong = list(self._wrong(p, model, found))
        if wrong:
            more = f"; and {len(wrong) - SHOWN} more tensors" if len(wrong) > SHOWN else ""
            raise self._error(p, "changed what the model computes", "; ".join(wrong[:SHOWN]) + more)
        self.reference = actual

    def _check_signature(self, p: Pass, model: Model, actual: Mapping[str, Array]) -> None:
        for name in (str(value.name) for value in model.graph.outputs):
            shapes = [x[name].shape if name in x else None for x in (self.reference, actual)]
            if shapes[0] != shapes[1]:
                why = f"it was {shapes[0]} and is {shapes[1]}"
                raise self._error(p, f"changed the shape of output {name!r}", why)

    def _error(self, p: Pass, what: str, why: str) -> PassError:
        return PassError("MMC194", f"pass {p}", what, why=why, fix="`mmc bisect` looks closer")

    def _run(self, model: Model) -> dict[str, Array]:
        return run_inner(model, self.feeds or {}, inner_names(model) if self.layers else ())

    def _compared(self, model: Model, actual: Mapping[str, Array]) -> Iterator[Comparison]:
        outputs = [str(value.name) for value in model.graph.outputs]
        yield from compared(self.reference, actual, [n for n in inner_names(model) if n in actual])
        inside = set(inner_names(model))
        for name in (n for n in outputs if n not in inside):  # an input or a constant goes out
            yield from compared(self.reference, actual, [name])

    def _wrong(self, p: Pass, model: Model, found: list[Comparison]) -> Iterator[str]:
        lengths = sums(model)
        makers = {v.name: node for node in model.graph for v in node.outputs}
        for c in found:
            floor = self.floors.get(base_name(c.name), 0.0)
            allowed = allowance(self.reference[c.name].dtype, lengths.get(c.name, 1), floor)
            if self._passes(p, c, allowed):
                continue
            node = makers.get(c.name)
            maker = f" (made by {node.op_type} {node.name!r})" if node and self.layers else ""
            yield f"{c.name!r}{maker} {shortcoming(c)}"

    def _passes(self, p: Pass, found: Comparison, allowed: float) -> bool:
        if p.contract is not Contract.LOSSY:
            return near(found, 0.0 if p.contract is Contract.EXACT else allowed)
        budget = p.budget_db if self.budget_db is None else self.budget_db
        return found.integer or found.passes(budget)


def shortcoming(found: Comparison) -> str:
    """Return how a tensor differs, in words."""
    if not found.positions_match:
        return "has NaN or infinity in other places"
    if found.integer:
        return f"has {found.mismatches} other entries"
    return f"differs by up to {found.max_abs_error:.3g} (SQNR {found.sqnr_db:.1f} dB)"
