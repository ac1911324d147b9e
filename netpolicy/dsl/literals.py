"""Literals of the language: numbers, ports, addresses, icmp types. Each gives a value or the problem with it."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass

from netpolicy.diagnostic import did_you_mean
from netpolicy.packet.addresses import Family

HIGHEST_PORT = 65535
IcmpKinds = tuple[tuple[Family, int | None, int | None], ...]
"""Family, type and code; None stands for every type or every code."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a literal is wrong, and what to write instead."""

    code: str
    message: str
    hint: str


# Names of icmp types per family (IANA icmp-parameters, icmpv6-parameters); a code of None is every code.
ICMP_TYPES: dict[str, dict[Family, tuple[int, int | None]]] = {
    "echo-request": {Family.V4: (8, None), Family.V6: (128, None)},
    "echo-reply": {Family.V4: (0, None), Family.V6: (129, None)},
    "destination-unreachable": {Family.V4: (3, None), Family.V6: (1, None)},
    "time-exceeded": {Family.V4: (11, None), Family.V6: (3, None)},
    "parameter-problem": {Family.V4: (12, None), Family.V6: (4, None)},
    "redirect": {Family.V4: (5, None), Family.V6: (137, None)},
    "router-advertisement": {Family.V4: (9, None), Family.V6: (134, None)},
    "router-solicitation": {Family.V4: (10, None), Family.V6: (133, None)},
    "network-unreachable": {Family.V4: (3, 0)},
    "host-unreachable": {Family.V4: (3, 1)},
    "protocol-unreachable": {Family.V4: (3, 2)},
    "port-unreachable": {Family.V4: (3, 3), Family.V6: (1, 4)},
    "fragmentation-needed": {Family.V4: (3, 4)},
    "communication-prohibited": {Family.V4: (3, 13), Family.V6: (1, 1)},
    "source-quench": {Family.V4: (4, None)},
    "timestamp-request": {Family.V4: (13, None)},
    "timestamp-reply": {Family.V4: (14, None)},
    "address-mask-request": {Family.V4: (17, None)},
    "address-mask-reply": {Family.V4: (18, None)},
    "packet-too-big": {Family.V6: (2, None)},
    "neighbour-solicitation": {Family.V6: (135, None)},
    "neighbor-solicitation": {Family.V6: (135, None)},
    "neighbour-advertisement": {Family.V6: (136, None)},
    "neighbor-advertisement": {Family.V6: (136, None)},
}
_FOREIGN_ICMP = {"ping": "echo-request", "pong": "echo-reply", "unreachable": "destination-unreachable"}
_MAPPED = ipaddress.IPv6Network("::ffff:0:0/96")
_SHOWN_NETWORKS = 4
_FAMILY_WORDS = {Family.V4: "icmpv4", Family.V6: "icmpv6"}


def number(text: str) -> int | Problem:
    """A whole number without leading zeros; `007` might be octal to a reader, so it is refused."""
    if not text.isdigit():
        return Problem("NP110", f"`{text}` is no whole number", "digits only")
    if len(text) > 1 and text.startswith("0"):
        hint = "write `0`; digits are not grouped" if not text.strip("0") else f"write `{text.lstrip('0')}`"
        return Problem("NP110", f"`{text}` has a leading zero", hint)
    if len(text) > 9:
        return Problem("NP110", f"`{text[:12]}…` is too large", "use a smaller number")
    return int(text)


def port_range(text: str) -> tuple[int, int] | Problem:
    """First and last port of `22` or `41000-61000`."""
    if "/" in text:
        hint = "a range is written `first-last`; TYPE/CODE belongs to icmpv4 and icmpv6"
        return Problem("NP113", f"`{text}` is no port", hint)
    numbers: list[int] = []
    for part in text.split("-"):
        value = number(part)
        if isinstance(value, Problem):
            return value
        if value > HIGHEST_PORT:
            return Problem("NP113", f"port {part} is above {HIGHEST_PORT}", f"ports are 0 to {HIGHEST_PORT}")
        numbers.append(value)
    first, last = numbers[0], numbers[-1]
    if first > last:
        return Problem("NP113", f"the range {text} runs backwards", f"write `{last}-{first}`")
    return first, last


