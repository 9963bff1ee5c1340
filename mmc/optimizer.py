"""ONNX to ONNX: a pipeline of passes over one model, and the replay of a recorded failure."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from mmc.compiler import always, load_fixed, unsettled
from mmc.counting import counted
from mmc.diagnostics import Diagnostic, UsageError
from mmc.files import check_output
from mmc.instruments import Verify, looking
from mmc.integers.kept_float import KeptFloat, kept_float
from mmc.ir import Model, Node, load
from mmc.matching import match
from mmc.options import CompileOptions
from mmc.pass_manager import (
    PASSES,
    Contract,
    Instrument,
    Pass,
    PassManager,
    PassRecord,
    Phase,
    parse_pipeline,
)
from mmc.pattern import RULES, NoMatch, Rule, apply_rules
from mmc.pipelines import PIPELINES, pipeline
from mmc.rule_pass import RulePass
from mmc.saving import save_standard


@dataclass
class Optimized:
    """What was done; the model is in the file, and `nodes` are its operators without Constant."""

    nodes_before: int
    nodes: int
    passes: list[PassRecord]
    explanations: list[str] = field(default_factory=list)
    diagnostics: list[Diagnostic] = field(default_factory=list)
    kept_float: list[KeptFloat] = field(default_factory=list)


def optimize(
    source: str | Path,
    output: str | Path | None,
    text: str | None = None,
    options: CompileOptions | None = None,
    *,
    dump_ir: Path | None = None,
    check: bool = False,
    check_layers: bool = False,
    explain: str | None = None,
    then: Sequence[Pass] = (),
) -> Optimized:
    """Run a pipeline over the model at `source` and write standard ONNX to `output`.

    Args:
        text: a pipeline's name (`default`, `tflite`) or passes such as "fold-constants,fuse".
        then: passes to run after the pipeline.
        explain: a rule; its refusals are reported. Its pass must be in the pipeline, which is
            `tflite` where no text is given, `default` has no such pass and nothing is written.
    Raises:
        MmcError: nothing is written then.
    """
    options = options or CompileOptions()
    if output:
        check_output(Path(output))
    rules = find_rules(explain) if explain else []
    phases = [*phases_of(text or pipeline_for(rules, saved=bool(output))), *then]
    model = load_fixed(source, options)
    before = model.graph.num_nodes()
    passes = PassManager(phases).passes()
    read = [data for p in passes if (data := getattr(p, "calibration", ""))]
    seen = replace(options, calibration=options.calibration or "".join(read[:1]))
    watchers = looking(dump_ir, check or any(map(is_lossy, passes)), check_layers, seen)
    told = Explain(rules) if rules else None
    told_of = [told] if told else []
    every = (*told_of, *watchers, *always(source, options))
    records = PassManager(phases, every).run(model)
    found = unsettled(model)
    nodes = save_standard(model, output) if output else model.graph.num_nodes()
    heard = [*told.lines()] if told else []
    return Optimized(before, nodes, records, heard, found, [*kept_float(model)])


def is_lossy(p: Pass) -> bool:
    """Say whether a pass changes the numbers by design."""
    return p.contract is Contract.LOSSY


def losses(records: list[PassRecord]) -> Iterator[str]:
    """Yield a line for every run of a lossy pass: what it changed, and the error it made."""
    for record in records:
        kind = PASSES.get(record.name.partition("{")[0])
        if kind is None or kind.contract is not Contract.LOSSY:
            continue
        error = "no error" if record.sqnr_db is None else f"SQNR {record.sqnr_db:.1f} dB"
        yield f"{record.name}: {counted(record.changes, 'change')}, {error} on the outputs"


def phases_of(text: str) -> list[Phase | Pass]:
    """Return a named pipeline (`default`, `clean`, `tflite`), or the passes that `text` lists.

    Raises:
        UsageError: MMC190, MMC191.
    """
    if text in PIPELINES:
        return [*pipeline(text)]
    if text == "tflite":
        from mmc.backends.tflite.backend import TfliteBackend
        from mmc.target import load_target

        return [*TfliteBackend(load_target("cpu"), CompileOptions()).phases()]
    return [*parse_pipeline(text)]


def pipeline_for(rules: Sequence[Rule], *, saved: bool) -> str:
    """Return the pipeline to run where none is given; `--explain` does not change what is saved."""
    known = any(
        isinstance(p, RulePass) and rule in p.rules()
        for p in PassManager(pipeline("default")).passes()
        for rule in rules[:1]
    )
    return "default" if saved or known or not rules else "tflite"


def find_rules(name: str) -> list[Rule]:
    """Return a rule by `stage/name` or its name alone, and its variants: `name-of-...`.

    Raises UsageError (MMC008) when there is none.
    """
    stages = [key for key in RULES if key.partition("/")[2] == name]
    rule = RULES.get(name) or (RULES[stages[0]] if len(stages) == 1 else None)
    if rule is None:
        close = stages or RULES.close_to(name)
        fix = f"did you mean {', '.join(close)}?" if close else "`mmc rules` lists them"
        raise UsageError("MMC008", f"--explain {name}", "there is no such rule", fix=fix)
    variant = f"{rule.stage}/{rule.name}-"
    return [rule, *(RULES[key] for key in RULES if key.startswith(variant))]


@dataclass
class Explain(Instrument):
    """Try a rule and its variants right before the pass that applies them; collect the refusals.

    `near` are the sites where everything of the pattern was found, and the rule itself refused.
    """

    rules: list[Rule]
    refusals: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    near: dict[str, Counter[tuple[str, str]]] = field(default_factory=dict)
    matches: Counter[str] = field(default_factory=Counter)
    tried: bool = False

    def before(self, p: Pass, model: Model) -> None:
        """Apply the rules alone; their pass would apply them next anyway."""
        if isinstance(p, RulePass) and self.rules[0] in p.rules():
            self.tried = True
            for rule in self.rules:
                self.matches[rule.name] += apply_rules(model, [rule], self._hear)

    def _hear(self, rule: Rule, node: Node, reason: str) -> None:
        try:
            match(rule.pattern, node)
            heard = self.near
        except NoMatch:
            heard = self.refusals
        heard.setdefault(rule.name, Counter())[(node.name or node.op_type, reason)] += 1

    def lines(self) -> Iterator[str]:
        """Yield the story, a line a site; rules and sites that came nearest first."""
        if not self.tried:
            stage = self.rules[0].stage
            yield f"the pipeline has no pass for rules of stage {stage!r}: -p tflite may have one"
            return
        for rule in sorted(self.rules, key=lambda rule: rule.name not in self.near):
            refused = [*self.near.get(rule.name, ()), *self.refusals.get(rule.name, ())]
            yield f"{rule.name}: {self.matches[rule.name]} matched, {len(refused)} refused"
            yield from (f"  {where}: {why}" for where, why in refused)


def reproduce(folder: Path) -> None:
    """Run the recorded passes on the recorded model; raises what failed then, if it still does.

    Raises:
        UsageError: MMC009 if the folder holds no recorded failure.
    """
    try:
        story = json.loads((folder / "reproduce.json").read_text())
        passes = parse_pipeline(story["pipeline"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UsageError(
            "MMC009", str(folder), "holds no failure recorded by mmc", why=str(error)
        ) from error
    model = load(folder / "model.onnx")
    PassManager(passes, [Verify()]).run(model)
