"""A rehearsal says nothing where silence would not prove a refusal: its ways are open, and no packet is lost."""

from __future__ import annotations

import errno
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from netpolicy.cli import main
from netpolicy.lab import post, rehearse
from netpolicy.lab.fabric import Fabric
from netpolicy.lab.load import Loader, Translation
from netpolicy.lab.party import Party
from netpolicy.lab.space import inside
from netpolicy.lab.volley import Batch, Odd
from netpolicy.node.bundle import Bundle
from tests.kernel.lab import BACKENDS

# Thousands of packets, and a tracer at each line that sends one would take most of the time.
pytestmark = pytest.mark.no_cover

CLUSTER = """
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24, "2001:db8:a::/48"]}
nodes:
  web: {roles: [web], interfaces: {eth0.100: [10.0.0.1, "2001:db8::1"], eth1: [10.1.0.1]}}
  db: {roles: [db], interfaces: {abcdefghijklmno: [10.0.0.2, "2001:db8::2"]}}
"""
POLICY = """
option egress = enforced
role web, db
network admins
forwarded service apps = tcp 41000
allow admins -> web : apps, udp 68, udp 546
allow admins -> db : tcp 22
deny web -> db : tcp 23
"""


@pytest.fixture
def rehearsed(tmp_path: Path) -> Callable[..., int]:
    """The exit status of a rehearsal of that policy."""

    def of(policy: str = POLICY, cluster: str = CLUSTER, backend: str = "nft") -> int:
        (tmp_path / "policy.netpol").write_text(policy, encoding="utf-8")
        (tmp_path / "cluster.yaml").write_text(cluster, encoding="utf-8")
        return main(["rehearse", str(tmp_path / "cluster.yaml"), "--backend", f"iptables-{backend}", "-q"])

    return of


# Whatever closes a way makes every refusal on it look right, so the policy here refuses nearly all.
CLOSED: dict[str, tuple[str, str]] = {
    "an interface is down": ("web", "ip link set eth0.100 down"),
    "an address is missing": ("db", "ip address del 10.0.0.2/32 dev abcdefghijklmno"),
    "an address of the other family is missing": ("db", "ip address del 2001:db8::2/128 dev abcdefghijklmno"),
    "a second address is missing": ("web", "ip address del 10.1.0.1/32 dev eth1"),
    "a neighbour is not who it is": (
        "web",
        "ip neigh replace 10.0.0.2 lladdr 02:00:00:00:ff:ff dev eth0.100 nud permanent",
    ),
    "a route leads nowhere": ("web", "ip route add blackhole 10.0.0.2/32"),
    "IPv6 is off": ("db", "sysctl -qw net.ipv6.conf.abcdefghijklmno.disable_ipv6=1"),
    "sources are filtered": ("web", "sysctl -qw net.ipv4.conf.eth1.rp_filter=1"),
    "something else refuses a protocol": ("db", "iptables-nft -A INPUT -p esp -j DROP"),
    "something else refuses a flag": ("db", "ip6tables-nft -A INPUT -p tcp --tcp-flags ALL FIN -j DROP"),
    "something else refuses fragments": ("web", "iptables-nft -t raw -A PREROUTING -f -j DROP"),
    "nothing is forwarded": ("web", "sysctl -qw net.ipv4.ip_forward=0"),
}


@pytest.mark.parametrize("name", CLOSED)
def test_what_is_closed_without_rules_is_told_and_is_no_success(
    name: str, rehearsed: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    node, command = CLOSED[name]

    class Closed(Fabric):
        def _make(self) -> None:
            super()._make()
            with inside(self.spaces[self.node(node)]):
                subprocess.run(command.split(), check=True)

    monkeypatch.setattr(rehearse, "Fabric", Closed)
    monkeypatch.setattr(rehearse, "_PATIENCE", 0.2)
    assert rehearsed() == 2
    told = capsys.readouterr()
    assert "error[NP324]: " in told.err
    assert told.out == ""


def test_a_translation_that_is_not_made_is_told(
    rehearsed: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def forgotten(self: Loader, party: Party, container: Party, how: Translation) -> None:
        if how is Translation.SOURCE:
            translate(self, party, container, how)

    translate = Loader.translate
    monkeypatch.setattr(Loader, "translate", forgotten)
    assert rehearsed() == 2
    assert "do not reach `a container of web`" in capsys.readouterr().err


def test_lost_packets_are_told_and_are_no_success(
    rehearsed: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here a wire takes short packets alone, once it was seen to be open; its interface counts what it loses."""

    def applied(self: Loader, bundles: Mapping[str, Bundle]) -> None:
        apply(self, bundles)
        switch = self.fabric._switch
        assert switch is not None
        switch.ip("link set wire0 mtu 68")

    apply = Loader.apply
    monkeypatch.setattr(Loader, "apply", applied)
    assert rehearsed() == 2
    assert "packets were lost on their way" in capsys.readouterr().err


def test_a_round_that_loses_packets_is_asked_again(
    rehearsed: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The wire takes short packets alone until some got lost; what was seen then is not believed."""
    asked: list[int] = []

    class Once(rehearse.Stage):
        def _asked(self, batches: Sequence[Batch], progress: Callable[[int], object]) -> tuple[list[Odd], int]:
            switch = self.fabric._switch
            assert switch is not None
            switch.ip(f"link set wire0 mtu {1500 if any(asked) else 68}")
            odd, unheard = super()._asked(batches, progress)
            asked.append(len(odd))
            return odd, unheard

    monkeypatch.setattr(rehearse, "Stage", Once)
    assert rehearsed() == 0, capsys.readouterr().err
    assert [odd > 0 for odd in asked].count(True) == 1


def test_what_sockets_have_no_room_for_is_asked_again(
    rehearsed: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Sockets as small as a kernel has them, and nobody who reads while packets are sent."""

    class Small(rehearse.Stage):
        def _part(self, batches: Sequence[Batch], *others: Any) -> tuple[list[Odd], int]:
            monkeypatch.setattr(post, "_BUFFER", 1 << 24 if asked else 1)
            odd, unheard = super()._part(batches, *others)
            asked.append((batches, unheard))
            return odd, unheard

    asked: list[tuple[Sequence[Batch], int]] = []
    monkeypatch.setattr(rehearse, "Stage", Small)
    assert rehearsed() == 0, capsys.readouterr().err
    (first, unheard), (again, heard), (other, _), *_ = asked
    assert first is again is not other
    assert unheard > 0 == heard


def test_a_full_table_of_neighbours_is_waited_for(
    rehearsed: Callable[..., int], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    sent, until = 0, 6

    class Full(socket.socket):
        """Refuses what is sent from the third packet on, as a kernel without room for a neighbour does."""

        def sendto(self, *arguments: Any) -> int:
            nonlocal sent
            sent += 1
            if 3 <= sent < until:
                raise OSError(errno.ENOBUFS, "No buffer space available")
            return super().sendto(*arguments)

    monkeypatch.setattr(socket, "socket", Full)
    assert rehearsed() == 0, capsys.readouterr().err
    sent, until = 0, sys.maxsize
    monkeypatch.setattr("netpolicy.lab.post._PATIENCE", 0.2)
    assert rehearsed() == 2
    assert "is the table of neighbours full" in capsys.readouterr().err
    assert sent > 3


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_dhcp_server_answers_does_not_open_what_clients_ask(backend: str, rehearsed: Callable[..., int]) -> None:
    """`admins` may send to the client's port, and no node may ask a server: what is asked is no answer."""
    assert rehearsed(backend=backend) == 0
