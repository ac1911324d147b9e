"""A drift as a value for JSON. It holds no clock; only counters change by themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from netpolicy import __version__
from netpolicy.node.bundle import StatementText
from netpolicy.node.drift import Drift
from netpolicy.node.findings import finding, statements, wanted_text
from netpolicy.report.findings import as_value
from netpolicy.targets.iptables.drift import Difference
from netpolicy.targets.iptables.hits import NOT_STATEMENTS, Hit, never

FORMAT_VERSION = 1
OF_NO_STATEMENT = {
    "baseline": "always open, and packets that connection tracking cannot place",
    "default": "refused: no statement admits it",
}


def document(one: Drift, *, with_hits: bool) -> dict[str, Any]:
    """All that `netpolicy drift` finds out; `hits` is null where nobody asked, or `no_hits` says why there are none."""
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
        "findings": [_difference(each, one.bundle.statements) for each in one.differences],
        "hits": _hits(one.hits, one.bundle.statements) if with_hits and one.hits is not None else None,
        "no_hits": one.no_hits or None if with_hits else None,
    }


def flow_of(ids: tuple[str, ...], texts: Mapping[str, StatementText], *, with_place: bool = False) -> str:
    """What the statements say; several of them by `or`, since one rule stands for all."""
    known = (texts[name].flow if name in texts else OF_NO_STATEMENT.get(name, "not of this policy") for name in ids)
    places = (f" ({place})" if with_place and place else "" for place in _places(ids, texts))
    return " or ".join(f"{flow}{place}" for flow, place in zip(known, places, strict=True))


def _places(ids: tuple[str, ...], texts: Mapping[str, StatementText]) -> list[str | None]:
    """File and line of each of the statements."""
    return [texts[name].place or None if name in texts else None for name in ids]


def _difference(one: Difference, texts: Mapping[str, StatementText]) -> dict[str, Any]:
    told = finding(one, texts)
    ids = [name for name in statements(one) if name not in NOT_STATEMENTS]
    return as_value(told) | {
        "kind": one.kind.value,
        "consequence": one.consequence.value,
        "family": one.family.value if one.family else None,
        "name": one.name,
        "wanted": {"number": one.wanted[0], "text": wanted_text(one)} if one.wanted else None,
        "live": {"number": one.live[0], "text": one.live[1].text} if one.live else None,
        "found": list(one.found),
        "lacking": list(one.lacking),
        "statements": [_statement(name, texts) for name in ids],
    }


def _statement(name: str, texts: Mapping[str, StatementText]) -> dict[str, str | None]:
    known = texts.get(name)
    return {"id": name, "flow": known.flow if known else None, "place": (known.place or None) if known else None}


def _hits(found: list[Hit], texts: Mapping[str, StatementText]) -> dict[str, Any]:
    lines = [
        {
            "statements": list(one.statements),
            "flow": flow_of(one.statements, texts),
            "places": _places(one.statements, texts),
            "packets": one.packets,
            "bytes": one.octets,
        }
        for one in found
    ]
    return {"lines": lines, "never": never(found)}
