"""Recipes: which layers get which integers. `--recipe r.toml`, or the name of a preset.

weights = "int4"                  # of layers that no rule names; float32 keeps them as they are

[[rule]]                          # the first rule that fits a layer decides
role = "classification_head"      # a class or role (mmc/integers/roles.py)
weights = "int8"

[[rule]]
name = "*/attention/*"            # glob: the layer's node, its weight, or your node behind it
op = "MatMul"                     # Conv, ConvTranspose, MatMul, Gemm, Gather, LSTM, GRU or RNN
weights = "int4"
block = 32                        # inputs that share a scale; left out: an output channel

[[rule]]
op = "Conv"
weights = "table4"                # 16 numbers of its own for every `group` channels (Core ML)
group = 16                        # 0: one table for all
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from mmc.diagnostics import RecipeError
from mmc.integers.layers import Layer, LayerClass, weight_places
from mmc.integers.roles import ROLES, SMALL_LAYERS, roles_of
from mmc.ir import Graph, Node, sources

BITS = {"float32": 0, "int8": 8, "int4": 4, "int2": 2}
NAMES = {bits: name for name, bits in BITS.items()}
TABLES = {f"table{bits}": bits for bits in (1, 2, 3, 4, 6, 8)}
"""Weights as indices of so many bits into tables of any numbers."""
GROUP = 16
"""Channels that share a table, where a rule does not say."""
SPELLINGS: Mapping[str, tuple[str, ...]] = {
    "Conv2d": ("Conv",),
    "DepthwiseConv2d": ("Conv",),
    "ConvTranspose2d": ("ConvTranspose",),
    "Linear": ("MatMul", "Gemm"),
}
"""Operator of a target's form -> the ONNX operators that it may come from."""
OPS = ("Conv", "ConvTranspose", "MatMul", "Gemm", "Gather", "LSTM", "GRU", "RNN", *SPELLINGS)
KEYS = ("name", "op", "role", "weights", "block", "group")
PROGRESSIVE = "progressive"
"""The recipe of several stages (`mmc.auto.progressive`)."""
ONE_STAGE = "name the preset of one stage; `mmc compile` goes through several"
SENSITIVE = (LayerClass.FIRST, LayerClass.HEAD, LayerClass.DEPTHWISE, LayerClass.GATE)


@dataclass(frozen=True)
class Rule:
    """Layers, by what is not empty, and the bits of their weights (0: they stay floats).

    `table`: codes are places in a table that `group` channels share (0: all), not integers.
    """

    bits: int
    name: str = ""
    op: str = ""
    role: str = ""
    block: int = 0
    table: bool = False
    group: int = GROUP

    @property
    def weights(self) -> str:
        """The word for the weights."""
        return f"table{self.bits}" if self.table else NAMES[self.bits]

    def fits(self, layer: Layer, roles: frozenset[str]) -> bool:
        """Say whether the rule is for this layer."""
        if self.role and self.role not in roles:
            return False
        if self.op and self.op not in (layer.op, *SPELLINGS.get(layer.op, ())):
            return False
        return not self.name or any(fnmatchcase(n, self.name) for n in names_of(layer))


@dataclass(frozen=True)
class Recipe:
    """Rules in order; the last one is for every layer."""

    rules: tuple[Rule, ...]

    @property
    def has_tables(self) -> bool:
        """Whether some rule asks for tables."""
        return any(rule.table for rule in self.rules)

    def choose(self, graph: Graph, layers: Sequence[Layer]) -> dict[Node, Rule]:
        """Return the rule of every layer."""
        roles = roles_of(graph, layers)
        return {
            layer.node: next(r for r in self.rules if r.fits(layer, roles[layer.node]))
            for layer in layers
        }


def names_of(layer: Layer) -> list[str]:
    """Return the names that a glob may match: a recurrent layer has one rule for both weights."""
    weights = [layer.node.inputs[place] for place in weight_places(layer.node)]
    read = [value.name or "" for value in weights if value is not None]
    return [layer.node.name or "", *read, *sources(layer.node)]


def uniform(bits: int, sensitive: int = 8, embedding: int = 4, block: int = 0) -> Recipe:
    """Return one width for all, with at least so many bits for sensitive layers and embeddings.

    Small layers have twice the width.
    """
    floors = [Rule(max(bits, sensitive), role=str(kind), block=block) for kind in SENSITIVE]
    floors.append(Rule(min(max(bits, sensitive), 2 * bits), role=SMALL_LAYERS, block=block))
    rows = Rule(max(bits, embedding), role=str(LayerClass.EMBEDDING))
    return Recipe((*floors, rows, Rule(bits, block=block)))


