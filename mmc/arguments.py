"""How option values are written on the command line; light: argparse and text only."""

from __future__ import annotations

import argparse
import math
import re
from collections.abc import Sequence
from difflib import get_close_matches
from typing import Any, NoReturn

from mmc.diagnostics import UsageError
from mmc.flexible import Sizes

Option = tuple[str, int]
"""An option of a later capability: its spelling, and how many values it takes."""


CHOICES: dict[str, tuple[str, ...]] = {
    "io_layout": ("keep", "nhwc"),
    "io_dtype": ("float", "int8"),
    "precision": ("float32", "float16"),
    "weights": ("float32", "float16", "int8", "int4", "int2", "auto"),
    "activations": ("float", "int8", "int16", "auto"),
    "outliers": ("none", "clip", "auto"),
    "optimize": ("latency", "size", "accuracy"),
    "verify_on": ("host", "htp"),
}
"""Options of a compile that are one of a few words, in Python as on the command line."""
COLORS = ("RGB", "BGR", "G")
ABOUT = ("author", "license", "version", "description", "labels")


class Parser(argparse.ArgumentParser):
    """A parser whose errors are coded, and which refuses options that do not exist yet."""

    def error(self, message: str) -> NoReturn:
        """Raise UsageError (MMC003) instead of leaving the process."""
        fix = f"{self.prog} --help lists what there is"
        if "required: " in message and "--target" in message:
            fix += ", mmc targets the targets"
        raise UsageError("MMC003", self.prog, self.guessed(message), fix=fix)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Refuse what is left over here: a command knows its options, the parser above does not."""
        found, rest = super().parse_known_args(args, namespace)
        if rest:
            self.error(f"unrecognized arguments: {' '.join(rest)}")
        return found, rest

    def guessed(self, message: str) -> str:
        """Return the message, with the word that was meant where one is near."""
        if found := re.search(r"unrecognized arguments: (--[\w-]+)", message):
            known, start = list(self._option_string_actions), message
        elif found := re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message):
            known, start = re.findall(r"[\w-]+", found[2]), message.split(" (choose from")[0]
        else:
            return message
        near = get_close_matches(found[1], known, n=1)
        return f"{start} (did you mean {near[0]}?)" if near else message

    def later(self, *options: Option) -> None:
        """Add options of later capabilities: known, and refused with MMC002."""
        for name, count in options:
            self.add_argument(name, action=NotYet, nargs=count, help=argparse.SUPPRESS)
        listed = ", ".join(name for name, _ in options)
        self.epilog = f"Not available yet: {listed}."


class NotYet(argparse.Action):
    """Refuses its option."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: str | Sequence[Any] | None,
        option_string: str | None = None,
    ) -> None:
        """Raise UsageError (MMC002)."""
        raise not_yet(option_string or self.dest)


def not_yet(what: str) -> UsageError:
    """Return the error for something that a later version can do."""
    return UsageError("MMC002", what, "is not available yet", fix="leave it out in this version")


def one_of(available: Sequence[str], later: Sequence[str], option: str) -> Any:
    """Return a type for argparse: one of `available`; those of `later` are refused as such."""

    def convert(text: str) -> str:
        if text in later:
            raise not_yet(f"{option} {text}")
        if text not in available:
            raise no_value(option, text, available, later)
        return text

    return convert


