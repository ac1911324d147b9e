"""Listening sockets in a namespace: what is read is what was opened, and the findings are those of a policy."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_address
from pathlib import Path

import pytest
from pyroute2.netlink.diag import DiagSocket

from netpolicy.node.listening import listening_findings
from netpolicy.node.sockets import UnlistedError, listening, outgoing_ports
from netpolicy.packet.addresses import Family
from netpolicy.policy.citation import of_policy
from netpolicy.policy.identity import identity_of
from netpolicy.policy.sockets import ListeningSocket
from tests.compiling import compiled, rulesets
from tests.kernel.lab import Lab, Namespace, inside

TCP, UDP = socket.SOCK_STREAM, socket.SOCK_DGRAM
ADDRESS = "10.0.0.1"
OPENED = [
    # kind, address, port, v6only, interface
    (TCP, "0.0.0.0", 22, False, ""),
    (TCP, "127.0.0.1", 3306, False, ""),
    (TCP, "::", 80, False, ""),
    (TCP, "::", 81, True, ""),
    (TCP, ADDRESS, 443, False, ""),
    (TCP, "0.0.0.0", 444, False, "eth0"),
    (UDP, "0.0.0.0", 53, False, ""),
    (UDP, "::", 54, False, ""),
    (UDP, "127.0.0.1", 55, False, ""),
]
CLUSTER = f"policy: ./policy.netpol\nnodes: {{web: {{roles: [web], address: [{ADDRESS}, '2001:db8::1']}}}}\n"
POLICY = """\
role web
allow world -> web : tcp 22, tcp 80, tcp 81, tcp 443, tcp 444
allow world -> web : tcp 3306
allow world -> web : udp 54
allow world -> web : tcp 9999
"""


@contextmanager
def opened(space: Namespace) -> Iterator[list[socket.socket]]:
    """The sockets of `OPENED`, and some that wait for nobody."""
    with ExitStack() as stack, inside(space):
        found = []
        for kind, address, port, v6only, card in OPENED:
            version = ip_address(address).version
            one = stack.enter_context(socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, kind))
            if version == 6:
                one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, v6only)
            if card:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, card.encode())
            one.bind((address, port))
            if kind == TCP:
                one.listen()
            found.append(one)
        client = stack.enter_context(socket.create_connection(("127.0.0.1", 3306)))
        assert client.fileno() > 0
        connected = stack.enter_context(socket.socket(socket.AF_INET, UDP))
        connected.connect(("127.0.0.1", 53))
        bound = stack.enter_context(socket.socket(socket.AF_INET, TCP))  # it does not listen
        bound.bind(("127.0.0.1", 7777))
        yield found


def node(lab: Lab) -> Namespace:
    space = lab.space("web")
    space.ip(
        "link add eth0 type veth peer name wire",
        "link set wire up",
        "link set eth0 up",
        f"address add {ADDRESS}/24 dev eth0",
    )
    return space


def test_what_is_read_is_what_was_opened(lab: Lab) -> None:
    space = node(lab)
    with opened(space) as sockets:
        with inside(space):
            read = listening()
        name = Path(f"/proc/{os.getpid()}/comm").read_text(encoding="utf-8").strip()
        expected = set()
        for (kind, address, port, v6only, card), one in zip(OPENED, sockets, strict=True):
            at = ip_address(address)
            number = None if at.is_unspecified else int(at)
            family, inode = Family(at.version), os.fstat(one.fileno()).st_ino
            protocol = 6 if kind == TCP else 17
            expected.add(ListeningSocket(protocol, family, number, port, v6only, card, 0, inode, name, os.getpid()))
        assert set(read) == expected
        assert len(read) == len(OPENED)


def test_nothing_of_another_namespace_is_read(lab: Lab) -> None:
    with opened(node(lab)), inside(lab.space("other")):
        assert listening() == ()
        assert outgoing_ports() == (62000, 65000)  # as the lab sets it


def test_findings_of_real_sockets(lab: Lab) -> None:
    """Of each socket in the wrong place, of each that nobody reaches, of the port where nobody waits; of no other."""
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": POLICY})
    assert pipeline.policy is not None
    identity = identity_of(pipeline.policy.cluster, pipeline.policy.cluster.nodes[0])
    space = node(lab)
    with opened(space), inside(space):
        read = listening()
    found = listening_findings(rulesets(pipeline)["web"], of_policy(pipeline.policy), read, identity)
    told = sorted((one.code, one.message.split("`")[1]) for one in found)
    assert told == [("NP730", "udp 53"), ("NP731", "tcp 9999"), ("NP732", "tcp 3306")]


def test_a_kernel_that_lists_nothing_is_an_error(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error at the end of a dump, which the library drops, is no empty list."""
    asked = DiagSocket.nlm_request

    def unknown(self: DiagSocket, request: dict[str, int], *rest: object, **named: object) -> object:
        request["sdiag_protocol"] = 200
        return asked(self, request, *rest, **named)

    monkeypatch.setattr(DiagSocket, "nlm_request", unknown)
    with inside(lab.space("web")), pytest.raises(UnlistedError, match="tcp of IPv4: No such file"):
        listening()
