"""Loaders of a node's rules, and places for packets that any loader can be tried in."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from tests.kernel.build import Build
from tests.kernel.lab import TABLE_OF, Lab, Namespace, Site

PUBLISHED = Path(__file__).parent / "published.yaml"
CLIENT, OTHER, HOST, CONTAINER = "10.40.0.1", "10.40.0.2", "10.40.0.3", "172.17.0.2"
"""Addresses of the published cluster, and of the container behind its host."""

Load = Callable[[Lab, Namespace, Build, str, str], None]
"""The rules of a node are in force in a namespace, by a backend: what a test tries."""
_BUILT_IN = re.compile(r"^:(?:INPUT|FORWARD|OUTPUT) .*\n", re.MULTILINE)
_JUMP = re.compile(r"^-A (INPUT|FORWARD|OUTPUT) ", re.MULTILINE)


def alone(lab: Lab, space: Namespace, build: Build, node: str, backend: str) -> None:
    """By plain restore: the rules of others are gone."""
    lab.load(space, build.nodes[node], backend)


def beside(lab: Lab, space: Namespace, build: Build, node: str, backend: str) -> None:
    """By restore beside the rules of others, in one transaction a family, with our jumps first."""
    files = build.nodes[node]
    lab.restore(space, "ipset restore", files["sets.ipset"])
    for name, table in TABLE_OF.items():
        text = _JUMP.sub(r"-I \1 1 ", _BUILT_IN.sub("", files[name]))
        held = lab.saved(space, f"{table}-{backend}-save")
        gone = re.findall(r"^-A ((?:INPUT|FORWARD|OUTPUT) .*-j NETPOLICY-\S+)$", held, re.MULTILINE)
        text = text.replace("-I INPUT", "".join(f"-D {rule}\n" for rule in gone) + "-I INPUT", 1)
        lab.restore(space, f"{table}-{backend}-restore", text, "-w", "--noflush")


def with_container(lab: Lab, build: Build) -> Site:
    """The published cluster, with a container behind `host`, and not one rule."""
    site = Site(lab, build.cluster, build.outside)
    host, container = lab.spaces["host"], lab.space("container")
    host.ip(f"link add docker0 type veth peer name eth0 netns {container.name}", "link set docker0 up")
    host.ip("address add 172.17.0.1/16 dev docker0")
    host.set({"ipv4/ip_forward": "1"})
    container.ip("link set eth0 up", f"address add {CONTAINER}/16 dev eth0", "route add default via 172.17.0.1")
    return site
