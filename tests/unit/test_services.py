"""Protocols and ports as people read them."""

from __future__ import annotations

import pytest

from netpolicy.packet.addresses import Family
from netpolicy.packet.ports import ANY_PORT, NO_PORT, PortSet
from netpolicy.report.services import of_keys, text

SSH, DNS = PortSet.ports(6, [(22, 22)]), PortSet.ports(17, [(53, 53)])
PING = PortSet.icmp(Family.V4, 8, None)
PATH_MTU = PortSet.icmp(Family.V4, 3, 4)
ONLY_V6 = PortSet(v6=SSH.v6)


@pytest.mark.parametrize(
    ("ports", "wanted"),
    [
        (NO_PORT, ""),
        (ANY_PORT, "any"),
        (SSH | DNS, "tcp 22, udp 53"),
        (SSH | PortSet.ports(6, [(80, 90)]), "tcp 22, 80-90"),
        (PortSet.protocol(50) | PortSet.protocol(89), "esp, protocol 89"),
        (PortSet.protocol(6), "tcp 0-65535"),
        (PING | PATH_MTU, "icmpv4 3/4, 8"),
        (PortSet.icmp_any(Family.V6), "icmpv6"),
        (PING | PortSet.icmp(Family.V6, 128, None), "icmpv4 8, icmpv6 128"),
        (ANY_PORT - SSH, "any but tcp 22"),
        (SSH | PortSet(v6=DNS.v6), "tcp 22, udp 53 (IPv6)"),
        (ONLY_V6, "tcp 22 (IPv6)"),
    ],
)
def test_services_on_one_line(ports: PortSet, wanted: str) -> None:
    assert text(ports, told=True) == wanted


def test_the_family_is_left_out_where_nobody_needs_it() -> None:
    assert text(ONLY_V6) == "tcp 22"


def test_icmp_is_cut_at_types() -> None:
    keys = PortSet.ports(1, [(3 << 8 | 4, 5 << 8 | 255)]).v4
    assert [one.text for one in of_keys(keys, Family.V4)] == ["icmpv4 3/4-255", "icmpv4 4-5"]
