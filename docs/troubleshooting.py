"""Write troubleshooting.md, a section a diagnostic code, from the calls in the code that make them.

python docs/troubleshooting.py > docs/troubleshooting.md
"""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
FOLDERS = ("mmc", "passes", "backends")
CODE = re.compile(r"MMC\d{3}")
PARTS = ("where", "what", "why", "fix")
ROW = re.compile(r"^\|\s*(MMC\d{3}[^|]*)\|([^\n]*)\|\s*$", re.MULTILINE)
HEAD = """# Troubleshooting, code by code

Made from the code by `python docs/troubleshooting.py`; a test keeps it fresh. Every message that
mmc prints has a code; find its section here: what it says, why it matters, what mends it, and where
it comes from. `<...>` stands for what the message fills in. When there is no message, but a symptom
(slow, large, inaccurate, too much memory): [symptoms](symptoms.md).
"""
Known = list[tuple[int, str, str]]
"""The texts that names have: line, name, text."""
KINDS = {
    "0": "The command line",
    "1": "The model, and passes over it",
    "2": "What the target takes",
    "3": "Quantization and data",
    "4": "Writing, running and verifying artifacts",
    "5": "Estimates and budgets",
}


@dataclass(frozen=True)
class Site:
    """One place in the code that gives a message."""

    file: str
    where: str
    what: str
    why: str
    fix: str


def sites() -> dict[str, list[Site]]:
    """Return the places that give each code."""
    found: dict[str, list[Site]] = defaultdict(list)
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*.py")):
            file = path.relative_to(ROOT).as_posix()
            if file.startswith(("mmc/passes/", "mmc/backends/")):
                continue  # the links
            for code, parts in messages(ast.parse(path.read_text())):
                found[code].append(Site(file, *(parts.get(name, "") for name in PARTS)))
    return dict(sorted(found.items()))


def messages(tree: ast.AST) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the code and the texts of every message in a module."""
    for scope in ast.walk(tree):
        if isinstance(scope, (ast.FunctionDef, ast.Module)):
            known = assigned(scope)
            for node in inside(scope):
                yield from message(node, known)


def inside(scope: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes of a function or module without those of the functions in it."""
    for child in ast.iter_child_nodes(scope):
        if not isinstance(child, ast.FunctionDef):
            yield child
            yield from inside(child)


def assigned(scope: ast.AST) -> Known:
    """Return the texts that a function gives to names: `fix = "..."`."""
    known: Known = []
    for node in inside(scope):
        if isinstance(node, ast.Assign) and len(node.targets) == 1:
            pairs = [(node.targets[0], node.value)]
            if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(node.targets[0].elts, node.value.elts, strict=False))
            for name, value in pairs:
                if isinstance(name, ast.Name) and (words := text(value, known)):
                    known.append((node.lineno, name.id, words))
    return known


def message(node: ast.AST, known: Known) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield what a call, or a tuple of a code and a text, says."""
    if isinstance(node, ast.Call):
        given = node.args
        named = {k.arg: text(k.value, known) for k in node.keywords if k.arg in PARTS}
    elif isinstance(node, ast.Tuple):
        given, named = [*node.elts[:1], ast.Constant(""), *node.elts[1:]], {}
    else:
        return
    place = next((i for i, a in enumerate(given) if is_code(a)), None)
    if place is None:
        return
    rest = [a for a in given[place + 1 :] if "Severity" not in ast.unparse(a)]
    parts = dict(zip(PARTS, (text(a, known) for a in rest), strict=False)) | named
    code = given[place]
    assert isinstance(code, ast.Constant)
    if any(parts.values()):
        yield str(code.value), {str(k): v for k, v in parts.items()}


def is_code(node: ast.AST) -> bool:
    """Say whether an argument is a code."""
    found = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return found and bool(CODE.fullmatch(node.value))  # type: ignore[attr-defined]


def text(node: ast.AST, known: Known) -> str:
    """Return a text with <...> for what is filled in; "" if it is none."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        parts = (v.value if isinstance(v, ast.Constant) else hole(v) for v in node.values)
        return "".join(map(str, parts))
    if isinstance(node, ast.Name):
        before = [words for line, name, words in known if name == node.id and line <= node.lineno]
        return before[-1] if before else ""
    if isinstance(node, ast.IfExp):
        both = (text(node.body, known), text(node.orelse, known))
        return " / ".join(filter(None, both))
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return text(node.left, known) + text(node.right, known)
    return ""


def hole(node: ast.AST) -> str:
    """Return the name of what an f-string fills in, if it is short; a count with its things."""
    inner = node.value if isinstance(node, ast.FormattedValue) else node
    if isinstance(inner, ast.Call) and ast.unparse(inner.func) == "counted":
        number, one, *_ = inner.args
        return f"{hole(number)} {ast.literal_eval(one)}s"
    names = re.findall(r"[a-z_]+", ast.unparse(inner))
    word = names[-1] if isinstance(inner, (ast.Name, ast.Attribute)) and names else "..."
    return f"<{word.replace('_', ' ')}>"


def tables() -> dict[str, list[str]]:
    """Return what the tables of the other pages say of each code."""
    found: dict[str, list[str]] = defaultdict(list)
    for page in sorted((ROOT / "docs").glob("*.md")):
        if page.name == "troubleshooting.md":
            continue
        for codes, cells in ROW.findall(page.read_text()):
            said = [c.strip() for c in cells.split(" | ") if c.strip()]
            meaning = ". ".join(part.rstrip(".") for part in said[: len(said) - 1] or said)
            fix = f"\n\nFix: {said[-1]}" if len(said) > 1 else ""
            for code in CODE.findall(codes):
                found[code].append(f"{meaning}. ([{page.stem}]({page.name})){fix}")
    return found


def mentioned() -> set[str]:
    """Return every code in the code."""
    files = (p for folder in FOLDERS for p in (ROOT / folder).rglob("*.py"))
    return {code for path in files for code in re.findall(r'"(MMC\d{3})"', path.read_text())}


def section(code: str, places: list[Site], said: list[str]) -> Iterator[str]:
    """Yield the lines of one code."""
    yield f"### {code}"
    yield ""
    yield from (f"{words}\n" for words in said)
    for site in dict.fromkeys(places):
        yield f"* **{clean(site.where) or '...'}**: {clean(site.what) or '...'}"
        if site.why:
            yield f"  * why: {clean(site.why)}"
        if site.fix:
            yield f"  * fix: {clean(site.fix)}"
    files = ", ".join(f"`{file}`" for file in dict.fromkeys(site.file for site in places))
    yield f"\nFrom {files}.\n" if files else ""


def clean(words: str) -> str:
    """Return text that Markdown shows as it is."""
    return re.sub(r"([<>*_|])", r"\\\1", " ".join(words.split()))


def document() -> str:
    """Return the page."""
    places, said = sites(), tables()
    lines = [HEAD]
    group = ""
    for code in sorted(mentioned() | set(places)):
        if code[3] != group:
            group = code[3]
            lines += [f"## {KINDS[group]}", ""]
        lines += section(code, places.get(code, []), said.get(code, []))
    return "\n".join(lines).rstrip() + "\n"


if __name__ == "__main__":
    print(document(), end="")
