"""The matrix by role: what passes between two ends, how much it asks to be looked at, and a packet that shows it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from netpolicy.packet.addresses import FAMILIES, NOWHERE, AddressSet
from netpolicy.packet.packets import describe
from netpolicy.report.audit.compiled import Answer, Stop
from netpolicy.report.audit.risk import Risk, of_flow
from netpolicy.report.audit.witness import Asked, keys_of
from netpolicy.report.matrix import service
from netpolicy.verify.reachability import Row


@dataclass(frozen=True, slots=True)
class Service:
    """What passes between two ends, with the packet that shows it and what the rules decided of that."""

    row: Row
    text: str
    risk: Risk
    asked: Asked
    answers: tuple[Answer, ...]

    @property
    def passes(self) -> bool:
        """True when every place lets the packet pass; False where none was asked."""
        return bool(self.answers) and all(one.passes for one in self.answers)


@dataclass(frozen=True, slots=True)
class Cell:
    """All that passes from a source to a destination."""

    source: str
    destination: str
    services: tuple[Service, ...]

    @property
    def risk(self) -> Risk:
        """The greatest of the services."""
        return max((one.risk for one in self.services), key=lambda one: one.score)


def cells(found: Iterable[Asked], answers: Mapping[Stop, Answer], outside: Mapping[str, AddressSet]) -> list[Cell]:
    """The matrix by source and destination; `outside` has the addresses of who is no node, by name."""
    services: dict[tuple[str, str], list[Service]] = {}
    for one in found:
        row = one.row
        risk = of_flow(
            outside.get(row.source, NOWHERE) if row.destination not in outside else NOWHERE,
            [keys for family in FAMILIES if (keys := keys_of(row, family))],
        )
        decided = tuple(answers[stop] for stop in one.stops if stop in answers)
        told = Service(row, service(row), risk, one, decided if len(decided) == len(one.stops) else ())
        services.setdefault((row.source, row.destination), []).append(told)
    return [Cell(*ends, tuple(each)) for ends, each in sorted(services.items())]


def as_values(found: Iterable[Cell]) -> list[dict[str, Any]]:
    """The matrix as JSON tells it."""
    return [
        {
            "source": cell.source,
            "destination": cell.destination,
            "risk": cell.risk.level,
            "score": cell.risk.score,
            "services": [_service(one) for one in cell.services],
        }
        for cell in found
    ]


def _service(one: Service) -> dict[str, Any]:
    return {
        "text": one.text,
        "protocol": one.row.protocol,
        "first": one.row.first,
        "last": one.row.last,
        "statements": list(one.row.statements),
        "risk": one.risk.level,
        "reasons": one.risk.reasons,
        "witness": _witness(one),
    }


def _witness(one: Service) -> dict[str, Any] | None:
    """What the rules decided; null where they were not asked."""
    if not one.answers:
        return None
    at = next((answer for answer in one.answers if not answer.passes), one.answers[0])
    return {
        "packet": describe(one.asked.stops[0].packet),
        "sender": one.asked.sender or None,
        "receiver": one.asked.receiver or None,
        "node": one.asked.stops[one.answers.index(at)].node,
        "class": at.digest,
        "chain": at.chain,
        "rule": at.rule or None,
        "line": at.line,
        "passes": one.passes,
        "places": len(one.answers),
    }
