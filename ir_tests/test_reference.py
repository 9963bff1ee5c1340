"""The reference page names what exists and is documented."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from pathlib import Path

import mmc.api

PAGE = (Path(__file__).parent.parent / "docs" / "reference.md").read_text()


def test_every_object_of_the_page_exists() -> None:
    for name in re.findall(r"^::: (\S+)$", PAGE, re.MULTILINE):
        found = mmc
        for index, part in enumerate(name.split(".")[1:], 2):
            if not hasattr(found, part):
                import_module(".".join(name.split(".")[:index]))
            found = getattr(found, part)
        assert found.__doc__, name


def test_every_call_is_on_the_page() -> None:
    (members,) = re.findall(r"members: \[(.*)\]", PAGE)
    assert sorted(members.split(", ")) == sorted(mmc._API)
    tree = ast.parse(Path(mmc.api.compile.__code__.co_filename).read_text())
    public = [f for f in tree.body if isinstance(f, ast.FunctionDef) and f.name[0] != "_"]
    assert {f.name for f in public} == set(mmc._API)
    assert all(ast.get_docstring(f) for f in public)
