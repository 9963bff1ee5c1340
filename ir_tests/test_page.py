"""The page of a report: whole in itself, same data as the JSON, and no text of a model runs."""

from __future__ import annotations

import json
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import browser
import onnx
import pytest
from browser import Browser

import golden_models
from mmc.cli import main
from mmc.debugging.alignment import align
from mmc.ir import parse, save
from mmc.reports.graphs import State, graphs_json
from mmc.reports.layers import bits_of
from mmc.reports.page import page
from mmc.structure import Op, Structure

PNET = golden_models.path("mtcnn_pnet")
SHAPE = ["--input-shape", "x:1,3,60,80"]
HOSTILE = "</script><script>evil=1</script><img src=http://x.invalid/a onerror=evil=1>&\u202e'\""
SCHEMA = json.loads((Path(__file__).parent.parent / "docs" / "report.schema.json").read_text())
needs_chromium = pytest.mark.skipif(not browser.BINARY, reason="Chromium is not installed")


class Parsed(HTMLParser):
    """Every element of a page, and the text of its scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.tags and self.tags[-1][0] == "script" and data.strip():
            self.scripts.append(data)

    def data(self) -> tuple[Any, Any]:
        """Return the report and the graphs."""
        return json.loads(self.scripts[0]), json.loads(self.scripts[1])


def fits(value: Any, schema: dict[str, Any]) -> bool:
    """Say whether a value is what a schema of our kind (mmc.reports.schema) describes."""
    if "anyOf" in schema:
        return any(fits(value, one) for one in schema["anyOf"])
    kinds = {"object": dict, "array": list, "string": str, "boolean": bool, "null": type(None)}
    kinds |= {"integer": int, "number": (int, float)}
    if "type" not in schema:
        return True
    if not isinstance(value, kinds[schema["type"]]):
        return False
    if schema["type"] == "array":
        return all(fits(v, schema["items"]) for v in value)
    if "properties" in schema:
        known = schema["properties"]
        return set(schema["required"]) <= set(value) <= set(known) and all(
            fits(value[k], known[k]) for k in value
        )
    more = schema.get("additionalProperties", {})
    return schema["type"] != "object" or all(fits(v, more) for v in value.values())


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model compiled with a page, its names as hostile as they can be."""
    folder = tmp_path_factory.mktemp("page")
    model = onnx.load(PNET)
    for i, node in enumerate(model.graph.node):
        node.name = f"{HOSTILE}{i}"
    onnx.save(model, folder / "m.onnx")
    command = ["compile", str(folder / "m.onnx"), "--target", "hexagon_v73", *SHAPE, "--quiet"]
    command += ["-o", str(folder / "m.tflite"), "--dump-ir", str(folder / "ir")]
    assert main([*command, "--report", str(folder / "r.html")]) == 0
    return folder


def test_the_page_is_whole_in_itself(compiled: Path) -> None:
    text = (compiled / "r.html").read_text()
    found = Parsed(text)
    known = "html head meta title style body header h1 select nav main noscript script".split()
    assert {tag for tag, _ in found.tags} == set(known)
    for tag, attributes in found.tags:
        assert not {"src", "href", "srcset", "action"} & set(attributes), tag
        assert not any(name.startswith("on") for name in attributes), tag
    assert len(found.scripts) == 3
    script = found.scripts[2].replace("http://www.w3.org/2000/svg", "")  # a name, never asked for
    assert not re.search(r"@import|url\(|https?:|innerHTML|document\.write|eval\(", script)
    policy = next(a["content"] for t, a in found.tags if "http-equiv" in a) or ""
    assert policy.startswith("default-src 'none'; script-src 'sha256-")


