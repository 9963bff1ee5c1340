"""Reports and graphs as one page of HTML that needs no network and runs no text of a model.

Names in models are not trusted: data is JSON in inert elements, every `<`, `>` and `&` escaped,
the script makes text nodes only, and the page's own policy allows no other script, style or load.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from mmc.files import write_text

SCRIPTS = ("layout.js", "tables.js", "graph.js", "graph_tab.js", "search.js", "page.js")
ESCAPES = {ord(c): f"\\u{ord(c):04x}" for c in "<>&\u2028\u2029"}


def page(reports: Sequence[Any], graphs: Sequence[Any], title: str) -> str:
    """Return the page of JSON-ready reports, and of graphs in the same order (`graphs_json`)."""
    script = "\n".join(part(name) for name in SCRIPTS)
    style = part("style.css")
    return Template(part("page.html")).substitute(
        title=html.escape(title),
        style=style,
        script=script,
        style_hash=hash_of(style),
        script_hash=hash_of(script),
        report=inert(reports[0] if len(reports) == 1 else list(reports)),
        graphs=inert(list(graphs)),
    )


def write_page(path: Path, reports: Sequence[Any], graphs: Sequence[Any], title: str) -> None:
    """Write the page; raises EmitError (MMC401)."""
    write_text(path, page(reports, graphs, title))


def inert(data: Any) -> str:
    """Return JSON that no HTML parser takes for markup."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False).translate(ESCAPES)


def hash_of(text: str) -> str:
    """Return what a content security policy calls a script or a style."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def part(name: str) -> str:
    """Return a file of the page."""
    return files("mmc.reports").joinpath("web", name).read_text(encoding="utf-8")
