"""What changes between two clusters, for people who review it and for programs."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from netpolicy import __version__
from netpolicy.packet.addresses import FAMILIES, network_text, networks
from netpolicy.packet.packets import describe
from netpolicy.packet.portwords import service_text
from netpolicy.policy.identity import Identity
from netpolicy.report.services import of_keys
from netpolicy.verify.diff.blame import Cause
from netpolicy.verify.diff.compare import Difference
from netpolicy.verify.diff.cover import End
from netpolicy.verify.diff.crossing import Share
from netpolicy.verify.diff.gates import Way
from netpolicy.verify.diff.kinds import NEW, OLD
from netpolicy.verify.diff.naming import Change

FORMAT_VERSION = 1
NOTHING = "no flow is opened or closed"
_MOST = 8
_FLOWS = 40
_SIDES = {OLD: "old", NEW: "new"}
_SHARES = {Share.KEPT: "kept", Share.CAME: "new nodes", Share.WENT: "gone nodes"}


@dataclass(frozen=True, slots=True)
class Input:
    """A file that was read, for the side that read it."""

    side: str
    path: str
    digest: str


def as_text(found: Difference) -> str:
    """A line a flow, then the nodes, then all in one line."""
    lines: list[str] = []
    kept = [_line(word, one, found) for word, one in _shown(found, Share.KEPT)]
    lines += _aligned(kept)
    for share, nodes in ((Share.CAME, found.came), (Share.WENT, found.went)):
        if nodes:
            lines.append(f"{_SHARES[share]}: {_nodes_text(nodes)}")
            flows = [_line(word, one, found) for word, one in _shown(found, share)]
            lines += [f"  {line}" for line in _aligned(flows[:_FLOWS])]
            lines += [f"  and {len(flows) - _FLOWS} more flows"] if len(flows) > _FLOWS else []
    if found.touched:
        lines.append(f"nodes touched: {_touched_text(found)}")
    return "\n".join([*lines, summary(found)]) + "\n"


def as_markdown(found: Difference) -> str:
    """What is opened first, then what is closed; the rest is folded."""
    lines = [f"**{summary(found)}**", ""]
    for opened, title in ((True, "opened"), (False, "closed")):
        rows = [one for _, one in _shown(found, Share.KEPT) if one.opened is opened]
        lines += _table(title, rows, found)
    folded: list[str] = []
    for share, nodes in ((Share.CAME, found.came), (Share.WENT, found.went)):
        if nodes:
            folded += [f"{_SHARES[share]}: {_escaped(_nodes_text(nodes))}", ""]
            folded += _table("flow", [one for _, one in _shown(found, share)][:_FLOWS], found)
    if found.touched:
        folded += [f"nodes touched: {_escaped(_touched_text(found))}", ""]
    if folded:
        lines += [f"<details><summary>{_nodes_summary(found)}</summary>", "", *folded, "</details>", ""]
    return "\n".join(lines).rstrip("\n") + "\n"


def as_json(found: Difference, inputs: Sequence[Input]) -> str:
    """Everything, for programs; the same for the same input, byte for byte."""
    document = {
        "format_version": FORMAT_VERSION,
        "tool": {"name": "netpolicy", "version": __version__},
        "inputs": [
            {"side": one.side, "path": one.path, "sha256": one.digest}
            for one in sorted(inputs, key=lambda one: (one.side != "old", one.path, one.digest))
        ],
    }
    return json.dumps(document | as_value(found), indent=1, sort_keys=True) + "\n"


def as_value(found: Difference) -> dict[str, Any]:
    """What changes, as JSON tells it."""
    return {
        "summary": summary(found),
        "opened": [_entry(one) for one in found.changes if one.opened],
        "closed": [_entry(one) for one in found.changes if not one.opened],
        "nodes": {
            "new": [_node(one) for one in found.came],
            "gone": [_node(one) for one in found.went],
            "touched": [{"name": one.name, "rules": one.rules, "addresses": one.addresses} for one in found.touched],
        },
    }


def summary(found: Difference) -> str:
    """All in one line."""
    counts = [sum(one.opened is opened for _, one in _shown(found, Share.KEPT)) for opened in (True, False)]
    flows = f"{_many(counts[0], 'flow')} opened, {counts[1]:,} closed" if any(counts) else NOTHING
    return f"{flows}; {_nodes_summary(found)}"


def _nodes_summary(found: Difference) -> str:
    counted = [(len(found.came), "new"), (len(found.went), "gone"), (len(found.touched), "touched")]
    told = [f"{count:,} {word}" for count, word in counted if count]
    if not told:
        return "no node is touched"
    first = next(count for count, _ in counted if count)
    return f"{'node' if len(told) == 1 and first == 1 else 'nodes'}: {', '.join(told)}"


def _shown(found: Difference, share: Share) -> Iterator[tuple[str, Change]]:
    """The changes of a share in order; what is published as well as received is told once."""
    of_share = [one for one in found.changes if one.share is share]
    received = {(one.opened, one.source, one.destination): one.ports for one in of_share if one.way is Way.RECEIVED}
    for one in of_share:
        also = received.get((one.opened, one.source, one.destination))
        if one.way is not Way.PUBLISHED or also is None or not also.covers(one.ports):
            yield "opened" if one.opened else "closed", one


def _line(word: str, one: Change, found: Difference) -> tuple[str, str, str]:
    flow = f"{word}  {one.source.name} -> {one.destination.name} : {_service(one, found)}"
    return flow, f"{_count(one.source)} -> {_count(one.destination)}", _because(one)


def _service(one: Change, found: Difference) -> str:
    # The family is left out where nobody needs it.
    families = FAMILIES if any(each.ports.v6 for each in found.changes) else one.ports.families()
    way = {Way.RECEIVED: "", Way.PUBLISHED: " (published by DNAT)", Way.SENT: " (going out)"}[one.way]
    return service_text(one.ports, families) + way


def _count(end: End) -> str:
    if not end.nodes:
        return "addresses" if end.addresses else "nobody"
    if not end.partial:
        return _many(len(end.nodes), "node")
    return f"{len(end.nodes):,} of {end.whole:,} nodes ({_names(end.nodes)})"


def _because(one: Change) -> str:
    """The statements to thank or to blame."""
    new, old = ([cause for cause in one.causes if cause.side == side] for side in (NEW, OLD))
    if one.opened:
        told = [f"by {_places(new)}"] if new else []
        return "; ".join([*told, f"no longer denied by {_places(old)}"] if old else told)
    if new:
        return f"denied by {_places(new)}"
    return f"was allowed by {_places(old)}" if old else ""


def _places(causes: Sequence[Cause]) -> str:
    shown = [f"{one.id} {_place(one.place)}".strip() for one in causes[:3]]
    return ", ".join(shown) + (f" and {len(causes) - 3} more" if len(causes) > 3 else "")


def _place(text: str) -> str:
    """`file:line` of `file:line:column`."""
    return re.sub(r"(:\d+):\d+$", r"\1", text)


def _aligned(rows: Sequence[tuple[str, ...]]) -> list[str]:
    if not rows:
        return []
    # A very long flow may stand out to the right; the others keep together.
    widths = [min(max(len(row[at]) for row in rows), 60) for at in range(len(rows[0]))]
    return ["   ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]


def _table(title: str, rows: Sequence[Change], found: Difference) -> list[str]:
    if not rows:
        return []
    lines = [f"| {title} | service | nodes | statements |", "|---|---|---|---|"]
    for one in rows:
        ends = f"{one.source.name} → {one.destination.name}"
        count = f"{_count(one.source)} → {_count(one.destination)}"
        cells = (ends, _service(one, found), count, _because(one))
        lines.append(f"| {' | '.join(_escaped(cell) for cell in cells)} |")
    return [*lines, ""]


def _escaped(text: str) -> str:
    return re.sub(r"([\\|<>*_`\[\]])", r"\\\1", text)


def _nodes_text(nodes: Sequence[Identity]) -> str:
    return _names([f"{one.node} ({', '.join(one.roles) or 'no role'})" for one in nodes])


def _touched_text(found: Difference) -> str:
    moved = [one.name for one in found.touched if one.addresses]
    told = _names([one.name for one in found.touched])
    return told + (f"; other addresses: {_names(moved)}" if moved else "")


def _names(names: Sequence[str]) -> str:
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more:,} more" if more > 0 else "")


def _many(count: int, word: str) -> str:
    return f"{count:,} {word}{'s' * (count != 1)}"


def _entry(one: Change) -> dict[str, Any]:
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
            {"side": _SIDES[each.side], "id": each.id, "text": each.text, "place": each.place} for each in one.causes
        ],
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
