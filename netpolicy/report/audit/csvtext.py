"""The register as CSV (RFC 4180): a line for each statement, for spreadsheets."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from typing import Any
from unicodedata import normalize

COLUMNS = (
    *("id", "verb", "from", "to", "service", "ports", "risk", "score", "reasons", "state", "owner", "because"),
    *("sources", "ticket", "tags", "log", "file", "line", "last_change", "changed_by", "commit", "review", "expires"),
    *("nodes_from", "nodes_to", "compiled_to", "groups", "hits_packets", "hits_bytes", "hits_nodes"),
)
_SIGNS = frozenset("=+-@")
_FORMULA = ("\t", "\r", "\n")


def as_csv(tree: Mapping[str, Any]) -> str:
    """A header and a line a statement, each ended by CR LF; lists are joined by semicolons."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    writer.writerows([safe(_cell(one, name)) for name in COLUMNS] for one in tree["register"])
    return text.getvalue()


def safe(text: str) -> str:
    """The text so that no spreadsheet takes it for a formula."""
    first = normalize("NFKC", text.lstrip()[:1])  # full-width signs count, too, and spaces before them do not
    return f"'{text}" if text.startswith(_FORMULA) or first in _SIGNS else text


def _cell(one: Mapping[str, Any], name: str) -> str:
    match name:
        case "nodes_from" | "nodes_to":
            return str(one["nodes"][name.removeprefix("nodes_")])
        case "last_change" | "changed_by" | "commit":
            key = {"last_change": "date", "changed_by": "author", "commit": "commit"}[name]
            return one["last_change"][key] if one["last_change"] else ""
        case "compiled_to":
            more = [f"and {one['more_classes']} more classes"] if one["more_classes"] else []
            places = [f"{each['family']} {each['chain']} {each['rule']}" for each in one["compiled"]]
            return "; ".join([*places, *more])
        case "groups":
            return "; ".join(f"{each['group']} {each['rule']}" for each in one["groups"])
        case "hits_packets" | "hits_bytes" | "hits_nodes":
            return str(one["hits"][name.removeprefix("hits_")]) if one["hits"] else ""
    value = one[name]
    if isinstance(value, list):
        return "; ".join(str(each) for each in value)
    return "" if value is None else str(value)
