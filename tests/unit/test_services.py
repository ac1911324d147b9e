"""Protocols and ports as programs read them."""

from __future__ import annotations

from netpolicy.packet.addresses import Family
from netpolicy.packet.ports import PortSet
from netpolicy.report.services import of_keys


def test_icmp_is_cut_at_types() -> None:
    keys = PortSet.ports(1, [(3 << 8 | 4, 5 << 8 | 255)]).v4
    assert [one.text for one in of_keys(keys, Family.V4)] == ["icmpv4 3/4-255", "icmpv4 4-5"]