def no_value(
    option: str, given: object, available: Sequence[str], later: Sequence[str] = ()
) -> UsageError:
    """Return the error for what is none of an option's words."""
    close = get_close_matches(str(given).lower(), [*available, *later], n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    fix = f"{hint}choose one of: {', '.join(available)}"
    return UsageError("MMC003", f"{option} {given}", "is no value of this option", fix=fix)


def input_shape(text: str) -> tuple[str, tuple[int, ...]]:
    """Split NAME:1,3,224,224 at the last colon, as names may hold colons; NAME: is a scalar."""
    name, colon, sizes = text.rpartition(":")
    if not colon or not name or not re.fullmatch(r"(\d+(,\d+)*)?", sizes):
        raise UsageError(
            "MMC004",
            f"--input-shape {text}",
            "is not NAME:SIZES",
            fix="write the input's name, a colon and its sizes, such as image:1,3,224,224",
        )
    return name, tuple(_size(f"--input-shape {text}", s) for s in sizes.split(",") if s)


def dim(text: str) -> tuple[str, int]:
    """Split SYMBOL=VALUE at the last equals sign."""
    name, equals, size = text.rpartition("=")
    if not equals or not name or not size.isdecimal():
        raise UsageError(
            "MMC005",
            f"--dim {text}",
            "is not SYMBOL=NUMBER",
            fix="write the dimension's name, = and its size, such as batch=1",
        )
    return name, _size(f"--dim {text}", size)


def flexible_dim(text: str) -> tuple[str, int | Sizes]:
    """Split SYMBOL=VALUE, SYMBOL=LOW..HIGH or SYMBOL=A,B,C at the last equals sign."""
    name, equals, sizes = text.rpartition("=")
    ranged = re.fullmatch(r"(\d+)\.\.(\d+)", sizes)
    numbers = ranged.groups() if ranged else tuple(sizes.split(","))
    if len(numbers) == 1:
        return dim(text)
    listed = tuple(_size(f"--dim {text}", n) for n in numbers if n.isdecimal())
    sound = len(set(listed)) == len(numbers) and min(listed, default=0) > 0
    if not equals or not name or not sound or (ranged and listed[0] >= listed[1]):
        fix = "write batch=1, a range batch=1..4, or a list batch=1,2,4 (the first is the default)"
        raise UsageError("MMC005", f"--dim {text}", "is not SYMBOL=SIZES", fix=fix)
    return name, Sizes(listed, ranged is not None)


def _size(where: str, text: str) -> int:
    if len(text) > 10 or int(text) >= 2**31:
        raise UsageError("MMC004", where, f"{text} is no size", fix="sizes are below 2147483648")
    return int(text)


def const(text: str) -> tuple[str, str]:
    """Split NAME=VALUE or NAME=@x.npz at the first "=@", else at the last equals sign."""
    name, equals, value = text.partition("=@")
    value = "@" + value
    if not equals:
        name, equals, value = text.rpartition("=")
    if not equals or not name or not value or value == "@":
        raise UsageError(
            "MMC006",
            f"--const {text}",
            "is not NAME=VALUE",
            fix="write NAME=3, NAME=[1,2,3] or NAME=@file.npz",
        )
    return name, value


def image_input(text: str) -> tuple[str, tuple[str, float, tuple[float, ...]]]:
    """Read NAME:RGB,scale=1/127.5,bias=-1; a bias a channel is bias=-1;-0.9;-0.8."""
    name, colon, form = text.rpartition(":")
    color, *rest = form.split(",")
    given = dict(part.partition("=")[::2] for part in rest)
    scale, bias = _number(given.pop("scale", "1")), given.pop("bias", "0")
    biases = tuple(_number(b) for b in bias.split(";"))
    channels = 1 if color == "G" else 3
    fits = len(biases) in (1, channels) and scale and None not in biases
    if not colon or not name or color not in COLORS or given or not fits:
        raise UsageError(
            "MMC017",
            f"--image-input {text}",
            "is not NAME:COLOR,scale=NUMBER,bias=NUMBER",
            fix="write image:RGB,scale=1/127.5,bias=-1 (or BGR, G; a bias a channel is a;b;c)",
        )
    return name, (color, scale or 1.0, tuple(b or 0.0 for b in biases))


def _number(text: str) -> float | None:
    """Return the value of "0.5", "-1" or "1/127.5"; None for other text."""
    above, slash, below = text.partition("/")
    try:
        return float(above) / float(below) if slash else float(above)
    except (ValueError, ZeroDivisionError):
        return None


def about(text: str) -> tuple[str, str]:
    """Split KEY=TEXT, for the keys that a package can say of itself."""
    key, equals, content = text.partition("=")
    if not equals or key not in ABOUT or not content:
        fix = f"write KEY=TEXT, KEY one of: {', '.join(ABOUT)}"
        raise UsageError("MMC003", f"--about {text}", "is not KEY=TEXT", fix=fix)
    return key, content


def positive(option: str) -> Any:
    """Return a type for argparse: a count of at least 1."""

    def convert(text: str) -> int:
        if not re.fullmatch(r"0*[1-9][0-9]{0,6}", text):
            fix = "give a whole number from 1 to 9999999"
            raise UsageError("MMC003", f"{option} {text}", "is no count", fix=fix)
        return int(text)

    return convert


def decibels(text: str) -> float:
    """Read a level in dB, with or without the unit."""
    number = text.lower().removesuffix("db").strip()
    try:
        level = float(number)
    except ValueError:
        level = math.nan
    if not -1000 < level < 1000:
        raise UsageError("MMC003", text, "is no level in dB", fix="give a number such as 60")
    return level
