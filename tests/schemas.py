"""What a report in JSON holds, held against the schema that is shipped."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from jsonschema import Draft202012Validator

from netpolicy.data import folder


def valid(name: str, text: str) -> Any:
    """The document, in which the schema of this name knows every field."""
    document = json.loads(text)
    _validator(name).validate(document)
    return document


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((folder("schemas") / f"{name}.json").read_text(encoding="utf-8"))
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(_closed(schema))


def _closed(schema: Any) -> Any:
    """The schema, which knows no field but those that it names."""
    if isinstance(schema, dict):
        inner = {key: _closed(value) for key, value in schema.items()}
        return inner | ({"additionalProperties": False} if "required" in inner else {})
    return [_closed(one) for one in schema] if isinstance(schema, list) else schema
