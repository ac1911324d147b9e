"""What the files of a system give its interfaces: ifupdown, systemd-networkd, netplan."""

from __future__ import annotations

from pathlib import Path

import pytest

from netpolicy.node.configured import read_configured
from netpolicy.packet.addresses import address_text

IFUPDOWN = """\
auto lo eth0
iface lo inet loopback
iface eth0 inet static
    address 10.0.0.1/24   # the core
    gateway 10.0.0.254
iface eth0:1 inet static
    address 10.0.0.7
iface eth0 inet6 auto
iface eth1 inet static
    address 10.1.1.1
"""
NETWORKD = """\
[Match]
Name=eth* !wlan0
[Network]
DHCP=ipv4
Address=10.0.0.1/24
Address=2001:db8::1/64
[Address]
Address=10.0.0.7/24
[Address]
Address=10.0.0.8/24
"""
NETPLAN = """\
network:
  version: 2
  ethernets:
    eth0:
      dhcp4: false
      addresses: [10.0.0.1/24, {"10.0.0.7/24": {label: "eth0:1"}}]
    lan: {match: {macaddress: "02:00:00:00:00:01"}, set-name: eth1, dhcp6: true}
"""
Read = list[tuple[str, str, list[str], bool]]


def read(root: Path, *interfaces: str) -> Read:
    return [
        (one.interface, one.file, [address_text(*each) for each in one.addresses], one.leases)
        for one in read_configured(interfaces, root)
    ]


def put(root: Path, name: str, text: str) -> None:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def test_a_system_without_files_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "eth0") == []


def test_ifupdown(tmp_path: Path) -> None:
    put(tmp_path, "etc/network/interfaces", IFUPDOWN)
    put(tmp_path, "etc/network/interfaces.d/more", "iface eth1 inet dhcp\n")
    file = "/etc/network/interfaces"
    assert read(tmp_path, "eth0") == [("eth0", file, ["10.0.0.1", "10.0.0.7"], True)]
    assert read(tmp_path, "eth1") == [("eth1", file, ["10.1.1.1"], False), ("eth1", f"{file}.d/more", [], True)]


def test_networkd(tmp_path: Path) -> None:
    put(tmp_path, "etc/systemd/network/10-lan.network", NETWORKD)
    put(tmp_path, "etc/systemd/network/10-lan.link", NETWORKD)
    (one,) = read(tmp_path, "eth0", "wlan0")
    assert one == (
        "eth0",
        "/etc/systemd/network/10-lan.network",
        ["10.0.0.1", "10.0.0.7", "10.0.0.8", "2001:db8::1"],
        True,
    )


def test_netplan(tmp_path: Path) -> None:
    put(tmp_path, "etc/netplan/50-lan.yaml", NETPLAN)
    file = "/etc/netplan/50-lan.yaml"
    assert read(tmp_path, "eth0", "eth1", "eth2") == [
        ("eth0", file, ["10.0.0.1", "10.0.0.7"], False),
        ("eth1", file, [], True),
    ]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("etc/network/interfaces", "iface\naddress 10.0.0.1\niface eth0 inet static\naddress x\n"),
        ("etc/systemd/network/a.network", "no section\n"),
        ("etc/systemd/network/a.network", "[Match]\nName\n[Network]\nAddress\n"),
        ("etc/netplan/a.yaml", "network: [1, 2]\n"),
        ("etc/netplan/a.yaml", "network: {ethernets: {eth0: [1]}}\n"),
        ("etc/netplan/a.yaml", "network: {ethernets: {eth0: {addresses: 5}}}\n"),
        ("etc/netplan/a.yaml", "network: {ethernets: {eth0: {addresses: [{}]}}}\n"),
        ("etc/netplan/a.yaml", "network: {ethernets: {[a]: {}, eth0: {set-name: [b]}}}\n"),
        ("etc/netplan/a.yaml", "{a: [\n"),
        ("etc/netplan/a.yaml", "\x00\xff"),
    ],
)
def test_what_is_not_understood_gives_no_address(tmp_path: Path, name: str, text: str) -> None:
    put(tmp_path, name, text)
    assert all(not addresses for _, _, addresses, _ in read(tmp_path, "eth0"))
