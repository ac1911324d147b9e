"""The wires of a rehearsal: every party in a namespace, all on one switch, so that each reaches each without a router.

A few parties find each other by ARP and neighbour discovery, as on a wire. The table of neighbours holds about a
thousand for all namespaces of a machine together (`gc_thresh3`), and each of many parties has all others in it; so
among more parties each is told where the others are: what is permanent does not count there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cached_property
from types import TracebackType
from typing import Self

from netpolicy.lab.party import BRIDGE, CARD, Kind, Party
from netpolicy.lab.space import Space, SpaceError, make
from netpolicy.packet.addresses import address_text
from netpolicy.packet.family import FAMILIES, Family
from netpolicy.policy.cluster import Address

FINDING = 200
"""The most entries in the table of neighbours, of a family, with which parties find each other by themselves."""
_EVERYWHERE = {Family.V4: "0.0.0.0/0", Family.V6: "::/0"}
_WIRES = 1
_WORKERS = 4


class Fabric:
    """The namespaces of the parties; gone when the block ends, or this process does.

    `received` are addresses that no node declares, and that every node takes in; parties find each other
    by themselves while no more neighbours than `finding` are to be known.
    """

    def __init__(self, parties: Sequence[Party], received: Sequence[Address] = (), *, finding: int = FINDING) -> None:
        self.parties = tuple(parties)
        self.received = tuple(received)
        self.finding = finding
        self.spaces: dict[Party, Space] = {}
        self._switch: Space | None = None
        self._macs = {
            (party, card.name): f"02:00:00:{number >> 16:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
            for number, (party, card) in enumerate((party, card) for party in self._wired() for card in party.cards)
        }

    def __enter__(self) -> Self:
        try:
            self._make()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """No namespace of this fabric is left."""
        spaces = [*self.spaces.values(), *([self._switch] if self._switch else [])]
        if self._switch and not self._told:
            # Namespaces go later than they are closed, and the neighbours that were found there with them.
            with suppress(SpaceError):
                self._switch.ip(f"link del group {_WIRES}")
        self.spaces, self._switch = {}, None
        for space in spaces:
            space.close()

    @property
    def lost(self) -> int:
        """Packets that were lost so far between the parties."""
        return sum(space.lost for space in [*self.spaces.values(), *([self._switch] if self._switch else [])])

    def node(self, name: str) -> Party:
        """The node of that name."""
        return next(party for party in self.parties if party.kind is Kind.NODE and party.name == name)

    def container(self, node: Party) -> Party | None:
        """The container of the node, if it has one."""
        return next((one for one in self.parties if one.host == node.name), None)

    def _wired(self) -> Iterator[Party]:
        return (party for party in self.parties if party.kind is not Kind.CONTAINER)

    @cached_property
    def _told(self) -> bool:
        """True where everybody is told where everybody else is."""
        addresses = [family for party in self._wired() for _, (family, _) in party.addresses]
        return max(map(addresses.count, FAMILIES)) * len(self._macs) > self.finding

    def _make(self) -> None:
        switch = self._switch = make("switch")
        switch.set({"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1"})
        for party in self.parties:
            self.spaces[party] = make(str(party))
        switch.ip(*self._links())
        with ThreadPoolExecutor(_WORKERS) as pool:
            done = [pool.submit(self._furnish, party) for party in self._wired()]
            for one in done:
                one.result()
        for place, party in enumerate(self.parties):
            if party.kind is Kind.CONTAINER:
                self._contain(party, place)

    def _links(self) -> Iterable[str]:
        yield "link add br0 type bridge mcast_snooping 0 stp_state 0"
        yield "link set br0 up"
        taken = {"lo", *(BRIDGE for one in self.parties if one.kind is Kind.CONTAINER)}
        for number, ((party, card), mac) in enumerate(self._macs.items()):
            if card in taken:
                raise SpaceError(f"a rehearsal cannot wire an interface `{card}` of `{party}`: it needs one so named")
            wire = f"wire{number}"
            yield f"link add {card} address {mac} netns {self.spaces[party].path} type veth peer name {wire}"
            yield f"link set {wire} master br0 group {_WIRES} up"

    def _furnish(self, party: Party) -> None:
        self.spaces[party].ip(*self._lines(party))

    def _lines(self, party: Party) -> Iterator[str]:
        yield "link set lo up"
        for place, card in enumerate(party.cards):
            yield f"link set {card.name} up"
            yield from (f"address add {_host(address)} dev {card.name}" for address in card.addresses)
            yield from (f"route add {where} dev {card.name} metric {place + 1}" for where in _EVERYWHERE.values())
        if party.judges:
            yield from (f"route add local {_host(one)} dev lo table local" for one in self.received)
        if self._told:
            yield from self._neighbours(party)

    def _neighbours(self, party: Party) -> Iterator[str]:
        for other in self._wired():
            for name, address in other.addresses if other is not party else ():
                mac = self._macs[other, name]
                for card in party.cards:
                    yield f"neigh add {address_text(*address)} lladdr {mac} dev {card.name} nud permanent"

    def _contain(self, party: Party, place: int) -> None:
        """The container is behind its node, which is its router."""
        host, inner = self.spaces[self.node(party.host)], self.spaces[party]
        macs = [f"02:{side:02x}:00:{place >> 16:02x}:{place >> 8 & 255:02x}:{place & 255:02x}" for side in (1, 2)]
        near = f"link add {BRIDGE} address {macs[0]} type veth"
        lines = [f"{near} peer name {CARD} address {macs[1]} netns {inner.path}", f"link set {BRIDGE} up"]
        inside = ["link set lo up", f"link set {CARD} up"]
        for _, (family, number) in party.addresses:
            router, own = address_text(family, number - 1), address_text(family, number)
            length = family.bits - 2
            lines.append(f"address add {router}/{length} dev {BRIDGE}{_NODAD[family]}")
            lines.append(f"neigh add {own} lladdr {macs[1]} dev {BRIDGE} nud permanent")
            inside.append(f"address add {own}/{length} dev {CARD}{_NODAD[family]}")
            inside.append(f"neigh add {router} lladdr {macs[0]} dev {CARD} nud permanent")
            inside.append(f"route add {_EVERYWHERE[family]} via {router}")
        host.ip(*lines)
        inner.ip(*inside)
        host.set({"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1"})


_NODAD = {Family.V4: "", Family.V6: " nodad"}


def _host(address: Address) -> str:
    family, _ = address
    return f"{address_text(*address)}/{family.bits}"
