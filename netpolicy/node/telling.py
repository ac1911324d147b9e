"""What a preview and a status say, as values for JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from netpolicy.node.drift import Drift
from netpolicy.node.journal import Record
from netpolicy.node.preview import Preview
from netpolicy.packet.addresses import Family
from netpolicy.report.findings import as_value


def preview_value(one: Preview) -> dict[str, Any]:
    """All that an apply would change."""
    rules = [
        {"sign": each.sign, "family": each.family.value, "text": each.text, "statements": list(each.statements)}
        for each in one.rules
    ]
    return {
        "loaded": one.loaded,
        "opens": list(one.opens),
        "closes": list(one.closes),
        "changes": list(one.changes),
        "jumps": list(one.jumps),
        "sets": [{"name": each.name, "more": list(each.more), "fewer": list(each.fewer)} for each in one.sets],
        "rules": rules,
    }


def status_value(record: Record, one: Drift | None, seen: Mapping[Family, int] | None) -> dict[str, Any]:
    """What was applied, and how the kernel stands to it; None is what nobody knows."""
    last = record.last
    told = {"id": last.id, "result": last.phase.value, "backend": last.backend, "at": last.at} if last else None
    return {
        "applied": asdict(record.in_force) if record.in_force else None,
        "last_apply": told,
        "in_force": one is not None and one.in_force,
        "generation": _generation(one) if one else None,
        "drift": [as_value(each) for each in one.found] if one else None,
        "packets_seen": {f"v{family.value}": count for family, count in seen.items()} if seen else None,
    }


def _generation(one: Drift) -> dict[str, str | None]:
    return {f"v{family.value}": now or None for family, (_, now) in one.generations.items()}
