"""Official port tables, kept as data, and what they say for a cluster.

A row may have several lines where a param or a footnote chooses among ports or destinations. `when` says under which
facts a line holds: `canal and not wireguard`, `calico or flannel`; `self` marks what never leaves a node.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from netpolicy.packet.addresses import EVERYWHERE, AddressSet, Family
from netpolicy.packet.flowset import FlowSet
from netpolicy.packet.ports import ANY_PORT, PortSet, Protocol
from netpolicy.policy.cluster import Cluster, Node
from netpolicy.policy.selectors import address_set

HERE = Path(__file__).parent
EVERYBODY = ("any", "nodes")
TRANSPORTS = {"tcp": Protocol.TCP, "udp": Protocol.UDP}


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a table, as the file has it."""

    proto: str
    ports: str
    src: str
    dst: str
    purpose: str
    row: str
    when: str

    @property
    def inside(self) -> bool:
        """True if it never leaves the node."""
        return self.when == "self"

    def holds(self, facts: Collection[str]) -> bool:
        """True if the line holds where exactly these facts are true."""
        if not self.when or self.inside:
            return True
        return any(
            all(one.removeprefix("not ") not in facts if one.startswith("not ") else one in facts for one in ways)
            for ways in (part.split(" and ") for part in self.when.split(" or "))
        )


def lines_of(table: str) -> tuple[Line, ...]:
    """All lines of a table, in its order."""
    with (HERE / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return tuple(Line(**line) for line in csv.DictReader(file))


def cited(sources: Iterable[str]) -> Iterator[str]:
    """The rows that sources name; `bosh-dns 1-21` names 21."""
    for source in sources:
        found = re.fullmatch(r"(.+) (\d+)-(\d+)", source)
        if found is None:
            yield source
        else:
            yield from (f"{found[1]} {number}" for number in range(int(found[2]), int(found[3]) + 1))


@dataclass(frozen=True, slots=True)
class Meaning:
    """Who and what the words of a table are in a cluster."""

    cluster: Cluster
    params: Mapping[str, str]
    groups: Mapping[str, Collection[str]]

    @property
    def everybody(self) -> AddressSet:
        return address_set(address for node in self.cluster.nodes for address in node.addresses)

    def nodes(self, name: str) -> list[Node]:
        """The nodes that a name of the table stands for."""
        roles = self.groups.get(name, [name])
        held = [node for node in self.cluster.nodes if {role.text for role in node.roles} & set(roles)]
        return list(self.cluster.nodes) if name in EVERYBODY else held

    def addresses(self, name: str) -> AddressSet:
        """The addresses of a role, a group or a network."""
        networks = [network.addresses for network in self.cluster.networks if network.name.text == name]
        return networks[0] if networks else address_set(one for node in self.nodes(name) for one in node.addresses)

    def ports(self, line: Line) -> PortSet:
        """What the line opens; ICMP's number of IPv4 stands for the same message of IPv6, too."""
        written = self.params[line.ports[1:]] if line.ports.startswith("$") else line.ports
        if line.proto == "icmp":
            assert written == "8/0", written
            return PortSet.icmp(Family.V4, 8, 0) | PortSet.icmp(Family.V6, 128, 0)
        parts = (one.partition("-") for one in written.split(", "))
        ranges = [(int(first), int(last or first)) for first, _, last in parts]
        return PortSet.union_all([PortSet.ports(TRANSPORTS[one], ranges) for one in line.proto.split("+")])

    def packets(self, line: Line) -> FlowSet:
        """The packets that the line lets pass."""
        return FlowSet.box(self.addresses(line.src), self.addresses(line.dst), self.ports(line))

    def received(self, lines: Iterable[Line], node: Node, family: Family) -> FlowSet:
        """What the node receives in one family."""
        here = address_set(one for one in node.addresses if one[0] is family)
        everywhere = FlowSet.union_all([self.packets(line) for line in lines])
        return everywhere & FlowSet.box(EVERYWHERE, here, ANY_PORT)
