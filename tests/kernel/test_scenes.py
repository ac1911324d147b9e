"""Hosts that other programs have filled with rules: theirs go on to decide, and ours decide first."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from netpolicy.packet.ports import Protocol
from tests.kernel.build import Build
from tests.kernel.foreign import outline, seed
from tests.kernel.lab import BACKENDS, TABLE_OF, Lab, Site
from tests.kernel.probe import Probe, admitted
from tests.kernel.scenes import CLIENT, CONTAINER, HOST, OTHER, PUBLISHED, Load, beside, with_container
from tests.kernel.verdict import BOTH, NEW_CLUSTER, NODE, OLD_CLUSTER, OLD_ONLY, PEER, ROUTE, State, verdict

LOADERS: dict[str, Load] = {"restore": beside}
JUMP = "-p tcp -m multiport --dports 22 -j f2b-sshd"


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loader", LOADERS)
@pytest.mark.parametrize("place", ["after ours", "before ours"])
def test_a_ban_on_an_allowed_port_still_bans(
    lab: Lab, build: Callable[..., Build], place: str, loader: str, backend: str
) -> None:
    load = LOADERS[loader]
    old = build(OLD_CLUSTER)
    Site(lab, old.cluster)
    node = lab.spaces[NODE]
    seed(lab, node, backend)
    load(lab, node, old, NODE, backend)
    for version, table in zip(ROUTE, TABLE_OF.values(), strict=True):
        if place == "before ours":
            text = f"*filter\n-D INPUT {JUMP}\n-I INPUT 1 {JUMP}\nCOMMIT\n"
            lab.restore(node, f"{table}-{backend}-restore", text, "-w", "--noflush")
        assert verdict(lab.spaces)[version] is State.OLD
        ban = f"*filter\n-I f2b-sshd 1 -s {ROUTE[version][0]} -j DROP\nCOMMIT\n"
        lab.restore(node, f"{table}-{backend}-restore", ban, "-w", "--noflush")
    asked = {Probe(PEER, *ends, Protocol.TCP, port) for ends in ROUTE.values() for port in (BOTH, OLD_ONLY)}
    allowed = {probe for probe in asked if probe.port == OLD_ONLY}
    assert admitted(lab.spaces, asked, allowed) == allowed
    before = outline(lab, node, backend)
    load(lab, node, build(NEW_CLUSTER), NODE, backend)
    assert admitted(lab.spaces, asked) == set()
    assert outline(lab, node, backend) == before


# Published by Docker to all; 41010 is of no service.
OPENED = {Probe("client", CLIENT, HOST, Protocol.TCP, 41_009), Probe("client", CLIENT, HOST, Protocol.TCP, 41_000)}
CLOSED = {
    Probe("client", CLIENT, HOST, Protocol.TCP, 41_010),
    Probe("client", CLIENT, HOST, Protocol.TCP, 8080),
    Probe("other", OTHER, HOST, Protocol.TCP, 41_009),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("loader", LOADERS)
def test_containers_beside_their_daemons_rules(
    lab: Lab, build: Callable[..., Build], loader: str, backend: str
) -> None:
    """Reached on a forwarded service, closed otherwise, and free to go out."""
    made = build(PUBLISHED)
    site = with_container(lab, made)
    host = lab.spaces["host"]
    seed(lab, host, backend)
    assert admitted(lab.spaces, OPENED | CLOSED, OPENED | CLOSED) == OPENED | CLOSED, (
        "the daemon opens all it publishes"
    )
    before = outline(lab, host, backend)
    assert ":FORWARD DROP" in before
    for name in made.nodes:
        LOADERS[loader](lab, lab.spaces[name], made, name, backend)
    stranger = next(one for one in site.outside if ":" not in one)
    egress = {
        Probe("container", CONTAINER, CLIENT, Protocol.TCP, 80),
        Probe("container", CONTAINER, stranger, Protocol.TCP, 443),
        Probe("container", CONTAINER, stranger, Protocol.UDP, 53),
    }
    refused = {Probe("container", CONTAINER, CLIENT, Protocol.TCP, 22)}
    assert admitted(lab.spaces, OPENED | CLOSED | egress | refused, OPENED | egress) == OPENED | egress
    assert outline(lab, host, backend) == before
