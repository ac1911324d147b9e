"""A rule of the kernel as a value, by python-iptables: it shares nothing with the reader of the tools' text."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Address, IPv6Address
from typing import Any

from netpolicy.node.legacy.header import GOTO, UnreadableError, raw_text, read_header
from netpolicy.node.legacy.live import Unreadable
from netpolicy.packet.addresses import Family
from netpolicy.packet.intervals import Interval
from netpolicy.targets.iptables import rules as r
from netpolicy.targets.iptables.normal import normal
from netpolicy.targets.iptables.protocols import AH

_EXTENSION_HEAD = 32  # size, name and revision before the data of a match or target
_SIDES = {"s": r.Side.SOURCE, "d": r.Side.DESTINATION}
_LOG_LEVEL = 4
_MATCHES = frozenset({"tcp", "udp", "sctp", "multiport", "iprange", "set", "conntrack", "limit", "comment"})
_OF_FAMILY = {Family.V4: frozenset({"icmp"}), Family.V6: frozenset({"icmp6", "ah"})}
_PLAIN: dict[str, r.Target] = {"ACCEPT": r.Accept(), "DROP": r.Drop(), "RETURN": r.Return(), "": r.Mark()}
Given = dict[str, list[str]]


@dataclass(frozen=True, slots=True)
class _Extension:
    """A match or target as it lies in the kernel's bytes."""

    name: str
    revision: int
    size: int
    data: bytes


def entries(table: Any, chain: str) -> Iterator[Any]:
    """The raw rules of a chain, in order; they live as long as the table is not read anew."""
    entry = table.first_rule(chain)
    while entry:
        yield entry
        entry = table.next_rule(entry)


def leads_to(table: Any, entry: Any) -> str:
    """The chain or verdict that a raw rule ends in; empty for none."""
    return (table.get_target(entry) or b"").decode("utf-8", "surrogateescape")


def header_of(entry: Any, family: Family) -> Any:
    """The part of a raw rule that every rule has."""
    return entry.ip if family is Family.V4 else entry.ipv6


def extensions(entry: Any) -> tuple[list[_Extension], _Extension]:
    """The matches of a raw rule, and its target; lengths that do not add up are an UnreadableError."""
    start, end = ctypes.addressof(entry), entry.target_offset
    at = ctypes.sizeof(entry)
    found = []
    while at < end:
        found.append(_extension(start, at, end))
        at += found[-1].size
    return found, _extension(start, end, entry.next_offset)


def decoded(iptc: Any, table: Any, chain: str, entry: Any, family: Family) -> r.Rule | Unreadable:
    """The rule as a value; whatever has none is told, never left out."""
    try:
        return _rule(iptc, table, chain, entry, family)
    except UnreadableError as error:
        return Unreadable(_text(table, chain, entry, family), str(error))
    except Exception as error:  # what the library meets in a rule that is not ours must not end the reading
        return Unreadable(_text(table, chain, entry, family), f"python-iptables cannot read it: {error}")


def _extension(start: int, at: int, end: int) -> _Extension:
    size = ctypes.c_uint16.from_address(start + at).value
    if size < _EXTENSION_HEAD or at + size > end:
        raise UnreadableError("its parts have lengths that do not add up")
    raw = ctypes.string_at(start + at, size)
    name = raw[2:31].split(bytes(1))[0].decode("utf-8", "surrogateescape")
    return _Extension(name, raw[31], size, raw[_EXTENSION_HEAD:])


def _text(table: Any, chain: str, entry: Any, family: Family) -> str:
    ip = header_of(entry, family)
    words = [f"-A {chain}", raw_text(ip, family)]
    try:
        matches, target = extensions(entry)
        words += [f"-m {match.name}" for match in matches]
        name = leads_to(table, entry) or target.name
    except UnreadableError:
        name = ""
    words.append(f"{'-g' if ip.flags & GOTO[family] else '-j'} {name}" if name else "")
    return " ".join(word for word in words if word)


def _rule(iptc: Any, table: Any, chain: str, entry: Any, family: Family) -> r.Rule:
    raw_matches, raw_target = extensions(entry)
    found = read_header(header_of(entry, family), family)
    for match in raw_matches:
        if match.name not in _MATCHES | _OF_FAMILY[family]:
            raise UnreadableError(f"its match `{match.name}` is not one of ours")
        _same_shape(match, _known_match(iptc, family, match.name))
    if raw_target.name not in ("", "REJECT", "LOG"):
        raise UnreadableError(f"its target `{raw_target.name}` is not one of ours")
    _same_shape(raw_target, _known_target(iptc, family, raw_target.name))
    rule = table.create_rule(entry, iptc.Chain(table, chain))
    comment = ""
    for raw, match in zip(raw_matches, rule.matches, strict=True):
        if match.name != raw.name:
            raise UnreadableError(f"its match `{raw.name}` stands there as `{match.name}`")
        if raw.name == "comment":
            if comment:
                raise UnreadableError("it has two comments")
            comment = _c_text(raw.data)
        else:
            found += _matches(raw.name, match.get_all_parameters(), family)
    is_goto = bool(header_of(entry, family).flags & GOTO[family])
    return r.Rule(normal(found), _target(raw_target, rule.target, leads_to(table, entry), is_goto), comment)


