"""Removes flows that change nothing: allows that a deny swallows, flows that a wider one of the same effect covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from netpolicy.flow.holders import Holders
from netpolicy.flow.model import Effect, Flow

MOST_STATEMENTS = 10
"""Statements that one flow may carry: their ids must fit the comment of a rule."""

FEW_PORTS = 64
"""Ports up to which a flow takes the statements of a narrower one only when no flow of more ports takes them."""


def minimise(flows: Iterable[Flow], *, idle_denies: bool = True) -> tuple[Flow, ...]:
    """The flows that remain, widest sources first, the same for any order of the input.

    A flow that another covers gives its statements to it, up to `MOST_STATEMENTS`; a flow that logs stays. A deny that
    meets no allow refuses what would be refused anyway; it only counts, and `idle_denies` says whether that is wanted.
    """
    ordered = sorted(flows, key=_rank)
    denied = _Kept(one for one in ordered if one.effect is Effect.DENY)
    allowed = _Kept(one for one in ordered if one.effect is Effect.ALLOW and not denied.covering(one))
    if idle_denies:
        return (*denied.flows, *allowed.flows)
    # An allow that another covers meets no deny that the other does not meet.
    met = [deny for deny in denied.flows if deny.log or any(_meet(deny, allow) for allow in allowed.flows)]
    return (*met, *allowed.flows)


def _meet(one: Flow, other: Flow) -> bool:
    return (
        one.ports.overlaps(other.ports)
        and one.destinations.overlaps(other.destinations)
        and one.sources.overlaps(other.sources)
    )


def _rank(flow: Flow) -> tuple[object, ...]:
    """Flows that log first, or a wide flow would hide them; then wide ones: often met, and they cover the narrow."""
    sizes = (-flow.sources.size(), -flow.destinations.size(), -flow.ports.size())
    return (not flow.log, *sizes, flow.statements, flow.head, flow.tail)


class _Kept:
    """Flows of one effect that remain, in the order in which they come."""

    def __init__(self, flows: Iterable[Flow]) -> None:
        self.flows: list[Flow] = []
        self._holders = Holders()
        for flow in flows:
            self._take(flow)

    def covering(self, flow: Flow) -> list[int]:
        """Places of the flows that cover a flow."""
        return [at for at in self._holders.of(flow) if self.flows[at].covers(flow)]

    def _take(self, flow: Flow) -> None:
        """Gives the statements of the flow to one that covers it, of many ports before of few; else keeps it."""
        for at in sorted(self.covering(flow), key=self._of_few_ports) if not flow.log else ():
            joined = tuple(sorted({*self.flows[at].statements, *flow.statements}))
            if len(joined) <= MOST_STATEMENTS:
                self.flows[at] = replace(self.flows[at], statements=joined)
                return
        self._holders.add(flow, len(self.flows))
        self.flows.append(flow)

    def _of_few_ports(self, at: int) -> bool:
        return self.flows[at].ports.size() <= FEW_PORTS
