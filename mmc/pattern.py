"""Rules: a pattern, the function that builds its replacement, and the worklist that applies them.

What a rule need not care about, because the engine guarantees it: interior results have no other
use; names, types and shapes survive; a shared weight is never overwritten; every new node carries
the names of the user's nodes it stands for.
"""

from __future__ import annotations

import inspect
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from mmc import opset
from mmc.builder import Builder, detach
from mmc.diagnostics import ModelError
from mmc.growth import check_growth
from mmc.ir import SOURCES, Graph, Model, Node, Value, is_static, origin_of
from mmc.matching import Match, NoMatch, match, may_match
from mmc.naming import FRESH, fresh_name
from mmc.pass_manager import Contract
from mmc.pattern_language import OpPattern, const, either, maybe, mmc_op, names_of, op
from mmc.registry import Registry
from mmc.shapes import infer_node
from mmc.values import UNSETTLED, NotInferredError

__all__ = [
    "RULES",
    "Builder",
    "NoMatch",
    "Rule",
    "apply_rules",
    "const",
    "either",
    "maybe",
    "mmc_op",
    "op",
    "rewrite",
    "rules_of",
]


REWRITES_PER_NODE = 16
LEAST_REWRITES = 1000
"""A model of 150 trained and exported ones takes less than one rewrite a node in a pass; rules that
undo each other go on for ever, and are stopped here."""


@dataclass(frozen=True, eq=False)
class Rule:
    """A pattern and the function that builds its replacement."""

    name: str
    pattern: OpPattern
    build: Callable[..., Any]
    stage: str
    contract: Contract
    parameters: tuple[str, ...]
    loses_digits: bool = False

    @property
    def doc(self) -> str:
        """The equation: the function's docstring."""
        return inspect.getdoc(self.build) or ""


RULES: Registry[Rule] = Registry("rule", "mmc.passes.rules", "mmc.rules")
"""Rules by "stage/name": what `fuse/mish` recognises, `decompose/mish` takes apart."""


def rewrite(
    pattern: OpPattern,
    *,
    stage: str = "fuse",
    contract: Contract = Contract.REASSOCIATES,
    loses_digits: bool = False,
) -> Callable[[Callable[..., Any]], Rule]:
    """Make a rule of the decorated function, which gets a Builder and the bindings it names.

    A name of an alternative that was not taken is None. The function returns the value (or, for a
    root with several outputs, the values) that replaces the root's; it raises NoMatch to refuse.
    `stage` names the pass that applies it: canonicalize, fuse, decompose, or a backend's own.
    `loses_digits` says that the replacement can round worse: sums that nearly cancel, factors that
    are no power of two.
    """

    def decorate(build: Callable[..., Any]) -> Rule:
        parameters = build.__code__.co_varnames[1 : build.__code__.co_argcount]
        if unknown := set(parameters) - names_of(pattern):
            raise TypeError(f"{build.__name__}: its pattern binds no {', '.join(sorted(unknown))}")
        name = build.__name__.replace("_", "-")
        rule = Rule(name, pattern, build, stage, contract, parameters, loses_digits)
        if RULES.takes(build.__module__):
            RULES.add(f"{stage}/{name}", rule)
        return rule

    return decorate


@dataclass
class _Rewriter:
    """The worklist. `explain` hears of every candidate site that was refused, and why."""

    model: Model
    rules: dict[tuple[str, str], list[Rule]]
    explain: Callable[[Rule, Node, str], None] | None
    max_growth_bytes: int | None = None
    applied: Counter[str] = field(default_factory=Counter)

    def run(self) -> int:
        work = deque(self.model.graph)
        queued = set(work)
        most = LEAST_REWRITES + REWRITES_PER_NODE * len(work)
        changes = 0
        while work and changes < most:
            node = work.popleft()
            queued.discard(node)
            if node.graph is not self.model.graph:  # removed, or inside a branch
                continue
            for rule in self.rules.get((node.domain, node.op_type), ()):
                if self.explain is None and not may_match(rule.pattern, node):
                    continue
                touched = self.try_rule(rule, node)
                if touched is not None:
                    changes += 1
                    self.applied[rule.name] += 1
                    fresh = [n for n in touched if n not in queued and n.graph is not None]
                    work.extend(fresh)
                    queued.update(fresh)
                    break
        if work and changes >= most:
            self.note_unsettled()
        return changes

    def note_unsettled(self) -> None:
        """Let the model say which rules undid each other: those that were applied most."""
        often = self.applied.most_common(1)[0][1] // 2
        names = sorted(name for name, times in self.applied.items() if times >= often)
        self.model.metadata_props[UNSETTLED] = ", ".join(names)

    def try_rule(self, rule: Rule, root: Node) -> list[Node] | None:
        """Apply `rule` at `root`; returns the nodes worth another look, or None if it refused."""
        out: Builder | None = None
        try:
            found = match(rule.pattern, root)
            out = Builder()
            results = rule.build(out, **{p: found.bindings.get(p) for p in rule.parameters})
            values = list(results) if isinstance(results, (tuple, list)) else [results]
            values = [v if isinstance(v, Value) else out.lift(v) for v in values]
            self.check_replaceable(root, values)
            check_types(root, out, values)
            if self.max_growth_bytes is not None:
                check_growth(found.nodes, out, self.max_growth_bytes)
        except (NoMatch, NotInferredError) as reason:
            if self.explain is not None:
                self.explain(rule, root, str(reason))
            detach(out.tape.nodes if out else ())
            return None
        return self.replace(rule, found, out, values)

    def check_replaceable(self, root: Node, values: list[Value]) -> None:
        """A graph output keeps its name, so its new value must be a node's own and free for it."""
        for old, new in zip(root.outputs, values, strict=True):
            taken = new.producer() is None or new.is_graph_output()
            if old.is_graph_output() and taken:
                raise NoMatch(f"{old.name!r} is an output of the model and needs a node of its own")

    def replace(self, rule: Rule, found: Match, out: Builder, values: list[Value]) -> list[Node]:
        graph, root = self.model.graph, found.nodes[0]
        origin = origin_of(found.nodes)
        adopt(self.model, out, root, origin, rule.name, values)
        neighbours = [use.node for value in root.outputs for use in value.uses()]
        for old, new in zip(root.outputs, values, strict=True):
            substitute(old, new)
        producers = remove_unused(graph, found.nodes)
        return [*out.tape.nodes, *neighbours, *producers]


