"""The nodes that a machine nearly is, and what each of them lacks here."""

from __future__ import annotations

from collections.abc import Iterable

from netpolicy.packet.addresses import Family, address_text
from netpolicy.policy.cluster import Address
from netpolicy.policy.identity import Identity
from netpolicy.policy.nodestate import NodeState

_CLOSE = {Family.V4: 1 << 16, Family.V6: 1 << 80}
"""Addresses of one site are less than this apart."""
_MOST = 3


def nearest(nodes: Iterable[Identity], state: NodeState) -> list[str]:
    """A line for each of a few nodes: first those with an address here, then those with one close to it."""
    near = sorted((rank, one.node, _lacks(one, state)) for one in nodes if (rank := _rank(one, state)) is not None)
    return [f"{'here' if not apart else 'close by'}: `{name}` {lacks}" for (apart, _), name, lacks in near[:_MOST]]


def _rank(one: Identity, state: NodeState) -> tuple[int, int] | None:
    """How far away its closest address is, and how many are not in their places; None where all are far away."""
    apart = [
        abs(number - live.address[1])
        for family, number in one.addresses
        for _, live in state.addresses()
        if live.scope != "host" and live.address[0] is family and abs(number - live.address[1]) < _CLOSE[family]
    ]
    return (min(apart), len(_missing(one, state))) if apart else None


def _missing(one: Identity, state: NodeState) -> list[tuple[str, Address]]:
    """The declared addresses that their interfaces do not hold."""
    return [
        (card.name, address)
        for card in one.interfaces
        for address in card.addresses
        if card.name not in (link.name for link in state.holders(address))
    ]


def _lacks(one: Identity, state: NodeState) -> str:
    texts = []
    for name, address in _missing(one, state):
        holders = state.holders(address)
        texts.append(f"{address_text(*address)} on `{name}`{f' (`{holders[0].name}` holds it)' if holders else ''}")
    if not texts:
        return "lacks nothing"
    more = f" and {len(texts) - _MOST} more" if len(texts) > _MOST else ""
    return f"lacks {', '.join(texts[:_MOST])}{more}"
