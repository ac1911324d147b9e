"""What changes between two clusters, for people who review it and for programs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netpolicy import __version__
from netpolicy.packet.addresses import network_text, networks
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.packets import describe
from netpolicy.packet.portwords import service_text
from netpolicy.policy.contents import Entry
from netpolicy.policy.identity import Identity
from netpolicy.report.changes import because, count, families_of, line_of, names, service, shown
from netpolicy.report.counts import many
from netpolicy.report.services import of_keys
from netpolicy.verify.diff.compare import Difference
from netpolicy.verify.diff.cover import End
from netpolicy.verify.diff.crossing import Share
from netpolicy.verify.diff.kinds import NEW, OLD
from netpolicy.verify.diff.naming import Change
from netpolicy.verify.diff.restated import Broken, Moves, Restated
from netpolicy.verify.diff.risk import risk_of

FORMAT_VERSION = 1
NOTHING = "no flow is opened or closed"
_FLOWS = 40
_SIDES = {OLD: "old", NEW: "new"}
_SHARES = {Share.KEPT: "kept", Share.CAME: "new nodes", Share.WENT: "gone nodes"}


@dataclass(frozen=True, slots=True)
class Input:
    """A file that was read, for the side that read it."""

    side: str
    path: str
    digest: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two sides by the names that a person gave them, and all that changes from the old to the new.

    `restated` is what the policies say otherwise, None where one of the sides does not tell. `command` shows all of it.
    `absent` tells that the old side was not there yet.
    """

    old: str
    new: str
    found: Difference
    restated: Restated | None
    inputs: tuple[Input, ...]
    command: str
    absent: bool = False

    def __bool__(self) -> bool:
        return bool(self.found) or (self.restated is not None and self.restated.matters)


def as_text(every: Sequence[Comparison]) -> str:
    """A section for each comparison, below its name where they are several."""
    if len(every) == 1:
        return _text(every[0])
    return "\n".join(f"{one.new} against {one.old}:\n{_text(one)}" for one in every)


def _text(one: Comparison) -> str:
    """Promises that are broken or gone, a line a flow, then the nodes, then all in one line."""
    found = one.found
    lines = [f"{one.new} is not in {one.old}: all of it is new"] if one.absent else []
    lines += _promise_lines(one.restated)
    families = families_of(found)
    lines += _aligned([_line(each, families) for each in shown(found, Share.KEPT)])
    for share, nodes in ((Share.CAME, found.came), (Share.WENT, found.went)):
        if nodes:
            lines.append(f"{_SHARES[share]}: {_nodes_text(nodes)}")
            flows = [_line(each, families) for each in shown(found, share)]
            lines += [f"  {line}" for line in _aligned(flows[:_FLOWS])]
            lines += [f"  and {len(flows) - _FLOWS} more flows"] if len(flows) > _FLOWS else []
    if found.touched:
        lines.append(f"nodes touched: {_touched_text(found)}")
    return "\n".join([*lines, summary(one)]) + "\n"


def as_json(every: Sequence[Comparison]) -> str:
    """Everything, for programs; the same for the same input, byte for byte. Of several comparisons it is a list."""
    documents = [as_document(one) for one in every]
    return json.dumps(documents[0] if len(documents) == 1 else documents, indent=1, sort_keys=True) + "\n"


def as_document(one: Comparison) -> dict[str, Any]:
    """One comparison as values; `promises` and `statements` are null where a side does not say what its policy is."""
    return {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "old": one.old,
        "new": one.new,
        "absent": one.absent,
        "inputs": [
            {"side": each.side, "path": each.path, "sha256": each.digest}
            for each in sorted(one.inputs, key=lambda each: (each.side != "old", each.path, each.digest))
        ],
        "summary": summary(one),
        "promises": _promises(one.restated) if one.restated is not None else None,
        "statements": _statements(one.restated) if one.restated is not None else None,
    } | _changes(one.found)


def as_value(found: Difference) -> dict[str, Any]:
    """What changes in the rules alone, as JSON tells it."""
    return {"summary": f"{_flows_summary(found)}; {_nodes_summary(found)}"} | _changes(found)


def _changes(found: Difference) -> dict[str, Any]:
    return {
        "opened": [_entry(each) for each in found.changes if each.opened],
        "closed": [_entry(each) for each in found.changes if not each.opened],
        "nodes": {
            "new": [_node(each) for each in found.came],
            "gone": [_node(each) for each in found.went],
            "touched": [
                {"name": each.name, "rules": each.rules, "addresses": each.addresses} for each in found.touched
            ],
            "touched_by_role": [
                {"role": each.role, "touched": each.touched, "of": each.whole} for each in found.tallies
            ],
        },
    }


def summary(one: Comparison) -> str:
    """All in one line."""
    told = [_flows_summary(one.found), _nodes_summary(one.found)]
    if one.restated is not None:
        promised = [(len(one.restated.broken), "broken"), (len(one.restated.promises.removed), "removed")]
        listed = ", ".join(f"{number:,} {word}" for number, word in promised if number)
        told += [f"promises: {listed}"] if listed else []
    return "; ".join(told)


