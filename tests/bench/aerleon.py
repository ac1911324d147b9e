"""The same port table for Aerleon, written from our cluster file, and what its compiler uses for it.

Aerleon knows no node, so somebody has to write its files: one policy for every set of roles, or one for every node.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from netpolicy.packet.addresses import address_text
from netpolicy.policy.cluster import Cluster, Node
from netpolicy.policy.clusterfile import read_cluster
from netpolicy.source import Source
from tests.bench.measure import Figures, median

VERSION = "1.18.0"
SAMPLE = 10
"""Per node its work grows with the square of the nodes, so only so many of the files are compiled."""

SERVICES = {
    "SSH": "22/tcp",
    "NATS": "4222/tcp",
    "REDIS": "5454/tcp",
    "LOG": "7845/tcp",
    "DROPLETS": "9022/tcp",
    "MYSQL": "3306/tcp",
    "POSTGRESQL": "5432/tcp",
    "HTTP": "80/tcp",
    "WEB": "80/tcp 443/tcp",
}
# Name, roles that receive (none: all nodes), sources (none: the world), service.
TERMS = (
    ("ssh", (), ("ALL_NODES",), "SSH"),
    ("log-tail", (), ("ALL_NODES",), "LOG"),
    ("nats", ("controller",), ("ALL_NODES",), "NATS"),
    ("redis", ("controller",), ("ALL_NODES",), "REDIS"),
    ("mysql", ("mysql",), ("ROLE_DEA", "ROLE_CONTROLLER"), "MYSQL"),
    ("postgresql", ("postgresql",), ("ROLE_DEA", "ROLE_CONTROLLER"), "POSTGRESQL"),
    ("shared-database", ("primary",), ("ROLE_CONTROLLER",), "POSTGRESQL"),
    ("droplets-in", ("controller",), ("ROLE_DEA",), "DROPLETS"),
    ("droplets-out", ("dea",), ("ROLE_CONTROLLER",), "DROPLETS"),
    ("web", ("load_balancer",), (), "WEB"),
    ("balanced", ("router",), ("ROLE_LOAD_BALANCER",), "HTTP"),
    ("admins", ("public",), ("ADMINS",), "SSH"),
)


@dataclass(frozen=True, slots=True)
class Compiled:
    """One measured way: what `figures` were measured on, and how many times as much the whole cluster is."""

    mode: str
    nodes: int
    figures: Figures
    files: int
    of: int
    rules: int
    start: float

    @property
    def whole(self) -> float:
        """Seconds of CPU for all files of the cluster; the start of the program counts once."""
        return self.start + (self.figures.cpu - self.start) * self.of / self.files


def install(folder: Path) -> Path | None:
    """Aerleon's compiler in an environment of its own, made once; None where it cannot be had."""
    program = folder / "bin" / "aclgen"
    if not program.exists():
        pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "-qq", "--disable-pip-version-check"]
        for command in ([sys.executable, "-m", "venv", str(folder)], [*pip, f"aerleon=={VERSION}"]):
            if subprocess.run(command, check=False, capture_output=True).returncode:
                return None
    return program


def compiled(program: Path, path: Path, scratch: Path, runs: int) -> Iterator[Compiled]:
    """Both ways to have Aerleon compile the cluster of a file."""
    cluster, _ = read_cluster(Source(path.name, path.read_text(encoding="utf-8")))
    assert cluster is not None
    sets = {tuple(sorted(_held(node))): node for node in cluster.nodes}
    yield _compiled("a file a role set", program, cluster, list(sets.values()), len(sets), scratch / "sets", runs)
    # The sample has the proportions of the cluster.
    some = cluster.nodes[:: max(1, len(cluster.nodes) // SAMPLE)][:SAMPLE]
    yield _compiled("a file a node", program, cluster, list(some), len(cluster.nodes), scratch / "nodes", runs)


def _compiled(  # noqa: PLR0917
    mode: str, program: Path, cluster: Cluster, chosen: list[Node], of: int, home: Path, runs: int
) -> Compiled:
    for name in ("def", "pol", "out"):
        (home / name).mkdir(parents=True)
    (home / "def" / "nodes.net").write_text(_networks(cluster), encoding="utf-8")
    services = "".join(f"{name} = {ports}\n" for name, ports in SERVICES.items())
    (home / "def" / "services.svc").write_text(services, encoding="utf-8")
    for node in chosen:
        (home / "pol" / f"{node.name}.pol").write_text(_policy(node), encoding="utf-8")
    command = [str(program), "--base_directory", str(home), "--definitions_directory", str(home / "def")]
    figures = median([*command, "--output_directory", str(home / "out"), "--max_renderers", "1"], runs)
    written = list((home / "out").rglob("*.ipt"))
    assert len(written) == len(chosen), f"{len(written)} files of {len(chosen)}"
    rules = max(path.read_text(encoding="utf-8").count("\n-A ") for path in written)
    start = median([str(program.with_name("python")), "-c", "import aerleon.aclgen"], runs).cpu
    return Compiled(mode, len(cluster.nodes), figures, len(chosen), of, rules, start)


def _held(node: Node) -> set[str]:
    return {name.text for name in (*node.roles, *node.labels)}


def _networks(cluster: Cluster) -> str:
    groups: dict[str, list[str]] = {"ALL_NODES": [], "ADMINS": ["198.51.100.0/24"]}
    for node in cluster.nodes:
        addresses = [f"{address_text(*address)}/32" for address in node.addresses]
        for group in ("ALL_NODES", *(f"ROLE_{role.text.upper()}" for role in node.roles)):
            groups.setdefault(group, []).extend(addresses)
    return "".join(f"{name} = " + "\n    ".join(held) + "\n" for name, held in groups.items())


def _policy(node: Node) -> str:
    text = "header {\n  target:: speedway INPUT DROP\n}\n"
    text += "term established {\n  protocol:: tcp udp\n  option:: established\n  action:: accept\n}\n"
    for name, receivers, sources, service in TERMS:
        if not receivers or _held(node) & set(receivers):
            source = f"  source-address:: {' '.join(sources)}\n" if sources else ""
            ports = f"  protocol:: tcp\n  destination-port:: {service}\n"
            text += f"term {name} {{\n{source}{ports}  action:: accept\n}}\n"
    return text
