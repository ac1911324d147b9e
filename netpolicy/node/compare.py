"""The sockets of a node that listen, beside what its rules admit: what the findings of `listening` look at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from netpolicy.packet.addresses import FAMILIES, AddressSet, Family
from netpolicy.packet.intervals import Intervals, canonical, contains, difference, intersection, union_all
from netpolicy.policy.citation import Citation
from netpolicy.policy.identity import Identity
from netpolicy.policy.sockets import LOOPBACK, PROTOCOLS, ListeningSocket
from netpolicy.targets.iptables.admitted_ports import Admission, admitted_ports, declared, published_ports
from netpolicy.targets.iptables.rules import Ruleset

OUTGOING = (32768, 60999)
"""Ports that Linux gives to outgoing connections, unless told otherwise (`ip_local_port_range`)."""

DHCP_CLIENTS = frozenset({(17, 68), (17, 546)})
WIDE = 16
"""More ports than this in one range are for whoever comes: nobody expects all of them to be taken."""

Port = tuple[int, int]
"""Protocol and port."""


@dataclass(frozen=True, slots=True)
class Listening:
    """A node's sockets and what its rules admit at its own and at virtual addresses.

    `admitted` and `published` are of both families; `published` is what goes on to a container, where no socket of the
    node needs to listen. `outgoing` are the ports of outgoing connections.
    """

    ruleset: Ruleset
    citations: Mapping[str, Citation]
    sockets: tuple[ListeningSocket, ...]
    own: AddressSet
    admitted: tuple[Admission, ...]
    published: tuple[Admission, ...]
    outgoing: tuple[int, int] = OUTGOING

    def ports(self) -> dict[Port, list[ListeningSocket]]:
        """The sockets by protocol and port; clients of DHCP are left out."""
        found: dict[Port, list[ListeningSocket]] = {}
        for one in self.sockets:
            if (one.protocol, one.port) not in DHCP_CLIENTS:
                found.setdefault((one.protocol, one.port), []).append(one)
        return found

    def admitting(self, port: Port, family: Family, *, to_others: bool = False) -> list[Admission]:
        """What admits the port; with `to_others`, only what admits it to more than the node itself."""
        return [
            one
            for one in self.admitted
            if one.family is family
            and one.protocol == port[0]
            and contains(one.ports, port[1])
            and (not to_others or difference(one.sources, self.own.of(family)))
        ]

    def open_at(self, port: Port, family: Family, *, to_others: bool = False) -> Intervals:
        """The addresses at which some statement admits the port; `to_others` as in `admitting`."""
        return union_all(one.destinations for one in self.admitting(port, family, to_others=to_others))

    def goes_on(self, port: Port) -> bool:
        """True for a port that is sent on to a container."""
        return any(one.protocol == port[0] and contains(one.ports, port[1]) for one in self.published)


def compared(
    ruleset: Ruleset,
    statements: Mapping[str, Citation],
    sockets: Iterable[ListeningSocket],
    identity: Identity,
    outgoing: tuple[int, int] = OUTGOING,
) -> Listening:
    """The node's side and the rules' side, both as the findings need them."""
    own = AddressSet(*(canonical((at, at) for of, at in identity.addresses if of is family) for family in FAMILIES))
    found = [_here(one, ruleset, own) for family in FAMILIES for one in admitted_ports(ruleset, family)]
    sent_on = [_here(one, ruleset, own) for family in FAMILIES for one in published_ports(ruleset, family)]
    listed = tuple(sockets)
    return Listening(ruleset, statements, listed, own, _some(found), _some(sent_on), outgoing)


def _here(one: Admission, ruleset: Ruleset, own: AddressSet) -> Admission:
    """The admission without the addresses of other nodes: rules are the same for all nodes of a class."""
    others = difference(declared(ruleset, one.family), own.of(one.family))
    here = difference(one.destinations, others)
    return Admission(one.family, one.protocol, one.ports, here, one.sources, one.statements, one.is_baseline)


def _some(found: Sequence[Admission]) -> tuple[Admission, ...]:
    return tuple(one for one in found if one.destinations)


def answers(sockets: Iterable[ListeningSocket], family: Family) -> Intervals:
    """The addresses of the family, loopback aside, at which some of the sockets answers."""
    return difference(union_all(one.answers(family) for one in sockets), LOOPBACK[family])


def reached(one: Listening, port: Port, sockets: Iterable[ListeningSocket]) -> bool:
    """True when somebody reaches one of the sockets."""
    listed = list(sockets)
    return any(intersection(answers(listed, family), one.open_at(port, family)) for family in FAMILIES)


def port_text(protocol: int, first: int, last: int) -> str:
    """As the language writes it: `tcp 22`, `udp 5000-5010`."""
    name = PROTOCOLS.get(protocol, f"proto {protocol}")
    return f"{name} {first}" if first == last else f"{name} {first}-{last}"