def _flows_summary(found: Difference) -> str:
    counts = [sum(each.opened is opened for each in shown(found, Share.KEPT)) for opened in (True, False)]
    return f"{many(counts[0], 'flow')} opened, {counts[1]:,} closed" if any(counts) else NOTHING


def _nodes_summary(found: Difference) -> str:
    counted = [(len(found.came), "new"), (len(found.went), "gone"), (len(found.touched), "touched")]
    told = [f"{number:,} {word}" for number, word in counted if number]
    if not told:
        return "no node is touched"
    first = next(number for number, _ in counted if number)
    return f"{'node' if len(told) == 1 and first == 1 else 'nodes'}: {', '.join(told)}"


def _promise_lines(restated: Restated | None) -> list[str]:
    if restated is None:
        return []
    broken = [(f"broken  {one.code} {one.promise.line}", _place(one.promise), how(one)) for one in restated.broken]
    removed = [(f"removed  {one.line}", _place(one), _lost(one, restated)) for one in restated.promises.removed]
    return _aligned([*broken, *removed])


def _lost(one: Entry, restated: Restated) -> str:
    told = restated.lost_by(one)
    return f"it would be broken now: {told}" if told else ""


def how(one: Broken) -> str:
    """What breaks a promise, and whether the old side broke it too."""
    return f"{one.shown} (as before)" if one.before else one.shown


def _place(one: Entry) -> str:
    return line_of(one.place)


def _line(one: Change, families: tuple[Family, ...]) -> tuple[str, str, str]:
    word = "opened" if one.opened else "closed"
    flow = f"{word}  {one.source.name} -> {one.destination.name} : {service(one, families)}"
    return flow, f"{count(one.source)} -> {count(one.destination)}", because(one)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    # A very long flow may stand out to the right; the others keep together.
    widths = [min(max(len(row[at]) for row in rows), 60) for at in range(len(rows[0]))]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _nodes_text(nodes: Sequence[Identity]) -> str:
    return names([f"{one.node} ({', '.join(one.roles) or 'no role'})" for one in nodes])


def _touched_text(found: Difference) -> str:
    moved = [one.name for one in found.touched if one.addresses]
    told = names([one.name for one in found.touched])
    return told + (f"; other addresses: {names(moved)}" if moved else "")


def _promises(restated: Restated) -> dict[str, Any]:
    """`lost` says of each removed promise what would break it now: nothing, or null where that is not known."""
    broken = [
        {
            **_said(one.promise),
            "code": one.code,
            "message": one.message,
            "witness": one.witness or None,
            "blamed": [line_of(place) for place in one.blamed],
            "before": one.before,
        }
        for one in restated.broken
    ]
    removed = [{**_said(one), "lost": restated.lost_by(one)} for one in restated.promises.removed]
    return {
        "broken": broken,
        "mended": [_said(one) for one in restated.mended],
        "removed": removed,
        "added": [_said(one) for one in restated.promises.added],
        "changed": [{"old": _said(old), "new": _said(new)} for old, new in restated.promises.changed],
    }


def _statements(restated: Restated) -> dict[str, Any]:
    return {
        **_moves(restated.rules),
        "settings": [{"name": name, "old": old, "new": new} for name, old, new in restated.settings],
    }


def _moves(moves: Moves) -> dict[str, Any]:
    return {
        "added": [_said(one) for one in moves.added],
        "removed": [_said(one) for one in moves.removed],
        "changed": [{"old": _said(old), "new": _said(new)} for old, new in moves.changed],
    }


def _said(one: Entry) -> dict[str, Any]:
    told = {"owner": one.owner, "because": one.because, "expires": one.until}
    known = {key: value for key, value in told.items() if value}
    return {"verb": one.verb, "id": one.id or None, "text": one.text, "place": one.place} | known


def _entry(one: Change) -> dict[str, Any]:
    risk = risk_of(one)
    return {
        "share": one.share.value,
        "way": one.way.value,
        "source": _end(one.source),
        "destination": _end(one.destination),
        "services": [
            {"family": family.value, "protocol": each.protocol, "first": each.first, "last": each.last}
            for family in FAMILIES
            for each in of_keys(one.ports.of(family), family)
        ],
        "text": f"{one.source.name} -> {one.destination.name} : {service_text(one.ports)}",
        "witness": describe(one.witness),
        "statements": [
            {"side": _SIDES[each.side], "id": each.id, "text": each.text, "place": each.place}
            | {key: value for key, value in (("owner", each.owner), ("because", each.because)) if value}
            for each in one.causes
        ],
        "risk": {"level": risk.level.value, "reasons": list(risk.reasons)},
    }


def _end(end: End) -> Mapping[str, Any]:
    listed = [
        network_text(family, first, prefix)
        for family in FAMILIES
        for first, prefix in networks(family, end.addresses.of(family))[:_FLOWS]
    ]
    told: dict[str, Any] = {"name": end.name, "addresses": listed} if listed else {"name": end.name}
    return told | {"nodes": len(end.nodes), "of": end.whole, "names": list(end.nodes)} if end.nodes else told


def _node(one: Identity) -> dict[str, Any]:
    return {"name": one.node, "roles": list(one.roles), "labels": list(one.labels)}
