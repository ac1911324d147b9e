"""The reports that nodes printed, one a file of a folder; what cannot be read is named, never left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import NoReturn

from netpolicy.cli.files import read
from netpolicy.policy.load import Place, Unreadable
from netpolicy.report.audit.model import Report

SUFFIX = ".json"


class ReportsError(Exception):
    """The folder of reports cannot be read."""


def reports(folder: str) -> tuple[Report, ...]:
    """Every `*.json` of the folder, by name; a folder that cannot be read is a ReportsError."""
    try:
        names = sorted(one.name for one in Path(folder).iterdir() if one.suffix == SUFFIX)
    except OSError as failure:
        raise ReportsError(f"`{folder}` cannot be read: {(failure.strerror or 'no reason given').lower()}") from None
    return tuple(_report(folder, name) for name in names)


def _report(folder: str, name: str) -> Report:
    source = read(Place(str(Path(folder, name)), shipped=False))
    if isinstance(source, Unreadable):
        return Report(name, why=source.why)
    try:
        tree = json.loads(source.text, parse_constant=_refused)
        json.dumps(tree, ensure_ascii=False).encode()  # half of a surrogate pair could be written nowhere
    except (ValueError, RecursionError):
        return Report(name, why="it is no JSON")
    return Report(name, tree)


def _refused(constant: str) -> NoReturn:
    """`NaN` and its kind are no JSON, and no reader of an audit would take them."""
    raise ValueError(constant)
