"""A drift as a value for JSON. It holds no clock and no path of this machine; only counters change by themselves."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from netpolicy import __version__
from netpolicy.diagnostic import Diagnostic
from netpolicy.node.bundle import StatementText
from netpolicy.node.drift import Drift
from netpolicy.node.findings import finding, severity, statements, wanted_text
from netpolicy.report.findings import as_list
from netpolicy.targets.iptables.drift import Difference
from netpolicy.targets.iptables.hits import NOT_STATEMENTS, Hit, never

FORMAT_VERSION = 1
OF_NO_STATEMENT = {
    "baseline": "always open, and packets that connection tracking cannot place",
    "default": "refused: no statement admits it",
}


def document(one: Drift, *, with_hits: bool) -> dict[str, Any]:
    """All that `netpolicy drift` finds out; `hits` is null where nobody asked, or nothing was counted."""
    identity = one.bundle.identity
    return {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "cluster": identity.cluster,
        "node": identity.node,
        "class": identity.digest,
        "serial": identity.serial,
        "backend": one.held.backend or None,
        "generation": {
            f"v{family.value}": {"wanted": wanted, "in_force": now or None}
            for family, (wanted, now) in one.generations.items()
        },
        "compared": one.compared,
        "in_force": one.in_force,
        "differences": [_difference(each, one.bundle.statements) for each in one.differences],
        "hits": _hits(one.hits, one.bundle.statements) if with_hits and one.hits is not None else None,
    }


def unread(found: Iterable[Diagnostic]) -> dict[str, Any]:
    """What is told where nothing could be compared: why, and that nobody knows."""
    return {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "in_force": None,
        "findings": as_list(found),
    }


def flow_of(ids: tuple[str, ...], texts: Mapping[str, StatementText]) -> str:
    """What the statements say; several of them by `or`, since one rule stands for all."""
    known = (texts[name].flow if name in texts else OF_NO_STATEMENT.get(name, "not of this policy") for name in ids)
    return " or ".join(known)


def _difference(one: Difference, texts: Mapping[str, StatementText]) -> dict[str, Any]:
    told = finding(one, texts)
    ids = [name for name in statements(one) if name not in NOT_STATEMENTS]
    entry: dict[str, Any] = {
        "code": told.code,
        "severity": severity(one).value,
        "kind": one.kind.value,
        "consequence": one.consequence.value,
        "family": one.family.value if one.family else None,
        "name": one.name,
        "message": told.message,
        "hint": told.hint,
        "wanted": {"number": one.wanted[0], "text": wanted_text(one)} if one.wanted else None,
        "live": {"number": one.live[0], "text": one.live[1].text} if one.live else None,
        "found": list(one.found),
        "lacking": list(one.lacking),
        "statements": [_statement(name, texts) for name in ids],
    }
    return entry


def _statement(name: str, texts: Mapping[str, StatementText]) -> dict[str, str | None]:
    known = texts.get(name)
    return {"id": name, "flow": known.flow if known else None, "place": (known.place or None) if known else None}


def _hits(found: list[Hit], texts: Mapping[str, StatementText]) -> dict[str, Any]:
    lines = [
        {
            "statements": list(one.statements),
            "flow": flow_of(one.statements, texts),
            "packets": one.packets,
            "bytes": one.octets,
        }
        for one in found
    ]
    return {"lines": lines, "never": never(found)}
