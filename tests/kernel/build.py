"""What the program made of a cluster, and what the policy asks for."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from itertools import permutations
from pathlib import Path

from netpolicy.data import folder
from netpolicy.diagnostic import Diagnostic, render
from netpolicy.packet.addresses import Family
from netpolicy.packet.packets import ICMP_OF, Packet
from netpolicy.packet.ports import PORTED, Protocol
from netpolicy.policy.cluster import Cluster
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.policy.load import Place, load
from netpolicy.source import Source
from tests.kernel.lab import OUTSIDE, node_of
from tests.kernel.probe import ECHO_REQUEST, Probe
from tests.specification import Specification

FILES = ("rules.v4", "rules.v6", "sets.ipset")
DAY = "2026-01-01"
# Nobody's addresses: no cluster here declares them, nor networks that hold them.
STRANGERS = ("192.0.2.250", "2001:db8:ffff::250")


@dataclass(frozen=True)
class Build:
    """A cluster file and the folder of its build."""

    file: Path
    folder: Path

    @cached_property
    def classes(self) -> dict[str, dict[str, str]]:
        """The texts of every class, by its digest."""
        return {one.name: texts(one) for one in sorted((self.folder / "classes").iterdir())}

    @cached_property
    def nodes(self) -> dict[str, dict[str, str]]:
        """The texts of every node."""
        return {one.name: texts(one) for one in sorted((self.folder / "nodes").iterdir())}

    @cached_property
    def cluster(self) -> Cluster:
        cluster, found = read_cluster(_source(self.file))
        assert cluster is not None, told(found)
        return cluster

    @cached_property
    def specification(self) -> Specification:
        files, found = load(
            self.cluster.policy,
            None,
            Place(str(self.file), False),
            lambda place: _source(folder("rules") / place.path if place.shipped else Path(place.path)),
        )
        assert not found, told(found)
        return Specification(files, self.cluster)

    @cached_property
    def outside(self) -> tuple[str, ...]:
        """Addresses for an outside host: two strangers, and one in every part of a declared network."""
        taken = {address for node in self.cluster.nodes for address in node.addresses}
        found = set(STRANGERS)
        for network in self.cluster.networks:
            for family, parts in ((Family.V4, network.addresses.v4), (Family.V6, network.addresses.v6)):
                for first, last in parts:
                    free = (one for one in range(last, first - 1, -1) if (family, one) not in taken)
                    found |= {
                        str(ip_address(one.to_bytes(family.bits // 8, "big"))) for one in [next(free, None)] if one
                    }
        return tuple(sorted(found))

    @cached_property
    def ports(self) -> tuple[int, ...]:
        """The ports at both sides of both ends of every interval of the matrix, and the first and the last of all."""
        rows = json.loads(netpolicy("matrix", str(self.file), "--by", "node", "--format", "json"))
        edges = {port for row in rows if row["protocol"] in ("tcp", "udp") for port in _edges(row)} | {1, 65_535}
        return tuple(sorted(edges))

    def addresses(self, name: str) -> tuple[str, ...]:
        if name == OUTSIDE:
            return self.outside
        return tuple(
            str(ip_address(one.to_bytes(of.bits // 8, "big"))) for of, one in node_of(self.cluster, name).addresses
        )

    @cached_property
    def probes(self) -> frozenset[Probe]:
        """Every ordered pair of nodes and of the outside: every pair of addresses, every port, echo, ESP and GRE."""
        names = [*(node.name for node in self.cluster.nodes), OUTSIDE]
        found: set[Probe] = set()
        for sender, receiver in permutations(names, 2):
            for source in self.addresses(sender):
                for destination in self.addresses(receiver):
                    if ip_address(source).version == ip_address(destination).version:
                        found.update(self.between(sender, source, destination))
        return frozenset(found)

    def between(self, sender: str, source: str, destination: str) -> Iterable[Probe]:
        """The probes of one pair of addresses."""
        for protocol in (Protocol.TCP, Protocol.UDP):
            yield from (Probe(sender, source, destination, protocol, port) for port in self.ports)
        echo = Protocol.ICMPV6 if ip_address(source).version == 6 else Protocol.ICMP
        for protocol in (echo, Protocol.ESP, Protocol.GRE):
            yield Probe(sender, source, destination, protocol)

    @cached_property
    def expected(self) -> frozenset[Probe]:
        """The probes that both ends let pass, by the specification."""
        return frozenset(probe for probe in self.probes if self._admits(probe))

    def _admits(self, probe: Probe) -> bool:
        family = Family.V6 if probe.version == 6 else Family.V4
        echo = ECHO_REQUEST[probe.version] << 8 if probe.protocol == ICMP_OF[family] else 0
        source, destination = int(ip_address(probe.source)), int(ip_address(probe.destination))
        port = probe.port if probe.protocol in PORTED else echo
        out = Packet(family, source, destination, probe.protocol, port, 62_000, out_interface="eth0")
        into = Packet(family, source, destination, probe.protocol, port, 62_000, in_interface="eth0")
        owner = self.specification.owner((family, destination))
        leaves = probe.sender == OUTSIDE or self.specification.admits(probe.sender, out)
        return leaves and (owner is None or self.specification.admits(owner.name, into))


def compiled(cluster: Path, into: Path, *options: str) -> Build:
    """The build of a cluster file, made by the program in a process of its own."""
    netpolicy("compile", str(cluster), "-o", str(into), "--as-of", DAY, *options)
    return Build(cluster, into)


def netpolicy(*arguments: str) -> str:
    """What the program prints; an AssertionError shows its errors."""
    program = (sys.executable, "-c", "import sys; from netpolicy.cli import main; sys.exit(main())", *arguments)
    done = subprocess.run(program, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"netpolicy {' '.join(arguments)} ended with {done.returncode}:\n{done.stderr}"
    return done.stdout


def told(found: Iterable[Diagnostic]) -> str:
    """Diagnostics as people read them."""
    return "\n".join(render(one) for one in found)


def texts(folder: Path) -> dict[str, str]:
    """The files that a node loads."""
    return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


def _source(path: Path) -> Source:
    return Source(path.name, path.read_text(encoding="utf-8"))


def _edges(row: dict[str, int]) -> set[int]:
    first, last = row["first"], row["last"]
    return {port for port in (first - 1, first, last, last + 1) if 0 < port <= 65_535}
