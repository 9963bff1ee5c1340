"""What a long compile is doing, on stderr: silent for a second, then stages, passes, time left."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from mmc.counting import counted
from mmc.findings import printable
from mmc.outlook import Outlook, Stages
from mmc.pass_manager import Instrument, Pass

if TYPE_CHECKING:
    from rich.progress import Progress as Bar

    from mmc.ir import Model

SILENT_S = 1.0
"""A compile shorter than this says nothing before its summary."""


class Progress(Instrument):
    """Hears of every stage and pass; a no-op base."""

    def stages(self) -> Stages:
        """Return what each stage took, in a command that has just ended; nothing is known here."""
        return ()

    def stage(self, name: str) -> None:
        """Called when a stage begins."""

    def step(self, text: str) -> None:
        """Called for what a stage does next."""

    def before(self, p: Pass, model: Model) -> None:
        """Tell the pass."""
        self.step(f"{p.name}, {counted(model.graph.num_nodes(), 'node')}")


class Spoken(Progress):
    """Says what it hears once SILENT_S have passed: the way to say it is `say`'s."""

    def __init__(self, label: str, expected: Stages = ()) -> None:
        self.label = printable(label)
        self.outlook = Outlook(expected)
        self.name, self.text = "start", ""
        self.started = time.monotonic()
        self.speaking = False
        self.lock = threading.Lock()
        self.timer = threading.Timer(SILENT_S, self.begin)
        self.timer.daemon = True
        self.timer.start()

    def stage(self, name: str) -> None:
        """Begin a stage."""
        with self.lock:
            self.name, self.text = name, ""
            self.outlook.begin(name, time.monotonic())
            if self.speaking:
                self.say(new=True)

    def step(self, text: str) -> None:
        """Tell a step of the stage."""
        with self.lock:
            self.text = text
            if self.speaking:
                self.say(new=False)

    def begin(self) -> None:
        """Say where things are, from now on at every change."""
        with self.lock:
            self.speaking = True
            self.say(new=True)

    def stages(self) -> Stages:
        """Return what each stage took."""
        return self.outlook.stages(time.monotonic())

    def left(self) -> str:
        """Return how long it will take, as far as the last time tells: "", or from a second on."""
        seconds = self.outlook.left(time.monotonic())
        return f", about {seconds:.0f} s left" if seconds and seconds >= SILENT_S else ""

    def say(self, *, new: bool) -> None:
        """Show the stage (`new`: it has just begun, or nothing was shown yet) and its step."""
        raise NotImplementedError

    def end(self) -> None:
        """Say nothing from now on."""
        self.timer.cancel()
        with self.lock:
            self.speaking = False


class Lines(Spoken):
    """For files and pipes: a line a stage; with `verbose` a line a pass too."""

    def __init__(self, label: str, expected: Stages = (), *, verbose: bool) -> None:
        self.verbose = verbose
        super().__init__(label, expected)

    def say(self, *, new: bool) -> None:
        """Print a line."""
        took = time.monotonic() - self.started
        if new or self.verbose:
            text = f" ({printable(self.text)})" if self.text and self.verbose else ""
            line = f"{took:6.1f} s  {self.label}: {self.name}{text}{self.left() if new else ''}"
            print(line, file=sys.stderr, flush=True)


class Moving(Spoken):
    """For terminals: one line that changes, and goes when the compile ends."""

    bar: Bar | None = None

    def say(self, *, new: bool) -> None:
        """Change the line."""
        from rich.text import Text

        if self.bar is None:
            self.bar = moving_bar()
            self.bar.start()
            self.bar.add_task("")
        step = f" ({printable(self.text)})" if self.text else ""
        text = f"{self.label}: {self.name}{step}{self.left()}"
        self.bar.update(self.bar.task_ids[0], description=Text(text).markup)

    def end(self) -> None:
        """Remove the line."""
        super().end()
        if self.bar is not None:
            self.bar.stop()


def moving_bar() -> Bar:
    """Return the line: what moves, the text, the seconds."""
    from rich.console import Console
    from rich.progress import Progress as RichProgress
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = SpinnerColumn(), TextColumn("{task.description}"), TimeElapsedColumn()
    return RichProgress(*columns, console=Console(stderr=True, highlight=False), transient=True)


@contextmanager
def shown(
    label: str, expected: Stages = (), *, quiet: bool = False, verbose: bool = False
) -> Iterator[Progress]:
    """Yield what shows the progress of one compile: nothing, lines, or a line that moves.

    Args:
        expected: the stages of the last time, for how long the rest will take.
    """
    if quiet:
        yield Progress()
        return
    terminal = sys.stderr.isatty() and not verbose
    found: Spoken = Moving(label, expected) if terminal else Lines(label, expected, verbose=verbose)
    try:
        yield found
    finally:
        found.end()
