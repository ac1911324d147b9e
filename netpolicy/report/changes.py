"""The words for a flow that is opened or closed, and for who takes part in it.

`write` makes input harmless in the form of the report: names, ids and places go through it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.portwords import service_text
from netpolicy.report.counts import many
from netpolicy.verify.diff.blame import Cause
from netpolicy.verify.diff.compare import Difference
from netpolicy.verify.diff.cover import End
from netpolicy.verify.diff.crossing import Share
from netpolicy.verify.diff.gates import Way
from netpolicy.verify.diff.kinds import NEW, OLD
from netpolicy.verify.diff.naming import Change

Write = Callable[[str], str]
MOST = 8
_CITED = 3


def shown(found: Difference, share: Share) -> list[Change]:
    """The changes of a share in order; what is published as well as received is told once."""
    of_share = [one for one in found.changes if one.share is share]
    received = {(one.opened, one.source, one.destination): one.ports for one in of_share if one.way is Way.RECEIVED}
    listed = []
    for one in of_share:
        also = received.get((one.opened, one.source, one.destination))
        if one.way is not Way.PUBLISHED or also is None or not also.covers(one.ports):
            listed.append(one)
    return listed


def families_of(found: Difference) -> tuple[Family, ...]:
    """The families to tell apart: where nothing is of IPv6, nobody needs to hear of IPv4."""
    return FAMILIES if any(one.ports.v6 for one in found.changes) else (Family.V4,)


def service(one: Change, families: tuple[Family, ...]) -> str:
    """Protocols and ports, and how they are reached where it is not as usual."""
    way = {Way.RECEIVED: "", Way.PUBLISHED: " (published by DNAT)", Way.SENT: " (going out)"}[one.way]
    return service_text(one.ports, families) + way


def count(end: End, write: Write = str) -> str:
    """How many nodes an end is; some of many are named."""
    if not end.nodes:
        return "addresses" if end.addresses else "nobody"
    if not end.partial:
        return many(len(end.nodes), "node")
    return f"{len(end.nodes):,} of {end.whole:,} nodes ({names(end.nodes, write)})"


def because(one: Change, write: Write = str) -> str:
    """The statements to thank or to blame."""
    new, old = ([cause for cause in one.causes if cause.side == side] for side in (NEW, OLD))
    if one.opened:
        told = [f"by {_places(new, write)}"] if new else []
        return "; ".join([*told, f"no longer denied by {_places(old, write)}"] if old else told)
    if new:
        return f"denied by {_places(new, write)}"
    return f"was allowed by {_places(old, write)}" if old else ""


def _places(causes: Sequence[Cause], write: Write) -> str:
    cited = [f"{write(one.id)} {write(line_of(one.place))}".strip() for one in causes[:_CITED]]
    return ", ".join(cited) + (f" and {len(causes) - _CITED} more" if len(causes) > _CITED else "")


def line_of(place: str) -> str:
    """`file:line` of `file:line:column`."""
    return re.sub(r"(:\d+):\d+$", r"\1", place)


def names(listed: Sequence[str], write: Write = str, most: int = MOST) -> str:
    """The first of the names, and how many more there are."""
    more = len(listed) - most
    return ", ".join(map(write, listed[:most])) + (f" and {more:,} more" if more > 0 else "")