@cache
def _known_match(iptc: Any, family: Family, name: str) -> tuple[int, int]:
    match = iptc.Match(_empty(iptc, family), name)
    return match.match.u.user.revision, match.size


@cache
def _known_target(iptc: Any, family: Family, name: str) -> tuple[int, int]:
    target = iptc.Target(_empty(iptc, family), name)
    return target.target.u.user.revision, target.size


def _empty(iptc: Any, family: Family) -> Any:
    return iptc.Rule() if family is Family.V4 else iptc.Rule6()


def _same_shape(raw: _Extension, known: tuple[int, int]) -> None:
    # The library reads every revision as the newest one that it knows.
    if (raw.revision, raw.size) != known:
        raise UnreadableError(f"its `{raw.name or 'target'}` is of another revision than this library's")


def _target(raw: _Extension, target: Any, leads: str, is_goto: bool) -> r.Target:
    match raw.name:
        case "REJECT":
            ((_, how),) = target.get_all_parameters().items()
            return r.Reject(_only(how))
        case "LOG":
            level, flags = raw.data[0], raw.data[1]
            if level != _LOG_LEVEL or flags:
                raise UnreadableError("it logs at another level, or more than we ask for")
            return r.Log(_c_text(raw.data[2:]))
        case _ if leads in _PLAIN and not is_goto:
            return _PLAIN[leads]
        case _:
            return r.Goto(leads) if is_goto else r.Jump(leads)


def _c_text(data: bytes) -> str:
    return data.split(bytes(1))[0].decode("utf-8", "surrogateescape")


def _only(words: list[str]) -> str:
    if len(words) != 1:
        raise UnreadableError(f"one value was expected, not `{' '.join(words)}`")
    return words[0]


def _matches(name: str, given: Given, family: Family) -> Iterator[r.Match]:
    """The matches of one extension, from its options as libxtables prints them."""
    if name == "ah":
        if given:
            raise UnreadableError("it asks more of the authentication header than that it is there")
        yield r.ProtocolIs(AH)
        return
    if name == "limit":
        burst = int(_only(given.pop("limit-burst", ["5"])))
        yield r.Limit(_only(given.pop("limit")), burst)
    for option, words in given.items():
        negated = words[:1] == ["!"]
        yield _match(name, option, words[1:] if negated else words, negated, family)


def _match(name: str, option: str, words: list[str], negated: bool, family: Family) -> r.Match:
    match name, option:
        case (("tcp" | "udp" | "sctp"), ("sport" | "dport")):
            return r.PortIn(_SIDES[option[0]], (_interval(_only(words)),), negated)
        case "multiport", ("sports" | "dports"):
            ports = tuple(_interval(one) for one in _only(words).split(","))
            return r.PortIn(_SIDES[option[0]], ports, negated)
        case ("icmp", "icmp-type") | ("icmp6", "icmpv6-type"):
            return r.IcmpIs(*_icmp(_only(words)), negated)
        case "iprange", ("src-range" | "dst-range"):
            first, last = (_address(one, family) for one in _only(words).split("-"))
            return r.AddressRange(_SIDES[option[0]], first, last, negated)
        case "set", "match-set" if len(words) == 2 and words[1] in ("src", "dst"):
            return r.InSet(_SIDES[words[1][0]], words[0], negated)
        case "conntrack", _:
            return _conntrack(option, _only(words), negated, family)
        case _:
            raise UnreadableError(f"`-m {name} --{option} {' '.join(words)}` is not one of ours")


def _conntrack(option: str, word: str, negated: bool, family: Family) -> r.Match:
    match option:
        case "ctstate":
            return r.StateIn(frozenset(word.split(",")), negated)
        case "ctproto":
            return r.OriginalProtocol(int(word), negated)
        case "ctorigdstport":
            return r.OriginalPort(_interval(word), negated)
        case "ctorigdst":
            address, _, length = word.partition("/")
            if length and not length.isdigit():
                raise UnreadableError("its mask of addresses has a gap")
            return r.OriginalDestination(_address(address, family), int(length) if length else family.bits, negated)
        case _:
            raise UnreadableError(f"`-m conntrack --{option} {word}` is not one of ours")


def _interval(word: str) -> Interval:
    found = re.fullmatch(r"(\d+)(?::(\d+))?", word)
    if not found:
        raise UnreadableError(f"`{word}` is no range of ports")
    return int(found[1]), int(found[2] or found[1])


def _icmp(word: str) -> tuple[int, int | None]:
    found = re.fullmatch(r"(\d+)(?:/(\d+))?", word)
    if not found:
        raise UnreadableError(f"`{word}` is no icmp type")
    return int(found[1]), int(found[2]) if found[2] else None


def _address(word: str, family: Family) -> int:
    return int(IPv4Address(word) if family is Family.V4 else IPv6Address(word))