def test_the_page_holds_the_json_report(compiled: Path, tmp_path: Path) -> None:
    report, _ = Parsed((compiled / "r.html").read_text()).data()
    assert fits(report, SCHEMA)
    again = tmp_path / "r.json"
    command = ["compile", str(compiled / "m.onnx"), "--target", "hexagon_v73", *SHAPE, "--quiet"]
    out = str(compiled / "m.tflite")
    assert main([*command, "-o", out, "--report", str(again)]) == 0
    told = json.loads(again.read_text())
    assert fits(told, SCHEMA)
    apart = {"sqnr_db": None, "equal": False}
    assert [layer | apart for layer in report["layers"]] == told["layers"]
    assert report["operators"] == told["operators"]
    kinds = [layer["kind"] for layer in report["layers"]]
    assert {k: kinds.count(k) for k in kinds} == report["operators"]["kinds"]
    assert all(layer["runs_on"] == "npu" for layer in report["layers"])
    convolutions = [layer for layer in report["layers"] if layer["kind"] == "CONV_2D"]
    assert {layer["bits"] for layer in convolutions} == {32}
    measured = [layer["sqnr_db"] for layer in report["layers"] if layer["sqnr_db"] is not None]
    assert measured
    assert min(measured) > 80


def test_the_graphs_are_the_model_after_every_pass(compiled: Path) -> None:
    report, (graphs,) = Parsed((compiled / "r.html").read_text()).data()
    states, strings = graphs["states"], graphs["strings"]
    changing = [i + 1 for i, p in enumerate(report["passes"]) if p["changes"]]
    assert [s["run"] for s in states] == [0, *changing, None]
    sizes = [report["passes"][run - 1]["nodes"] for run in changing]
    assert [len(s["nodes"]) for s in states[1:-1]] == sizes
    assert len(states[-1]["nodes"]) == len(report["layers"])
    names = [strings[node[1]] for node in states[0]["nodes"]]
    assert len(names) == len(onnx.load(PNET).graph.node)
    for step in graphs["steps"]:
        before, after = step["groups"]
        assert len(before) == len(states[step["before"]]["nodes"])
        assert len(after) == len(states[step["after"]]["nodes"])
        assert {step["changes"][g] for g in before if g not in after} <= {3}
        assert {step["changes"][g] for g in after if g not in before} <= {2}


def test_show_writes_pages_of_models_artifacts_and_dumps(compiled: Path, tmp_path: Path) -> None:
    for source, states in ((PNET, 1), (compiled / "m.tflite", 1), (compiled / "ir", None)):
        out = tmp_path / "show.html"
        assert main(["show", str(source), "--html", str(out)]) == 0
        report, (graphs,) = Parsed(out.read_text()).data()
        assert len(graphs["states"]) == (states or len(list((compiled / "ir").glob("*.ir"))))
        assert len(graphs["states"][-1]["nodes"]) == len(report["layers"])