PRESETS: Mapping[str, Recipe] = {
    "int8": uniform(8),
    "int4": uniform(4),
    "table4": Recipe(
        (
            *(Rule(8, role=role) for role in ("first", "depthwise", "gate", SMALL_LAYERS)),
            Rule(4, role="embedding"),
            Rule(4, table=True),
        )
    ),
    "int2-experimental": Recipe((Rule(4, role="attention_layers"), *uniform(2).rules)),
    "guide": Recipe(
        (
            Rule(8, role="classification_head"),
            Rule(2, role="early_convolutions"),
            Rule(4, role="attention_layers"),
            Rule(4),
        )
    ),
}


def read_recipe(text: str) -> Recipe:
    """Return the preset of this name, or the recipe in this TOML file.

    Raises:
        RecipeError: MMC307 if there is none, or it is malformed.
    """
    if text in PRESETS:
        return PRESETS[text]
    if text == PROGRESSIVE:
        raise malformed(text, "is several recipes", fix=ONE_STAGE)
    try:
        data = tomllib.loads(Path(text).read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        fix = f"name a TOML file, or one of: {', '.join(PRESETS)}"
        raise malformed(text, "cannot be read", str(error), fix) from error
    if "stages" in data:
        raise malformed(text, "has stages", fix=ONE_STAGE)
    rules = data.pop("rule", [])
    if not isinstance(rules, list) or not all(isinstance(rule, dict) for rule in rules):
        raise malformed(text, "its rules are no [[rule]] tables")
    known(text, data, ("weights",))
    given = data.get("weights", "int8")
    rest = Rule(bits_of(text, given), table=given in TABLES)
    return Recipe((*(rule_of(text, rule) for rule in rules), rest))


def rule_of(path: str, given: Mapping[str, Any]) -> Rule:
    """Return one [[rule]]."""
    known(path, given, KEYS)
    if "weights" not in given:
        raise malformed(path, f"the rule {dict(given)} has no weights")
    for key, words in (("op", OPS), ("role", (*ROLES, SMALL_LAYERS, *LayerClass))):
        if key in given and given[key] not in words:
            listed = ", ".join(map(str, words))
            raise malformed(path, f"{key} = {given[key]!r} is unknown", fix=f"one of: {listed}")
    block = count_of(path, given, "block", 0, "inputs")
    group = count_of(path, given, "group", GROUP, "channels")
    name = given.get("name", "")
    if not isinstance(name, str):
        raise malformed(path, f"name = {name!r} is no text")
    op, role = given.get("op", ""), given.get("role", "")
    bits, table = bits_of(path, given["weights"]), given["weights"] in TABLES
    return Rule(bits, name, op, role, block, table, group)


def count_of(path: str, given: Mapping[str, Any], key: str, default: int, what: str) -> int:
    """Return a number that is not negative."""
    found = given.get(key, default)
    if not isinstance(found, int) or isinstance(found, bool) or found < 0:
        raise malformed(path, f"{key} = {found!r} is no number of {what}")
    return found


def bits_of(path: str, weights: Any) -> int:
    """Return the bits of int8, int4, int2 and of tables, or 0 for float32."""
    known = BITS | TABLES
    if not isinstance(weights, str) or weights not in known:
        fix = f"one of: {', '.join(known)}"
        raise malformed(path, f"weights = {weights!r} is unknown", fix=fix)
    return known[weights]


def known(path: str, given: Mapping[str, Any], keys: Sequence[str]) -> None:
    """Raise RecipeError for a key that is none."""
    for key in given:
        if key not in keys:
            near = get_close_matches(key, keys, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise malformed(path, f"{key!r} is no key", fix=f"{hint}keys are: {', '.join(keys)}")


def malformed(path: str, what: str, why: str = "", fix: str = "") -> RecipeError:
    """Return the error for a recipe that cannot be used."""
    return RecipeError("MMC307", path, what, why=why, fix=fix or "docs/quantization.md shows one")


def write_recipe(path: Path, recipe: Recipe) -> None:
    """Write a recipe as TOML that `read_recipe` returns unchanged."""
    *rules, rest = recipe.rules
    lines = [f'weights = "{rest.weights}"']
    for rule in rules:
        lines += ["", "[[rule]]"]
        texts = {"name": rule.name, "op": rule.op, "role": rule.role, "weights": rule.weights}
        lines += [f"{key} = {quoted(text)}" for key, text in texts.items() if text]
        lines += [f"block = {rule.block}"] if rule.block else []
        lines += [f"group = {rule.group}"] if rule.group != GROUP else []
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def quoted(text: str) -> str:
    """Return text as a TOML string; control characters are escaped."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped) + '"'
