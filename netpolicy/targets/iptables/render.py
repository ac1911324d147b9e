"""Prints a ruleset: `rules.v4` and `rules.v6` in restore format, `sets.ipset`. Deterministic, byte for byte."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import assert_never

from netpolicy.packet.addresses import Family, address_text, network_text, networks
from netpolicy.packet.intervals import Intervals
from netpolicy.packet.ports import Protocol
from netpolicy.targets.iptables import rules as r

_STATES = ("INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT")
_LEAST_HASH = 64
_PLAIN = re.compile(r"[\w:.,/-]+")
_ORDER: tuple[type[r.Match], ...] = (
    *(r.Interface, r.Network, r.AddressRange, r.ProtocolIs, r.PortIn, r.IcmpIs, r.InSet, r.StateIn, r.OriginalProtocol),
    *(r.OriginalDestination, r.OriginalPort, r.Limit, r.TcpFlags, r.SourceMac, r.Fragment, r.Opaque),
)


def render(ruleset: r.Ruleset) -> dict[str, str]:
    """The three files of a ruleset, by name. Each ends with a line end; the set file may be empty."""
    return {
        "rules.v4": table_text(ruleset.v4),
        "rules.v6": table_text(ruleset.v6),
        "sets.ipset": "".join(set_text(one) for one in ruleset.sets),
    }


def table_text(table: r.Table) -> str:
    """A filter table that `iptables-restore` (or `ip6tables-restore`) loads."""
    lines = ["*filter"]
    lines += [f":{chain.name} {chain.policy or '-'} [0:0]" for chain in table.chains]
    for chain in table.chains:
        lines += [f"-A {chain.name}{rule_text(rule, table.family)}" for rule in chain.rules]
    lines.append("COMMIT")
    return "\n".join(lines) + "\n"


def rule_text(rule: r.Rule, family: Family) -> str:
    """The options of a rule, each behind a blank."""
    words = list(_matches(rule.matches, family))
    if rule.comment:
        words.append(f"-m comment --comment {_quoted(rule.comment)}")
    words.append(_target(rule.target))
    return "".join(f" {word}" for word in words if word)


@lru_cache(maxsize=4096)  # classes of nodes share most of their matches
def _matches(matches: tuple[r.Match, ...], family: Family) -> tuple[str, ...]:
    protocol = next((match.number for match in matches if isinstance(match, r.ProtocolIs) and not match.negated), 0)
    return tuple(_match(match, family, protocol) for match in sorted(matches, key=_position))


def _position(match: r.Match) -> int:
    """Where a match stands in a line: `-p` before the ports that need it, sets and states last."""
    return _ORDER.index(type(match))


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _match(match: r.Match, family: Family, protocol: int) -> str:
    negation = "! " if getattr(match, "negated", False) else ""
    match match:
        case r.Network():
            option = "-s" if match.side is r.Side.SOURCE else "-d"
            return f"{negation}{option} {network_text(family, match.network, match.length)}"
        case r.AddressRange():
            first, last = address_text(family, match.first), address_text(family, match.last)
            return f"-m iprange {negation}--{match.side.value}-range {first}-{last}"
        case r.InSet():
            return f"-m set {negation}--match-set {match.name} {match.side.value}"
        case r.Interface():
            return f"{negation}{'-i' if match.side is r.Side.SOURCE else '-o'} {match.name}"
        case r.ProtocolIs(number=Protocol.AH, negated=False) if family is Family.V6:
            return "-m ah"  # an extension header: `-p ah` never matches in ip6tables
        case r.ProtocolIs():
            return f"{negation}-p {_protocol(match.number)}"
        case r.PortIn():
            return _ports(match, negation, protocol)
        case r.IcmpIs():
            module, option = ("icmp", "icmp-type") if family is Family.V4 else ("icmp6", "icmpv6-type")
            code = "" if match.code is None else f"/{match.code}"
            return f"-m {module} {negation}--{option} {match.type}{code}"
        case r.StateIn():
            return f"-m conntrack {negation}--ctstate {','.join(state for state in _STATES if state in match.states)}"
        case r.OriginalPort():
            return f"-m conntrack {negation}--ctorigdstport {_interval(match.ports)}"
        case r.OriginalDestination():
            return f"-m conntrack {negation}--ctorigdst {network_text(family, match.network, match.length)}"
        case r.OriginalProtocol():
            return f"-m conntrack {negation}--ctproto {match.number}"
        case r.Limit():
            return f"-m limit --limit {match.rate} --limit-burst {match.burst}"
        case r.TcpFlags() | r.SourceMac() | r.Fragment() | r.Opaque():
            raise ValueError("only others write such a match")
        case _:
            assert_never(match)


def _protocol(number: int) -> str:
    names: dict[int, str] = {
        Protocol.TCP: "tcp",
        Protocol.UDP: "udp",
        Protocol.ICMP: "icmp",
        Protocol.ICMPV6: "icmpv6",
        Protocol.SCTP: "sctp",
    }
    return names.get(number, str(number))


def _interval(pair: tuple[int, int]) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}:{pair[1]}"


def _ports(match: r.PortIn, negation: str, protocol: int) -> str:
    end = "s" if match.side is r.Side.SOURCE else "d"
    if len(match.ports) == 1:
        return f"-m {_protocol(protocol)} {negation}--{end}port {_interval(match.ports[0])}"
    return f"-m multiport {negation}--{end}ports {','.join(_interval(pair) for pair in match.ports)}"


def _target(target: r.Target) -> str:
    match target:
        case r.Return():
            return "-j RETURN"
        case r.Accept():
            return "-j ACCEPT"
        case r.Drop():
            return "-j DROP"
        case r.Reject():
            return f"-j REJECT --reject-with {target.how}"
        case r.Jump():
            return f"-j {target.chain}"
        case r.Goto():
            return f"-g {target.chain}"
        case r.Log():
            return f"-j LOG --log-prefix {_quoted(target.prefix)}"
        case r.Mark():
            return ""
        case _:
            assert_never(target)


@lru_cache(maxsize=1024)
def set_text(one: r.AddressList) -> str:
    """The lines that make a set and its members; running them again changes nothing."""
    family = "inet" if one.family is Family.V4 else "inet6"
    members = _members(one.family, one.kind, one.members)
    size = f"hashsize {_hash_size(len(members))} maxelem {max(1, len(members))}"
    create = f"create {one.name} {one.kind} family {family} {size} -exist\n"
    return create + "".join(f"add {one.name} {member} -exist\n" for member in members)


def _members(family: Family, kind: str, members: Intervals) -> list[str]:
    if kind == "hash:ip":
        return [address_text(family, address) for first, last in members for address in range(first, last + 1)]
    return [network_text(family, network, length) for network, length in networks(family, members)]


def _hash_size(count: int) -> int:
    """The next power of two, as the kernel would choose it itself."""
    return max(_LEAST_HASH, 1 << (count - 1).bit_length()) if count else _LEAST_HASH