def test_refusals(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", str(PNET), "--html", str(tmp_path / "m.txt")]) == 2
    assert "MMC003" in capsys.readouterr().err
    assert main(["show", str(tmp_path), "--html", str(tmp_path / "m.html")]) == 2
    assert "MMC101" in capsys.readouterr().err
    out = str(tmp_path / "no" / "m.html")
    assert main(["show", str(PNET), "--html", out]) == 2
    assert "MMC401" in capsys.readouterr().err


def test_a_failed_compile_has_a_page_too(tmp_path: Path) -> None:
    out = tmp_path / "r.html"
    command = ["compile", str(PNET), "--target", "cpu", "-o", str(tmp_path / "m.tflite")]
    assert main([*command, "--report", str(out)]) == 2
    report, _ = Parsed(out.read_text()).data()
    assert report["status"] == "failed"
    assert report["diagnostics"][0]["code"] == "MMC115"


def test_bits_are_read_from_types() -> None:
    texts = ("int4[64,3]", "uint8[2]", "float[3]", "float16[1,2] x4", "int8[4] x3", "", "?")
    assert [bits_of(text) for text in texts] == [4, 8, 32, 16, 8, None, None]


def long_model(count: int) -> Structure:
    """A chain with short and long skips."""
    found = Structure(inputs=["x"], outputs=[f"t{count - 1}"])
    for i in range(count):
        skip = (f"t{i - 5}",) if i % 7 == 6 else (f"t{i - 400}",) if i % 501 == 500 else ()
        last = f"t{i - 1}" if i else "x"
        kind = "Add" if skip else ("Conv", "Relu")[i % 2]
        found.ops.append(Op(kind, f"n{i}", (last, *skip), (f"t{i}",), "", (f"s{i}",)))
    return found


def test_alignment_of_ten_thousand_operators_is_no_square() -> None:
    """A quadratic step would take minutes here."""
    model = long_model(10_000)
    assert {group.change for group in align(model, long_model(10_000))} == {"same"}


@pytest.fixture(scope="module")
def window() -> Any:
    with browser.browser() as found:
        yield found


@needs_chromium
def test_chromium_shows_the_page(compiled: Path, window: Browser) -> None:
    window.open(compiled / "r.html", width=390, height=844)
    assert window.requests() == [(compiled / "r.html").as_uri()]
    tabs = window.run("[...document.querySelectorAll('#tabs button')].map(b => b.textContent)")
    assert tabs[:4] == ["Overview", "Graph", "Operators", "Passes"]
    for tab in range(len(tabs)):
        window.run(f"document.querySelectorAll('#tabs button')[{tab}].click()")
        assert window.run("document.documentElement.scrollWidth") <= 390, tabs[tab]
        terms = window.run("[...document.querySelectorAll('dd')].map(d => d.textContent)")
        assert not [text for text in terms if text[:1] in ("{", "[")], tabs[tab]
    assert window.run("typeof evil") == "undefined"
    assert window.run("document.querySelectorAll('img, script[src]').length") == 0
    assert window.errors() == []


@needs_chromium
def test_names_of_a_model_are_shown_as_they_are(tmp_path: Path, window: Browser) -> None:
    text = """<ir_version: 13, opset_import: ["" : 25]>
        g (float[1,3] in_put_0) => (float[1,3] out_put) { out_put = Relu(in_put_0) }"""
    save(parse(text), tmp_path / "m.onnx")
    assert main(["show", str(tmp_path / "m.onnx"), "--html", str(tmp_path / "m.html")]) == 0
    window.open(tmp_path / "m.html")
    terms = window.run("[...document.querySelectorAll('dt')].map(d => d.textContent)")
    assert {"in_put_0", "out_put"} <= set(terms)


@needs_chromium
def test_tables_sort_and_filter(compiled: Path, window: Browser) -> None:
    window.open(compiled / "r.html")
    window.run("show('Operators')")
    column = "[...document.querySelectorAll('tbody tr')].map(r => r.cells[1].textContent)"
    plain = window.run(column)
    for wanted in (sorted(plain), sorted(plain, reverse=True)):
        window.run("document.querySelectorAll('th button')[1].click()")
        assert window.run(column) == wanted
    window.run(
        "{const f = document.querySelector('main input'); f.value = 'prelu';"
        " f.dispatchEvent(new Event('input'))}"
    )
    assert set(window.run(column)) == {"PRELU"}
    window.run("document.querySelector('tbody tr').click()")
    assert "PRELU" in window.run("document.querySelector('.detail').textContent")
    select = "document.querySelector('select[aria-label=Colour]')"
    kinds = window.run(f"[...{select}.options].map(o => o.value)")
    assert {"colour: latency", "colour: error"} <= set(kinds)
    for kind in kinds:
        window.run(f"{{{select}.value = '{kind}'; {select}.dispatchEvent(new Event('change')); 1}}")
    assert window.errors() == []


@needs_chromium
def test_the_graph_of_ten_thousand_operators_opens(tmp_path: Path, window: Browser) -> None:
    states = [State("a", long_model(10_000), 0), State("b", long_model(10_000), 1)]
    path = tmp_path / "large.html"
    path.write_text(page([{"title": "large"}], [graphs_json(states)], "large"))
    window.open(path)
    took = window.run("{const t = performance.now(); show('Graph'); performance.now() - t}")
    assert took < 10_000
    window.run(
        "{const f = document.querySelector('main input'); f.value = 'n9999';"
        " f.dispatchEvent(new Event('input'))}"
    )
    assert window.run("document.querySelector('.bar span').textContent") == "1 of 1"
    colours = (
        "{const c = document.querySelectorAll('canvas')[1], seen = new Set();"
        "c.scrollIntoView();"
        "const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;"
        "for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i+1] << 8 | d[i+2]);"
        "seen.size}"
    )
    window.ask(
        "Runtime.evaluate",
        expression="new Promise(r => requestAnimationFrame(() => requestAnimationFrame(r)))",
        awaitPromise=True,
    )
    assert window.run(colours) > 3
    assert window.errors() == []
