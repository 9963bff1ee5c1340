"""The JSON Schema of the report, from its dataclasses: `python -m mmc.reports.schema`."""

from __future__ import annotations

import json
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from mmc.reports.compile_report import CompileReport

PLAIN = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the schema of a type: a dataclass, list, dict, union or plain type."""
    if is_dataclass(kind):
        hints = get_type_hints(kind)
        names = [f.name for f in fields(kind)]
        properties = {name: schema_of(hints[name]) for name in names}
        return {"type": "object", "properties": properties, "required": names}
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is list:
        return {"type": "array", "items": schema_of(arguments[0])}
    if origin is dict:
        return {"type": "object", "additionalProperties": schema_of(arguments[1])}
    if origin in (Union, UnionType):
        return {"anyOf": [schema_of(a) for a in arguments]}
    return {"type": PLAIN[kind]} if kind in PLAIN else {}


def report_schema() -> dict[str, Any]:
    """Return the schema of a compile report."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "mmc compile report",
        **schema_of(CompileReport),
    }


if __name__ == "__main__":
    print(json.dumps(report_schema(), indent=2))
