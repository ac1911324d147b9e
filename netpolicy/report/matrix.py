"""The matrix of who may reach what for programs: CSV and JSON, a line or an object a row."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence

from netpolicy.verify.reachability import Row

KEYS = ("source", "destination", "protocol", "first", "last", "statements")


def service(row: Row) -> str:
    """`tcp 22`, `udp 35000-40000`, `icmpv6 128`, `esp`, `any`."""
    if row.first is None:
        return row.protocol
    return f"{row.protocol} {row.first}" if row.first == row.last else f"{row.protocol} {row.first}-{row.last}"


def as_json(rows: Sequence[Row]) -> str:
    """A list of rows, an object each."""
    listed = [{key: getattr(row, key) for key in KEYS} for row in rows]
    return json.dumps(listed, indent=1) + "\n"


def as_csv(rows: Sequence[Row]) -> str:
    """A header line and a line a row; statements are joined by blanks."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(KEYS)
    for row in rows:
        writer.writerow((row.source, row.destination, row.protocol, row.first, row.last, " ".join(row.statements)))
    return text.getvalue()


def natural(name: str) -> list[tuple[bool, int, str]]:
    """A key that sorts `dea2` before `dea10`."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)]
