"""Removes flows that change nothing: allows that a deny swallows, flows that a wider one of the same effect covers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from netpolicy.flow.model import Effect, Flow

MOST_STATEMENTS = 10
"""Statements that one flow may carry: their ids must fit the comment of a rule."""

FEW_PORTS = 64
"""Ports up to which a flow is found by port when a narrower one looks for it."""


def minimise(flows: Iterable[Flow], *, idle_denies: bool = True) -> tuple[Flow, ...]:
    """The flows that remain, widest sources first, the same for any order of the input.

    A flow that another covers gives its statements to it, up to `MOST_STATEMENTS`; a flow that logs stays. A deny that
    meets no allow refuses what would be refused anyway; it only counts, and `idle_denies` says whether that is wanted.
    """
    ordered = sorted(flows, key=_rank)
    denied = _absorb([one for one in ordered if one.effect is Effect.DENY])
    allowed = [one for one in ordered if one.effect is Effect.ALLOW and not any(deny.covers(one) for deny in denied)]
    if not idle_denies:
        denied = [deny for deny in denied if deny.log or any(_meet(deny, allow) for allow in allowed)]
    return (*denied, *_absorb(allowed))


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


def _absorb(flows: list[Flow]) -> list[Flow]:
    kept: list[Flow] = []
    wide: list[int] = []  # places in `kept` of flows with many ports
    narrow: dict[tuple[int, int], list[int]] = {}  # and of the others, by family and port
    for flow in flows:
        first = flow.ports.witness()
        for at in (*wide, *narrow.get(first, ())) if first is not None and not flow.log else ():
            joined = tuple(sorted({*kept[at].statements, *flow.statements}))
            if len(joined) <= MOST_STATEMENTS and kept[at].covers(flow):
                kept[at] = replace(kept[at], statements=joined)
                break
        else:
            _note(flow, len(kept), wide, narrow)
            kept.append(flow)
    return kept


def _note(flow: Flow, at: int, wide: list[int], narrow: dict[tuple[int, int], list[int]]) -> None:
    """Notes where a flow is looked for: by its ports if they are few, else always."""
    if flow.ports.size() > FEW_PORTS:
        wide.append(at)
        return
    for family in flow.ports.families():
        for first, last in flow.ports.of(family):
            for key in range(first, last + 1):
                narrow.setdefault((family, key), []).append(at)
