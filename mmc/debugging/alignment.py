"""Which operators of two models stand for each other: by tensor names, origins and topology."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher

from mmc.structure import Op, Structure

SEQUENCE_LIMIT = 4_000_000
"""Above this product of operators that nothing else matches, none are matched by sequence alone:
that takes quadratic time."""


@dataclass(frozen=True)
class Group:
    """Operators (by position) that correspond: `change` is same, changed, added or removed."""

    before: tuple[int, ...]
    after: tuple[int, ...]
    change: str


def align(a: Structure, b: Structure) -> list[Group]:
    """Return the groups of corresponding operators, in the order of `b`, then of `a`.

    Operators correspond if they make a tensor of the same name, or come from the same of the user's
    nodes. Those left are matched by what they compute from the inputs on (equal operators on equal
    operands), and then by the longest common sequence of equal kinds.
    """
    links = list(_by_name(a, b)) if a.named and b.named else []
    links += _by_source(a, b, links)
    for matches in (_by_computation, _by_sequence):
        left = _unlinked(links, len(a.ops), 0), _unlinked(links, len(b.ops), 1)
        links += matches(a, b, *left)
    components = list(_components(links, len(a.ops), len(b.ops)))
    of_a = {i: g for g, (before, _) in enumerate(components) for i in before}
    of_b = {i: g for g, (_, after) in enumerate(components) for i in after}
    judge = _Judge(a, b, _origins(a, of_a), _origins(b, of_b))
    groups = [Group(before, after, judge.change(before, after)) for before, after in components]
    return sorted(groups, key=lambda g: (not g.after, g.after, g.before))


Link = tuple[int, int]


def _by_name(a: Structure, b: Structure) -> Iterator[Link]:
    makers = a.makers()
    for j, op in enumerate(b.ops):
        yield from ((makers[name], j) for name in op.outputs if name in makers)


def _by_source(a: Structure, b: Structure, links: Sequence[Link]) -> list[Link]:
    """Link what no name links to what comes from the same nodes."""
    here, there = _of_source(a), _of_source(b)
    found = []
    for i in _unlinked(links, len(a.ops), 0):
        found += [(i, j) for source in a.ops[i].sources for j in there.get(source, ())]
    for j in _unlinked([*links, *found], len(b.ops), 1):
        found += [(i, j) for source in b.ops[j].sources for i in here.get(source, ())]
    return found


def _of_source(s: Structure) -> dict[str, list[int]]:
    found: dict[str, list[int]] = defaultdict(list)
    for i, op in enumerate(s.ops):
        for source in op.sources:
            if source:
                found[source].append(i)
    return found


def _by_computation(
    a: Structure, b: Structure, left_a: Sequence[int], left_b: Sequence[int]
) -> list[Link]:
    """Link operators whose whole computation from the model's inputs on is equal, in order."""
    hashes_a, hashes_b = list(_hashes(a)), list(_hashes(b))
    waiting: dict[Hashable, list[int]] = defaultdict(list)
    for i in reversed(left_a):
        waiting[hashes_a[i]].append(i)
    return [(waiting[hashes_b[j]].pop(), j) for j in left_b if waiting[hashes_b[j]]]


def _hashes(s: Structure) -> Iterator[int]:
    known: dict[str, Hashable] = {name: ("input", i) for i, name in enumerate(s.inputs)}
    for op in s.ops:
        operands = tuple(known.get(name, s.constants.get(name, "")) for name in op.inputs)
        own = hash((op.kind, op.attributes, operands))
        known.update({name: (own, place) for place, name in enumerate(op.outputs)})
        yield own


def _by_sequence(
    a: Structure, b: Structure, left_a: Sequence[int], left_b: Sequence[int]
) -> list[Link]:
    if len(left_a) * len(left_b) > SEQUENCE_LIMIT:
        return []
    kinds_a, kinds_b = [a.ops[i].kind for i in left_a], [b.ops[j].kind for j in left_b]
    blocks = SequenceMatcher(None, kinds_a, kinds_b, autojunk=False).get_matching_blocks()
    return [
        (left_a[block.a + k], left_b[block.b + k]) for block in blocks for k in range(block.size)
    ]


def _unlinked(links: Iterable[Link], count: int, side: int) -> list[int]:
    linked = {link[side] for link in links}
    return [i for i in range(count) if i not in linked]


def _components(
    links: Iterable[Link], count_a: int, count_b: int
) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    """Yield the connected operators of both sides; those without a link alone."""
    parent = list(range(count_a + count_b))

    def root(i: int) -> int:
        while parent[i] != i:
            parent[i] = parent[parent[i]]
            i = parent[i]
        return i

    for i, j in links:
        parent[root(i)] = root(count_a + j)
    members: dict[int, list[int]] = defaultdict(list)
    for i in range(count_a + count_b):
        members[root(i)].append(i)
    for found in members.values():
        yield (
            tuple(i for i in found if i < count_a),
            tuple(i - count_a for i in found if i >= count_a),
        )


@dataclass(frozen=True)
class _Judge:
    """Says what happened to a group, given what makes each tensor."""

    a: Structure
    b: Structure
    from_a: dict[str, Hashable]
    from_b: dict[str, Hashable]

    def change(self, before: Sequence[int], after: Sequence[int]) -> str:
        if not after:
            return "removed"
        if not before:
            return "added"
        if len(before) > 1 or len(after) > 1:
            return "changed"
        return "same" if self.equal(self.a.ops[before[0]], self.b.ops[after[0]]) else "changed"

    def equal(self, x: Op, y: Op) -> bool:
        return (
            x.content == y.content
            and len(x.outputs) == len(y.outputs)
            and all(
                agree(self.a.types.get(m), self.b.types.get(n))
                for m, n in zip(x.outputs, y.outputs, strict=True)
            )
            and self.origins(self.from_a, x) == self.origins(self.from_b, y)
        )

    def origins(self, origins: dict[str, Hashable], op: Op) -> list[Hashable]:
        """Return where every operand comes from: a group and place, an input, or a constant."""
        return [origins.get(name, "constant" if name else "") for name in op.inputs]


def _origins(s: Structure, of: dict[int, int]) -> dict[str, Hashable]:
    """Return what makes each tensor: an input, or a group and the place among its outputs."""
    found: dict[str, Hashable] = {name: ("input", i) for i, name in enumerate(s.inputs)}
    for i, op in enumerate(s.ops):
        found.update({name: (of[i], place) for place, name in enumerate(op.outputs) if name})
    return found


def agree(one: str | None, two: str | None) -> bool:
    """Say whether two types are equal, as far as they are known."""
    return one == two or None in (one, two) or "?" in (one, two)
