"""Cases of five axes, of operators whose kernels may take four."""

from __future__ import annotations

from collections.abc import Iterator

from .case import Case, Maker

FIVE = (1, 2, 4, 4, 8)


def cases() -> Iterator[Case]:
    """Yield what searches, sums along, mirrors and looks up entries of five axes."""
    for op in ("ARG_MAX", "ARG_MIN"):
        m = Maker()
        yield m.case(op, [m.x(FIVE), m.i(4)], [m.x(FIVE[:4], "INT32")], outputType=2)
    m = Maker()
    yield m.case("CUMSUM", [m.x(FIVE), m.i(4)], [m.x(FIVE)])
    m = Maker()
    found = (*FIVE[:4], 3)
    yield m.case("TOPK_V2", [m.x(FIVE), m.i(3)], [m.x(found), m.x(found, "INT32")])
    m = Maker()
    pads = ((0, 0), (0, 0), (1, 2), (0, 0), (0, 0))
    yield m.case("MIRROR_PAD", [m.x(FIVE), m.i(pads)], [m.x((1, 2, 7, 4, 8))], mode=0)
    m = Maker()
    places = m.i(((0, 1), (0, 0)))
    yield m.case("GATHER_ND", [m.x(FIVE), places], [m.x((2, *FIVE[2:]))])
    m = Maker()
    inputs = [m.x(FIVE[:4], "INT32"), m.i(8), m.w(()), m.w(())]
    yield m.case("ONE_HOT", inputs, [m.x(FIVE)], axis=-1)
