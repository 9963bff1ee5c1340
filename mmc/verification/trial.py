"""The models of one verification, run on the same inputs in child processes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from mmc.backends.base import backend_of
from mmc.diagnostics import EmitError
from mmc.frontend.windows import refused_windows, write_out_pads
from mmc.ir import load, save, shape_of
from mmc.options import Picture
from mmc.shapes import fix_shapes
from mmc.verification import reference
from mmc.verification.casting import Array
from mmc.verification.evaluate import from_db, indices_agree
from mmc.verification.execute import Limits, Run, execute
from mmc.verification.pictures import as_pixels, as_seen, show_pictures
from mmc.verification.score_search import Scores, scores_of

FIRST = (0, 3, 1, 2)
DRAWS = 4
"""Perturbed runs of the reference where one does not explain what the artifact is off by."""


@dataclass(frozen=True)
class Subject:
    """What is compared: the artifact, the final IR and the reference, each a file.

    Feeds are in the reference's form throughout, outputs in the artifact's.

    Args:
        constants: inputs of the reference that were bound when compiling.
        channels_last: images of the artifact and of the final IR are NHWC, the reference's NCHW.
        own_reference: the reference is the final IR, as nothing else can be run.
        rounding: the precision that the artifact's run emulates; "" where it has its own.
        pictures: inputs whose pixels the artifact takes, and scales itself.
        coded: inputs and outputs of the artifact may be codes, which are compared as numbers.
        samples: more feeds, as data have them, for what one leaves open; read when asked for.
        halves: the artifact's engine computes floats in float16, its run here does not.
    """

    artifact: Path
    final: Path
    reference: Path
    constants: Mapping[str, Array] = field(default_factory=dict)
    channels_last: bool = False
    own_reference: bool = False
    rounding: str = ""
    pictures: Mapping[str, Picture] = field(default_factory=dict)
    coded: bool = False
    limits: Limits = field(default_factory=Limits)
    samples: Iterable[Mapping[str, Array]] = ()
    halves: bool = False

    def run_artifact(self, feeds: Mapping[str, Array], values: Sequence[str] = ()) -> Run:
        """Run the artifact."""
        backend = backend_of(self.artifact)
        assert backend is not None
        given = self.as_artifact_takes(feeds)
        return execute(
            backend.job,
            self.artifact,
            given,
            limits=self.limits,
            values=list(values),
            **self.run_options,
        )

    @property
    def run_options(self) -> dict[str, Any]:
        """What the artifact's run is asked for."""
        precision = {"precision": self.rounding} if self.rounding else {}
        return precision | ({"numbers": True} if self.coded else {})

    def run_final(self, feeds: Mapping[str, Array], values: Sequence[str] = ()) -> Run:
        """Run the final IR with ONNX Runtime's optimizer off."""
        given = self.to_artifact(feeds)
        return execute(reference.JOB, self.final, given, limits=self.limits, values=list(values))

    def run_reference(
        self, feeds: Mapping[str, Array], values: Sequence[str] = (), *, perturbed: int = 0
    ) -> Run:
        """Run the reference: exactly, or as rounding may move it."""
        given = self.to_artifact(feeds) if self.own_reference else {**feeds, **self.constants}
        found = execute(
            reference.JOB,
            self.reference,
            given,
            limits=self.limits,
            perturbed=perturbed,
            values=list(values),
        )
        if self.own_reference or not self.channels_last:
            return found
        outputs = {name: to_last(value) for name, value in found.outputs.items()}
        return Run(outputs, found.seconds, found.peak_memory)

    def run_perturbed(
        self, feeds: Mapping[str, Array], draw: int, values: Sequence[str] = ()
    ) -> Run:
        """Run the reference as rounding may move it; no outputs if that fails: no known floor."""
        try:
            return self.run_reference(feeds, values, perturbed=draw)
        except EmitError:
            return Run({}, 0.0, 0)

    def to_artifact(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return feeds for the final IR; the artifact takes the same, but for pictures."""
        return {n: to_last(v) if self.channels_last else v for n, v in feeds.items()}

    def as_artifact_takes(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return feeds for the artifact: pixels where it takes pictures."""
        return as_pixels(self.to_artifact(feeds), self.pictures)

    def to_reference(self, feeds: Mapping[str, Array], seed: int = 0) -> dict[str, Array]:
        """Return what was drawn for the final IR in the reference's form; pictures are drawn."""
        shown = show_pictures(feeds, self.pictures, seed)
        return {n: to_first(v) if self.channels_last else v for n, v in shown.items()}

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Return the shapes of the reference's inputs, as the final IR has them."""
        found = {n: np.shape(v) for n, v in self.constants.items()}
        for value in load(self.final).graph.inputs:
            shape = shape_of(value)
            first = self.channels_last and len(shape) == 4
            found[value.name or ""] = tuple(shape[i] for i in FIRST) if first else shape
        return found

    def as_seen(self, feeds: Mapping[str, Array]) -> dict[str, Array]:
        """Return feeds with the pixels of pictures as the model sees them."""
        return as_seen(feeds, self.pictures)


def as_loaded(subject: Subject, folder: Path) -> Subject:
    """Return the same against the original as mmc loads it, which is written into a folder.

    Pads that a size decides get it from the final IR.

    Raises:
        MmcError: what is wrong with the original.
    """
    path, model = folder / "loaded.onnx", load(subject.reference)
    if refused_windows(model):
        fix_shapes(model, subject.shapes(), {}, {})
        write_out_pads(model)
    save(model, path)
    return replace(subject, reference=path)


def to_last(image: Array) -> Array:
    """NCHW -> NHWC; other ranks are no images."""
    return image.transpose(0, 2, 3, 1) if image.ndim == 4 else image


def to_first(image: Array) -> Array:
    """NHWC -> NCHW; other ranks are no images."""
    return image.transpose(FIRST) if image.ndim == 4 else image


@dataclass(frozen=True)
class Trial:
    """The outputs of everything on the same feeds."""

    subject: Subject
    feeds: Mapping[str, Array]
    reference: dict[str, Array]
    perturbed: tuple[dict[str, Array], ...]
    final: dict[str, Array]
    artifact: Run

    def perturbed_more(self) -> Trial:
        """Return the trial with more draws: one may miss where rounding is amplified."""
        draws = range(len(self.perturbed) + 1, DRAWS + 1)
        more = (self.subject.run_perturbed(self.feeds, draw).outputs for draw in draws)
        return replace(self, perturbed=(*self.perturbed, *more))

    def excuses(self, name: str, least_db: float, *, final: bool) -> bool:
        """Say whether an output of indices differs only between scores that are as good as equal.

        Scores count as equal when an error at `least_db` below their RMS could swap them.
        """
        path = self.subject.final if final else self.subject.reference
        found = scores_of(path, name)
        if found is None:
            return False
        scores = self.scores(found, final)
        if scores is None or not scores.size:
            return False
        rms = float(np.sqrt(np.mean(np.square(scores.astype(np.float64)))))
        expected = (self.final if final else self.reference)[name]
        actual = self.artifact.outputs[name]
        try:
            return indices_agree(expected, actual, scores, found.axis, rms * from_db(least_db))
        except ValueError:  # the indices were taken apart on their way to the output
            return False

    def scores(self, found: Scores, final: bool) -> Array | None:
        """Return the tensor whose entries were ranked, in its model's own layout."""
        if found.value in self.feeds:
            given = self.subject.to_artifact(self.feeds) if final else self.feeds
            return given[found.value]
        path, given = self.subject.reference, {**self.feeds, **self.subject.constants}
        if final or self.subject.own_reference:
            path, given = self.subject.final, self.subject.to_artifact(self.feeds)
        run = execute(reference.JOB, path, given, limits=self.subject.limits, values=[found.value])
        return run.outputs.get(found.value)


def try_all(subject: Subject, feeds: Mapping[str, Array], expected: dict[str, Array]) -> Trial:
    """Run what is left to run once the reference's outputs are `expected`: two at a time."""
    with ThreadPoolExecutor(2) as pool:
        artifact = pool.submit(subject.run_artifact, feeds)
        final = pool.submit(subject.run_final, feeds)
        perturbed = pool.submit(subject.run_perturbed, feeds, 1)
        return Trial(
            subject,
            feeds,
            expected,
            (perturbed.result().outputs,),
            final.result().outputs,
            artifact.result(),
        )
