"""Address sets as ipsets, or as plain matches where there is no ipset."""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache

from netpolicy.netfilter import LONGEST_SET
from netpolicy.packet.addresses import AddressSet, Family, networks
from netpolicy.packet.intervals import Intervals, covers, difference
from netpolicy.targets.iptables.rules import AddressList, AddressRange, InSet, Match, Network, Side

_DIGITS = 8
_HEAD = LONGEST_SET - len("np4--") - _DIGITS
Alternatives = list[tuple[Match, ...]]
"""Ways to match: any of them is enough. One empty way matches every packet."""


class Sets:
    """The sets of one ruleset. A set's name holds the digest of its members, so its members never change."""

    def __init__(self, nodes: AddressSet, *, inline: bool) -> None:
        self.nodes = nodes
        self.inline = inline
        self.lists: dict[str, AddressList] = {}

    def match(self, side: Side, family: Family, addresses: Intervals, head: str) -> Alternatives:
        """Ways to match an address of these; none at all for no address (a rule that would match all is never made)."""
        if addresses == ((0, family.last),):
            return [()]
        if self.inline:
            return [(plain(side, family, first, last),) for first, last in addresses]
        if not addresses:
            return []
        cofinite = addresses[0][0] == 0 and addresses[-1][1] == family.last
        members = difference(((0, family.last),), addresses) if cofinite else addresses
        name = self.name(family, members, f"not_{head}" if cofinite else head)
        return [(InSet(side, name, negated=cofinite),)]

    def outside(self, side: Side, family: Family, addresses: Intervals, head: str) -> tuple[Match, ...]:
        """The match of every address but these."""
        return (InSet(side, self.name(family, addresses, head), negated=True),)

    def name(self, family: Family, members: Intervals, head: str) -> str:
        """The name of the set with these members, which joins the ruleset."""
        nodes = self.nodes.of(family)
        kind = _kind(nodes, members)
        head = "nodes" if members == nodes else head
        one = address_list(family, members, kind, head)
        self.lists[one.name] = one
        return one.name


@lru_cache(maxsize=4096)
def _kind(nodes: Intervals, members: Intervals) -> str:
    return "hash:ip" if covers(nodes, members) else "hash:net"


@lru_cache(maxsize=4096)
def address_list(family: Family, members: Intervals, kind: str, head: str) -> AddressList:
    """The set: `np4-dea-1a2b3c4d`."""
    listed = ",".join(f"{first:x}-{last:x}" for first, last in members)
    digest = hashlib.sha256(f"{family.value} {kind} {listed}".encode()).hexdigest()[:_DIGITS]
    readable = re.sub(r"[^a-z0-9]+", "_", head.lower()).strip("_")[:_HEAD].strip("_")
    return AddressList(f"np{family.value}-{readable}-{digest}", family, kind, members)


def plain(side: Side, family: Family, first: int, last: int) -> Match:
    """The match of a run of addresses without a set."""
    covering = networks(family, ((first, last),))
    if len(covering) == 1:
        return Network(side, *covering[0])
    return AddressRange(side, first, last)