def address_literal(text: str) -> tuple[Family, int, int] | Problem:
    """Family, first and last address of an address or CIDR without host bits."""
    address, slash, length = text.partition("/")
    try:
        host = ipaddress.ip_address(address)
    except ValueError:
        if text.endswith(":") and not text.endswith("::"):
            return Problem("NP116", f"`{text}` is no address", "put a blank before the `:` that follows an address")
        return Problem("NP116", f"`{text}` is no address", _address_hint(address))
    family = Family(host.version)
    if "%" in address:
        return Problem("NP116", f"`{text}` is no address", "leave the zone out")
    if host in _MAPPED and length != "96":
        hint = f"write `{host.ipv4_mapped}`" if isinstance(host, ipaddress.IPv6Address) else ""
        return Problem("NP116", f"`{text}` is an address of IPv4 in the form of IPv6", hint)
    if not slash:
        return family, int(host), int(host)
    if not re.fullmatch(r"0|[1-9][0-9]{0,2}", length) or int(length) > family.bits:
        return Problem("NP116", f"`/{length}` is no prefix length of IPv{host.version}", _length_hint(text, family))
    network = ipaddress.ip_network(f"{host}/{length}", strict=False)
    if network.network_address != host:
        return Problem(
            "NP116", f"`{text}` has host bits set", f"write `{network}` for the network or `{host}` for the host"
        )
    return family, int(network.network_address), int(network.broadcast_address)


def range_hint(text: str) -> str:
    """How `10.0.0.1-10.0.0.9` is written; how an address is, for any other text."""
    first, _, last = text.partition("-")
    try:
        begin, end = ipaddress.ip_address(first), ipaddress.ip_address(last)
        networks: list[ipaddress.IPv4Network | ipaddress.IPv6Network]
        networks = list(ipaddress.summarize_address_range(begin, end))
    except (ValueError, TypeError):
        return "an address or a CIDR, such as `10.0.0.0/24`"
    if len(networks) > _SHOWN_NETWORKS:
        return "a range of addresses is written as CIDRs"
    return f"write `{', '.join(str(one.network_address if one.num_addresses == 1 else one) for one in networks)}`"


def _length_hint(text: str, family: Family) -> str:
    if family is Family.V4 and "." in text.partition("/")[2]:
        try:
            return f"write `{ipaddress.IPv4Network(text)}`"
        except ValueError:
            pass
    return f"lengths are 0 to {family.bits}"


def _address_hint(address: str) -> str:
    if "," in address:
        return "several addresses stand in a list: `[10.0.0.1, 10.0.0.2]`"
    if re.fullmatch(r"[0-9.]+:[0-9]+", address):
        return "leave the port out"
    if "-" in address and address[:1].isdigit():
        return range_hint(address)
    parts = address.split(".")
    if ":" in address:
        return "eight groups of hex digits, `::` once at most"
    if not any(part.isdigit() for part in parts):
        return "a name is no address: write the address itself"
    if len(parts) != 4:
        return f"IPv4 has four numbers, this has {len(parts)}"
    for part in parts:
        if not part.isdigit():
            return f"`{part}` is no number"
        if int(part) > 255:
            return f"{part} is above 255"
        if len(part) > 1 and part[0] == "0":
            return f"`{part}` has a leading zero, which some read as octal"
    return ""


def icmp_kinds(word: str, text: str, families: tuple[Family, ...]) -> IcmpKinds | Problem:
    """(family, type, code) rows of `echo-request`, `8/0`, `8` or `any` under `icmp`, `icmpv4` or `icmpv6`."""
    if text == "any":
        return tuple((family, None, None) for family in families)
    if text[:1].isdigit():
        return _icmp_number(word, text, families)
    known = ICMP_TYPES.get(text.lower().replace("_", "-"))
    if known is None:
        names = [name for name, rows in ICMP_TYPES.items() if any(family in rows for family in families)]
        foreign = _FOREIGN_ICMP.get(text.lower(), "")
        hint = f"write `{foreign}`" if foreign else did_you_mean(text, names)
        hint = hint or "such as `echo-request`, or `icmpv4 8/0`"
        return Problem("NP113", f"unknown icmp type `{text}`", hint)
    for family in families:
        if family not in known:
            other = next(iter(known))
            return Problem(
                "NP113", f"IPv{family.value} has no icmp type `{text}`", f"write `{_FAMILY_WORDS[other]} {text}`"
            )
    return tuple((family, *known[family]) for family in families)


def _icmp_number(word: str, text: str, families: tuple[Family, ...]) -> IcmpKinds | Problem:
    if len(families) > 1:
        hint = f"write `icmpv4 {text}` or `icmpv6 {text}`, or a name"
        return Problem("NP113", f"`{text}` is another message in each family", hint)
    if "-" in text:
        return Problem("NP113", f"`{text}` is no icmp type", "TYPE or TYPE/CODE, such as `8/0`")
    values: list[int] = []
    for part in text.split("/"):
        value = number(part)
        if isinstance(value, Problem):
            return value
        if value > 255:
            return Problem("NP113", f"{word} type or code {part} is above 255", "types and codes are 0 to 255")
        values.append(value)
    if families[0] is Family.V4 and values[0] == 255:
        # The kernel reads type 255 of IPv4 as *every* type (net/ipv4/netfilter/ip_tables.c, icmp_match).
        message = "icmp type 255 is reserved, and iptables reads it as every type"
        return Problem("NP113", message, "write `icmpv4 any` if that is meant")
    return ((families[0], values[0], values[1] if len(values) > 1 else None),)
