"""What every rule has beside its matches: addresses, interfaces and protocol, from the kernel's own bytes and back.

python-iptables is not asked here: it reads a mask with a gap as a prefix, and in IPv6 it writes an interface so that
only the lowest bit of each letter is compared, and `! -p` so that it holds for every protocol (1.2.0).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables.protocols import AH
from netpolicy.targets.iptables.rules import Interface, Match, Network, ProtocolIs, Side

GOTO = {Family.V4: 0x02, Family.V6: 0x04}
_HAS_PROTOCOL = {Family.V4: 0, Family.V6: 0x01}  # IPv6 asks whether the protocol is looked at
_INVERTED = {"iniface": 0x01, "outiface": 0x02, "src": 0x08, "dst": 0x10, "proto": 0x40}
_ENDS = ((Side.SOURCE, "src", "smsk", "iniface"), (Side.DESTINATION, "dst", "dmsk", "outiface"))
_EXTENSIONS = frozenset({43, 44, AH, 60})
_NAME_LAST = 15


class UnreadableError(Exception):
    """The rule has no value of ours; the text says why."""


class UnwritableError(Exception):
    """The rule cannot be written by python-iptables; the text says why."""


def read_header(ip: Any, family: Family) -> list[Match]:
    """The matches of an `ipt_ip` or `ip6t_ip6`; any bit that has no match of ours is an UnreadableError."""
    known = sum(_INVERTED.values())
    if ip.flags & ~(GOTO[family] | _HAS_PROTOCOL[family]) or ip.invflags & ~known:
        raise UnreadableError("it matches fragments or the type of service")
    return [*_networks(ip, family), *_interfaces(ip), *_protocol(ip, family)]


def raw_text(ip: Any, family: Family) -> str:
    """The header in the words of iptables, with whole masks."""
    said = []
    for side, address, mask, interface in _ENDS:
        if any(_bytes(ip, mask)):
            sign = "! " if ip.invflags & _INVERTED[address] else ""
            said.append(f"{sign}-{address[0]} {_shown(_bytes(ip, address))}/{_shown(_bytes(ip, mask))}")
        if any(_bytes(ip, f"{interface}_mask")):
            sign = "! " if ip.invflags & _INVERTED[interface] else ""
            option = "-i" if side is Side.SOURCE else "-o"
            said.append(f"{sign}{option} {_bytes(ip, interface).split(bytes(1))[0].decode('ascii', 'replace')}")
    if ip.proto:
        said.append(f"{'! ' if ip.invflags & _INVERTED['proto'] else ''}-p {ip.proto}")
    return " ".join(said)


def write_header(ip: Any, family: Family, matches: tuple[Match, ...]) -> None:
    """The header says these matches; those of an extension are left to others."""
    seen: set[tuple[type, Side | None]] = set()
    for match in matches:
        if not isinstance(match, Network | Interface | ProtocolIs):
            continue
        if isinstance(match, ProtocolIs) and family is Family.V6 and match.number in _EXTENSIONS:
            if match.number == AH and not match.negated:
                continue  # a match of its own
            raise UnwritableError(f"`-p {match.number}` never matches in IPv6")
        place = type(match), getattr(match, "side", None)
        if place in seen:
            raise UnwritableError("a rule has one address, one interface and one protocol on each side")
        seen.add(place)
        _write(ip, family, match)


def _bytes(ip: Any, field: str) -> bytes:
    place = getattr(type(ip), field)
    return bytes(ip)[place.offset : place.offset + place.size]


def _shown(address: bytes) -> str:
    if len(address) == 4:
        return ".".join(str(byte) for byte in address)
    return ":".join(address[at : at + 2].hex() for at in range(0, 16, 2))


def _networks(ip: Any, family: Family) -> Iterator[Network]:
    for side, field, mask_field, _ in _ENDS:
        mask = f"{int.from_bytes(_bytes(ip, mask_field), 'big'):0{family.bits}b}"
        length = mask.find("0") if "0" in mask else family.bits
        if "1" in mask[length:]:
            raise UnreadableError("its mask of addresses has a gap")
        negated = bool(ip.invflags & _INVERTED[field])
        if not length and negated:
            raise UnreadableError("it is for no address at all")
        if length:
            host = family.bits - length
            yield Network(side, int.from_bytes(_bytes(ip, field), "big") >> host << host, length, negated)


def _interfaces(ip: Any) -> Iterator[Interface]:
    for side, _, _, field in _ENDS:
        name, mask = _bytes(ip, field).split(bytes(1))[0], _bytes(ip, f"{field}_mask")
        compared = len(mask) - len(mask.lstrip(b"\xff"))
        negated = bool(ip.invflags & _INVERTED[field])
        if any(mask[compared:]) or name[compared:] not in (b"", b"+"):
            raise UnreadableError("its mask of an interface compares parts of letters")
        if compared > len(name) + 1 or (not compared and negated):
            raise UnreadableError("it is for no interface at all")
        if compared:
            exact = compared == len(name) + 1
            text = (name if exact else name[:compared] + b"+").decode("utf-8", "surrogateescape")
            yield Interface(side, text, negated)


def _protocol(ip: Any, family: Family) -> Iterator[ProtocolIs]:
    number, negated = ip.proto, bool(ip.invflags & _INVERTED["proto"])
    if not number and negated:
        raise UnreadableError("it is for no protocol at all")
    if not number:
        return
    if family is Family.V6 and not ip.flags & _HAS_PROTOCOL[family]:
        raise UnreadableError("its protocol is not looked at")
    if family is Family.V6 and number in _EXTENSIONS:
        raise UnreadableError("its protocol is an extension header, which never matches in IPv6")
    yield ProtocolIs(number, negated)


def _write(ip: Any, family: Family, match: Network | Interface | ProtocolIs) -> None:
    field = "proto"
    match match:
        case Network():
            _, field, mask_field, _ = next(end for end in _ENDS if end[0] is match.side)
            size = family.bits // 8
            mask = (1 << family.bits) - (1 << (family.bits - match.length))
            for name, value in ((field, match.network & mask), (mask_field, mask)):
                setattr(ip, name, type(getattr(ip, name)).from_buffer_copy(value.to_bytes(size, "big")))
        case Interface():
            *_, field = next(end for end in _ENDS if end[0] is match.side)
            name_bytes = match.name.encode("utf-8", "surrogateescape")
            if len(name_bytes) > _NAME_LAST:
                raise UnwritableError(f"the interface name `{match.name}` is too long")
            compared = len(name_bytes) - 1 if name_bytes.endswith(b"+") else len(name_bytes) + 1
            setattr(ip, field, name_bytes)
            setattr(ip, f"{field}_mask", b"\xff" * compared)
        case ProtocolIs():
            ip.proto = match.number
            ip.flags |= _HAS_PROTOCOL[family]
    if match.negated:
        ip.invflags |= _INVERTED[field]