def check_types(root: Node, out: Builder, values: list[Value]) -> None:
    """Refuse a replacement of another type or shape: broadcasting makes that easy to overlook."""
    try:
        for node in out.tape.nodes:
            infer_node(node)
    except ModelError as error:
        raise NoMatch(f"the replacement is not valid: {error.diagnostics[0].why}") from error
    for old, new in zip(root.outputs, values, strict=True):
        if not old.uses() and not old.is_graph_output():
            continue  # nobody reads it: any value may stand in its place
        if old.dtype is not None and new.dtype is not None and old.dtype != new.dtype:
            raise NoMatch(f"the result would be {new.dtype}, not {old.dtype}")
        known = old.shape is not None and new.shape is not None
        if known and is_static(old) and is_static(new) and old.shape != new.shape:
            raise NoMatch(f"the result would have shape {new.shape}, not {old.shape}")


def adopt(
    model: Model,
    out: Builder,
    before: Node,
    origin: str,
    rule: str = "",
    results: Sequence[Value] = (),
) -> None:
    """Put what `out` recorded before `before`: names, shapes and provenance are set."""
    graph = model.graph
    base = before.outputs[0].name or before.op_type
    for value in out.tape.initializers:
        if value.uses() or value in results:
            value.name = fresh_name(graph, base)
            graph.register_initializer(value)
    for node in out.tape.nodes:
        node.name = fresh_name(graph, origin.partition("\n")[0] or node.op_type)
        node.metadata_props[SOURCES] = origin
        if rule:
            node.metadata_props["mmc.rule"] = rule
        for value in node.outputs:
            value.name = fresh_name(graph, base)
        if node.domain == opset.DOMAIN:
            opset.require(model, node.op_type)
    graph.insert_before(before, out.tape.nodes)
    for node in out.tape.nodes:
        if any(v.type is None for v in node.outputs):
            infer_node(node)


def substitute(old: Value, new: Value) -> None:
    """Let `new` stand for `old` everywhere; it takes over the name and a missing shape."""
    if new.shape is None:
        new.shape = old.shape
    if new.type is None:
        new.type = old.type
    made_here = new.producer() is not None and not new.is_graph_output()
    name = old.name
    old.replace_all_uses_with(new, replace_graph_outputs=True)
    if made_here and (new.is_graph_output() or new.name is None or FRESH in new.name):
        old.name = None
        new.name = name


def remove_unused(graph: Graph, nodes: Iterable[Node]) -> list[Node]:
    """Remove those of `nodes` (users first) whose results nobody reads; returns their producers."""
    producers: dict[Node, None] = {}
    for node in nodes:
        if any(v.uses() or v.is_graph_output() for v in node.outputs):
            continue
        producers.pop(node, None)
        made = [v.producer() for v in node.inputs if v is not None]
        producers.update((p, None) for p in made if p is not None)
        graph.remove(node, safe=True)
    return list(producers)


def apply_rules(
    model: Model,
    rules: Iterable[Rule],
    explain: Callable[[Rule, Node, str], None] | None = None,
    *,
    max_growth_bytes: int | None = None,
) -> int:
    """Apply `rules` until none fits; returns the number of rewrites.

    With `max_growth_bytes`, a rewrite is refused whose constants take more than that beyond those
    that it frees.

    Rules are indexed by the op at their root and driven by a worklist of the nodes that a rewrite
    touched, so the cost is linear in the nodes and rewrites, not their product.
    """
    index: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        for op_type in rule.pattern.op_types:
            index.setdefault((rule.pattern.domain, op_type), []).append(rule)
    return _Rewriter(model, index, explain, max_growth_bytes).run()


def rules_of(stage: str) -> list[Rule]:
    """Return the registered rules of a stage, by name."""
    return list(_stages(len(RULES)).get(stage, ()))


@cache
def _stages(count: int) -> dict[str, list[Rule]]:
    """Return the rules of every stage; asked again when there are more, in tests and plugins."""
    found: dict[str, list[Rule]] = {}
    for name in RULES:
        found.setdefault(RULES[name].stage, []).append(RULES[name])
    return found
