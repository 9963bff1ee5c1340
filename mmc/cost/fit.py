"""Coefficients of the latency model from measured latencies; numpy only.

A coefficient is exp(a + b + c + d + e): `a` of the term, `b` of the term in a number format, `c`
of the architecture, `d` of the architecture in a number format, `e` of the term on the
architecture. All but `a` and `c` are small unless the measurements say otherwise (normal priors),
so that what one model or chip does not show is taken from the others: maximum a posteriori, with
residuals of log(latency) that forgive outliers, by Levenberg-Marquardt.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from mmc.cost.terms import OF_OPS, TERMS, Array, amounts_of, parts, whole
from mmc.cost.work import NUMBERS, Workload, distinct

SPREAD = {"a": 1.0, "b": 0.7, "c": 1.0, "d": 0.3, "e": 0.3, "runtime": 0.3}
"""Standard deviations of the priors, of natural logarithms."""
NOISE = 0.15
"""Scale of the residuals; beyond it they count linearly."""
ENOUGH = 0.02
"""A step that lowers the loss by less ends the fit."""
GUESS = dict.fromkeys(TERMS, 0.005) | {
    "base": 0.1,
    **{
        "matrix": 0.1,
        "product": 0.2,
        "depthwise": 1.0,
        "ops": 0.5,
        "weights": 0.02,
        "entry": 0.1,
        "exit": 0.1,
    },
}
"""Where the priors of `a` are centred: milliseconds per unit."""


@dataclass(frozen=True)
class Row:
    """One measurement: milliseconds of a model on an architecture; `runtime` is how it was run."""

    model: str
    number: str
    architecture: str
    runtime: str
    latency_ms: float


class LatencyModel:
    """The model over some programs; `fit` it to rows of these programs, then `predict`."""

    def __init__(
        self,
        programs: Mapping[tuple[str, str], Workload],
        architectures: Sequence[str],
        vtcm_bytes: int,
        reference: str,
    ) -> None:
        """`programs` are by model and number; latencies of other runtimes have a factor each."""
        self.keys = {key: place for place, key in enumerate(programs)}
        self.architectures, self.reference = list(architectures), reference
        counts = [distinct(work.ops) for work in programs.values()]
        self.whole = np.array([whole(work) for work in programs.values()])
        self.start = np.cumsum([0, *(len(c) for c in counts)])[:-1]
        self.amount = np.concatenate([amounts_of(c, vtcm_bytes) for c in counts])
        self.times = np.array([n for c in counts for n in c.values()], np.float64)
        numbers = [NUMBERS.index(number) for _, number in programs]
        self.key_number = np.array(numbers)
        self.op_number = np.repeat(numbers, [len(c) for c in counts])
        self._parameters()

    def _parameters(self) -> None:
        """Number the parameters: `index` is (architecture, number, term, 5)."""
        places: dict[tuple[object, ...], int] = {}

        def place(*name: object) -> int:
            return places.setdefault(name, len(places))

        def sum_of(term: str, number: str, architecture: str) -> list[int]:
            """Return the parameters whose sum is one log coefficient."""
            first = place("a", term), place("b", term, number), place("c", architecture)
            return [*first, place("d", architecture, number), place("e", term, architecture)]

        self.index = np.array(
            [[[sum_of(t, n, a) for t in TERMS] for n in NUMBERS] for a in self.architectures]
        )
        self.runtime = [place("runtime", n) for n in NUMBERS]
        self.spread = np.array([SPREAD[str(name[0])] for name in places])
        self.centre = np.zeros(len(places))
        for term, guess in GUESS.items():
            self.centre[places["a", term]] = np.log(guess)

    def coefficients(self, parameters: Array) -> Array:
        """Return milliseconds per unit: (architectures, numbers, terms)."""
        return np.asarray(np.exp(parameters[self.index].sum(axis=-1)))

    def totals(self, parameters: Array) -> tuple[Array, Array]:
        """Return latencies (architectures, programs), and their derivatives by log coefficient."""
        latencies, derivatives = [], []
        for table in self.coefficients(parameters):
            cost = parts(self.amount, table[self.op_number]) * self.times[:, None]
            whole = self.whole * table[self.key_number, OF_OPS:]
            terms = np.concatenate([np.add.reduceat(cost, self.start, axis=0), whole], axis=1)
            latencies.append(terms.sum(axis=1))
            derivatives.append(terms)
        return np.array(latencies), np.array(derivatives)

    def logs(self, parameters: Array, rows: Sequence[Row]) -> tuple[Array, Array]:
        """Return log(latency) of each row, and its derivatives by parameter."""
        latency, slope = self.totals(parameters)
        a = [self.architectures.index(r.architecture) for r in rows]
        n = [NUMBERS.index(r.number) for r in rows]
        k = [self.keys[r.model, r.number] for r in rows]
        jacobian = np.zeros((len(rows), len(parameters)))
        share = slope[a, k] / latency[a, k][:, None]
        for part in range(self.index.shape[-1]):
            np.add.at(jacobian, (np.arange(len(rows))[:, None], self.index[a, n, :, part]), share)
        logs = np.log(latency[a, k])
        for place, row in enumerate(rows):
            if row.runtime != self.reference:
                parameter = self.runtime[NUMBERS.index(row.number)]
                logs[place] += parameters[parameter]
                jacobian[place, parameter] = 1.0
        return logs, jacobian

    def fit(self, rows: Sequence[Row], start: Array | None = None, steps: int = 60) -> Array:
        """Return the parameters that explain `rows` best."""
        measured = np.log([r.latency_ms for r in rows])
        here = (self.centre if start is None else start).copy()
        logs, jacobian = self.logs(here, rows)
        loss, damping = self.loss(logs - measured, here), 1e-2
        for _ in range(steps):
            gradient, curve = self._slopes(logs - measured, jacobian, here)
            before = loss
            while damping < 1e6:
                damped = curve + damping * np.diag(np.diag(curve))
                trial = here - np.linalg.solve(damped, gradient)
                logs, jacobian = self.logs(trial, rows)
                loss = self.loss(logs - measured, trial)
                if loss < before:
                    break
                damping *= 4
            if loss >= before:
                return here
            here, damping = trial, max(damping / 4, 1e-6)
            if before - loss < ENOUGH:
                return here
        return here

    def _slopes(self, error: Array, jacobian: Array, parameters: Array) -> tuple[Array, Array]:
        """Return gradient and (Gauss-Newton) curvature of half the loss."""
        residual = error / NOISE
        weight = 1 / np.sqrt(1 + residual**2)
        prior = (parameters - self.centre) / self.spread**2
        curve = (jacobian * weight[:, None]).T @ jacobian / NOISE**2
        gradient = jacobian.T @ (weight * residual) / NOISE + prior
        return gradient, curve + np.diag(1 / self.spread**2)

    def loss(self, error: Array, parameters: Array) -> float:
        """Return the negative log posterior: errors of log latency, and the priors."""
        misfit = 2 * (np.sqrt(1 + (error / NOISE) ** 2) - 1)
        return float(misfit.sum() + (((parameters - self.centre) / self.spread) ** 2).sum())

    def predict(self, parameters: Array, rows: Sequence[Row]) -> Array:
        """Return the milliseconds of each row."""
        return np.asarray(np.exp(self.logs(parameters, rows)[0]))


def left_out(model: LatencyModel, rows: Sequence[Row], always: Sequence[Row] = ()) -> Array:
    """Return what is predicted for each row by a fit to the other models' rows and to `always`."""
    everything = model.fit([*rows, *always])
    predicted = np.zeros(len(rows))
    for name in sorted({r.model for r in rows}):
        places = [i for i, r in enumerate(rows) if r.model == name]
        others = [r for r in rows if r.model != name]
        parameters = model.fit([*others, *always], everything, steps=25)
        predicted[places] = model.predict(parameters, [rows[i] for i in places])
    return predicted


def rank_correlation(first: Array, second: Array) -> float:
    """Return Spearman's rank correlation."""
    ranks = [np.argsort(np.argsort(values)) for values in (first, second)]
    return float(np.corrcoef(ranks[0], ranks[1])[0, 1])
