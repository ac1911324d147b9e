"""Who takes part in a rehearsal: every node, every named network and the outside, with the addresses they send from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address

from netpolicy.dsl.syntax import Verb
from netpolicy.packet.addresses import address_text
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.packet.grid import Atoms
from netpolicy.packet.intervals import contains, size
from netpolicy.policy.cluster import Address, Interface, Node
from netpolicy.policy.model import Policy

OUTSIDE = "outside"
CARD = "eth0"
BRIDGE = "np-docker0"
"""The interface of a node behind which its container is; no cluster declares it."""


class Kind(Enum):
    """What a party is."""

    NODE = "node"
    NETWORK = "network"
    OUTSIDE = "outside"
    CONTAINER = "container"


@dataclass(frozen=True, slots=True)
class Party:
    """A host of the rehearsal. `host` is the node of a container, empty for others."""

    name: str
    kind: Kind
    cards: tuple[Interface, ...]
    host: str = ""

    @property
    def addresses(self) -> Iterator[tuple[str, Address]]:
        """Each address with the interface that holds it."""
        return ((card.name, address) for card in self.cards for address in card.addresses)

    @property
    def judges(self) -> bool:
        """True for a node, which has rules."""
        return self.kind is Kind.NODE

    def __str__(self) -> str:
        return f"a container of {self.host}" if self.host else self.name


def node_party(node: Node) -> Party:
    """The node as a party."""
    return Party(node.name, Kind.NODE, node.interfaces)


def is_local(address: Address) -> bool:
    """True for an address of the link alone, for which no router forwards."""
    family, number = address
    return family is Family.V6 and number >> 118 == 0xFE80 >> 6


def masks(node: Party) -> dict[Family, int]:
    """The address of each family with which a node sends what its container sends: the first that others may answer.

    It is stated, since kernels choose one by the destination where an interface has several (RFC 6724).
    """
    return {family: number for family, number in reversed(node.cards[0].addresses) if not is_local((family, number))}


def strangers(policy: Policy, known: dict[Family, Atoms]) -> tuple[Party, ...]:
    """The named networks and the outside. An address belongs to the smallest network that holds it.

    There is one address for each set of addresses that the policy tells apart, and both sides of each edge of such a
    set, as far as hosts can have them.
    """
    found: dict[str, list[Address]] = {}
    for family in FAMILIES:
        for address in _told_apart(policy, family, known[family]):
            found.setdefault(_home(policy, family, address), []).append((family, address))
    names = [one.name for one in policy.networks if one.name in found]
    parties = [Party(name, Kind.NETWORK, (Interface(CARD, tuple(found[name])),)) for name in names]
    return (*parties, Party(OUTSIDE, Kind.OUTSIDE, (Interface(CARD, tuple(found.get("", ()))),)))


def virtual(policy: Policy) -> tuple[Address, ...]:
    """The addresses that nodes receive for and no node declares."""
    named = (one for each in policy.of(Verb.ALLOW, Verb.DENY) for one in each.whom.virtual)
    return tuple(sorted({(one.family, one.address) for one in named}))


def silent(policy: Policy, known: dict[Family, Atoms], parties: Collection[Party]) -> tuple[str, ...]:
    """Addresses that the policy tells apart and that no host can have: the first of each such set."""
    found = []
    for family in FAMILIES:
        atoms = known[family]
        heard = {atoms.number(number) for party in parties for _, (of, number) in party.addresses if of is family}
        heard |= {atoms.number(number) for of, number in virtual(policy) if of is family}
        firsts = {number: first for first, number in reversed(list(zip(atoms.firsts, atoms.numbers, strict=True)))}
        found += [address_text(family, first) for number, first in sorted(firsts.items()) if number not in heard]
    return tuple(found)


def is_group(address: Address) -> bool:
    """True for an address that no single host has: of a multicast group, or broadcast."""
    return is_multicast(address) or address == (Family.V4, Family.V4.last)


def is_multicast(address: Address) -> bool:
    """True for the address of a multicast group."""
    family, number = address
    return number >> 28 == 0xE if family is Family.V4 else number >> 120 == 0xFF


def containers(nodes: Sequence[Party], taken: Collection[Address]) -> list[Party]:
    """A container of each node, behind it in a network of their own that holds no address which is taken."""
    blocks = {}
    for family, firsts in _BLOCKS.items():
        held = [number for of, number in taken if of is family]
        end = len(nodes) * _APART[family]
        blocks[family] = next(
            (first for first in firsts if not any(first <= one < first + end for one in held)), firsts[0]
        )
    return [
        Party(
            f"container@{node.name}",
            Kind.CONTAINER,
            (Interface(CARD, tuple((family, first + place * _APART[family] + 2) for family, first in blocks.items())),),
            node.name,
        )
        for place, node in enumerate(nodes)
    ]


# For measurements (RFC 2544), shared by carriers (RFC 6598), private (RFC 1918); unique to a site (RFC 4193).
_BLOCKS = {
    Family.V4: (0xC6120000, 0x64400000, 0xAC100000, 0x0A000000),
    Family.V6: (0xFDC6_1200 << 96, 0xFDC6_1201 << 96),
}
_APART = {Family.V4: 4, Family.V6: 1 << 16}


def _told_apart(policy: Policy, family: Family, atoms: Atoms) -> Iterator[int]:
    taken = {address for node in policy.cluster.nodes for of, address in node.addresses if of is family}
    taken |= {number for of, number in virtual(policy) if of is family}
    seen: set[int] = set()
    met: set[int] = set()
    for first in atoms.firsts[1:]:
        # Where a node is the edge, both sides are what lies around it.
        if not taken & {first - 1, first}:
            seen |= {one for one in (first - 1, first) if _usable(family, one)}
    met |= {atoms.number(one) for one in seen}
    for first, number in zip(atoms.firsts, atoms.numbers, strict=True):
        if number not in met:
            usual = (*_USUAL[family], *range(first, first + _TRIED))
            fit = (one for one in usual if atoms.number(one) == number and _fits(family, one, taken))
            one = next(fit, None)
            if one is not None:
                met.add(number)
                seen.add(one)
    yield from sorted(seen)


_USUAL = {Family.V4: (0xC00002FA,), Family.V6: ((0x20010DB8FFFF << 80) + 0xFA, (0xFE80 << 112) + 0xFA)}
"""Addresses for documentation (RFC 5737 and 3849), and one of the link."""
_TRIED = 600


def _fits(family: Family, address: int, taken: Collection[int]) -> bool:
    return address <= family.last and address not in taken and _usable(family, address)


def _usable(family: Family, address: int) -> bool:
    """True for an address that a host can send from through a network."""
    one = IPv4Address(address) if family is Family.V4 else IPv6Address(address)
    if one.is_multicast or one.is_loopback or one.is_unspecified:
        return False
    if family is Family.V4:
        return address >> 24 not in (0, 127) and address >> 28 != 0xF
    # Neither compatible with IPv4 nor mapped from it, and not the anycast address of the routers of a link.
    return address >> 32 not in (0, 0xFFFF) and address != 0xFE80 << 112


def _home(policy: Policy, family: Family, address: int) -> str:
    holding = [
        (size(one.addresses.of(family)), one.name)
        for one in policy.networks
        if contains(one.addresses.of(family), address)
    ]
    return min(holding)[1] if holding else ""
