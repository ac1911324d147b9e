"""What a preview and a status say, as values for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from netpolicy.node.bundle import StatementText
from netpolicy.node.drift import Drift
from netpolicy.node.journal import Applied, Record
from netpolicy.node.preview import Preview
from netpolicy.node.second import Seen
from netpolicy.report.findings import as_value


def preview_value(one: Preview, texts: Mapping[str, StatementText]) -> dict[str, Any]:
    """All that an apply would change; `texts` has the statements of what was in force, too."""
    rules = [
        {"sign": each.sign, "family": each.family.value, "text": each.text, "statements": list(each.statements)}
        for each in one.rules
    ]
    return {
        "loaded": one.loaded,
        "comes": [_statement(name, texts) for name in one.comes],
        "goes": [_statement(name, texts) for name in one.goes],
        "changes": [_statement(name, texts) for name in one.changes],
        "jumps": list(one.jumps),
        "sets": [asdict(each) for each in one.sets],
        "rules": rules,
    }


def status_value(record: Record, one: Drift | None, seen: Seen | None) -> dict[str, Any]:
    """What was applied, and how the kernel stands to it; None is what nobody knows."""
    last = record.last
    told = {"id": last.id, "result": last.phase.value, "backend": last.backend, "at": last.at} if last else None
    return {
        "cluster": record.in_force.cluster if record.in_force else None,
        "node": record.in_force.node if record.in_force else None,
        "applied": _applied(record.in_force) if record.in_force else None,
        "last_apply": told,
        "in_force": one is not None and one.in_force,
        "generation": _generation(one) if one else None,
        "findings": [as_value(each) for each in one.found] if one else [],
        "packets_seen": _seen(seen) if seen else None,
    }


def _statement(name: str, texts: Mapping[str, StatementText]) -> dict[str, str | None]:
    known = texts.get(name)
    return {"id": name, "flow": known.flow if known else None, "place": (known.place or None) if known else None}


def _applied(one: Applied) -> dict[str, Any]:
    return {"class": one.digest, "serial": one.serial, "backend": one.backend, "at": one.at}


def _seen(one: Seen) -> dict[str, Any]:
    return {"by": one.by, **{f"v{family.value}": count for family, count in one.packets.items()}}


def _generation(one: Drift) -> dict[str, str | None]:
    return {f"v{family.value}": now or None for family, (_, now) in one.generations.items()}
