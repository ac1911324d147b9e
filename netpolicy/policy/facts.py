"""What Ansible's facts say of a host's interfaces: `ansible_eth0: {device, ipv4, ipv4_secondaries, ipv6}`."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import Any

from netpolicy.policy.yamltree import Branch, Mapping, Scalar, Sequence, member

PREFIX = "ansible_"
UNSAFE = "__ansible_unsafe"
Cards = dict[str, list[Scalar]]
"""The addresses of each interface, as they are written."""


def is_card(variable: str, value: Any) -> bool:
    """True where a host variable, as Python reads it, tells of an interface."""
    return variable.startswith(PREFIX) and isinstance(value, dict) and bool(value.keys() & {"device", "ipv4", "ipv6"})


def cards(variables: dict[str, Branch]) -> Cards:
    """The interfaces of a host that hold an address of its own; loopback and link-local ones do not tell hosts apart.

    An address with a label (`eth0:1`) has a variable of its own, `ansible_eth0_1`, which names no device.
    """
    told = {name: one for name, one in variables.items() if name.startswith(PREFIX) and isinstance(one, Mapping)}
    devices = {name: device.text for name, one in told.items() if (device := text_of(member(one, "device")))}
    found: Cards = {}
    for name, one in told.items():
        parents = [held for held in devices if name == held or (name not in devices and name.startswith(f"{held}_"))]
        card = devices[max(parents, key=len)] if parents else name.removeprefix(PREFIX)
        for address in _addresses(one):
            known = found.setdefault(card, [])
            if address.text not in [other.text for other in known]:
                known.append(address)
    return found


def _addresses(told: Mapping) -> Iterator[Scalar]:
    """The addresses that an interface's variable lists."""
    for key in ("ipv4", "ipv4_secondaries", "ipv6"):
        listed = member(told, key)
        for one in listed.items if isinstance(listed, Sequence) else (listed,):
            address = text_of(member(one, "address"))
            if address is not None and not _nobodys(address.text):
                yield address


def _nobodys(text: str) -> bool:
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return False  # who reads it says what is wrong
    return parsed.is_link_local or parsed.is_loopback


def text_of(branch: Branch | None) -> Scalar | None:
    """A text, also one that Ansible wraps since it came from a host; None where it is none or empty."""
    inner = member(branch, UNSAFE)
    scalar = branch if inner is None else inner
    if not isinstance(scalar, Scalar) or not scalar.text:
        return None
    return scalar if inner is None else Scalar(scalar.text, False, scalar.span)
