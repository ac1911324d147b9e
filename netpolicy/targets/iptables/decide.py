"""What a ruleset does with one packet: the naive reading, first match, rule by rule.

This is the specification of every faster reading; it is written to be read aloud and never made quicker.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import assert_never

from netpolicy.packet import intervals
from netpolicy.packet.addresses import Family
from netpolicy.packet.packets import Packet, State, connection_protocol
from netpolicy.targets.iptables.rules import (
    Accept,
    AddressRange,
    Chain,
    Drop,
    Fragment,
    Goto,
    IcmpIs,
    InSet,
    Interface,
    Jump,
    Limit,
    Log,
    Mark,
    Match,
    Network,
    Opaque,
    OriginalDestination,
    OriginalPort,
    OriginalProtocol,
    PortIn,
    ProtocolIs,
    Reject,
    Return,
    Rule,
    Ruleset,
    Side,
    SourceMac,
    StateIn,
    Table,
    Target,
    TcpFlags,
)

ICMP = {Family.V4: 1, Family.V6: 58}
ANY_PROTOCOL = 0
TCP = 6
PROTOCOLS_WITH_PORTS = frozenset({6, 17, 33, 132, 136})  # tcp, udp, dccp, sctp, udplite


class Verdict(Enum):
    """What becomes of a packet; ALLOW means that this table does not stop it."""

    ALLOW = "allow"
    DROP = "drop"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class Step:
    """A rule that the packet matched, or, with rule None, the end of a chain that it reached."""

    chain: str
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class Decision:
    """The verdict and the way to it; the last step decided."""

    verdict: Verdict
    why: tuple[Step, ...]


def decide(ruleset: Ruleset, packet: Packet) -> Decision:
    """What the packet's table does with it, in the hook that its interfaces tell, and by which rules."""
    table = ruleset.table(packet.family)
    built_in = _chain(table, hook(packet))
    chain, at = built_in, 0
    returns: list[tuple[Chain, int]] = []
    why: list[Step] = []
    while True:
        if at == len(chain.rules):
            why.append(Step(chain.name, None))
            target: Target = Return()
        else:
            rule = chain.rules[at]
            at += 1
            if not all(matches(ruleset, match, packet) for match in _deciding(rule)):
                continue
            why.append(Step(chain.name, rule))
            target = rule.target
        match target:
            case Log() | Mark():
                continue
            case Accept():
                return Decision(Verdict.ALLOW, tuple(why))
            case Drop():
                return Decision(Verdict.DROP, tuple(why))
            case Reject():
                return Decision(Verdict.REJECT, tuple(why))
            case Jump(name):
                returns.append((chain, at))
                chain, at = _chain(table, name), 0
            case Goto(name):
                chain, at = _chain(table, name), 0
            case Return() if returns:
                chain, at = returns.pop()
            case Return():
                return _policy(built_in, why)


def deciding(ruleset: Ruleset, packet: Packet) -> Rule | None:
    """The last rule on the packet's way that ended it or sent it back; None when it only ran out of chains."""
    last = next((step.rule for step in reversed(decide(ruleset, packet).why) if step.rule is not None), None)
    return None if last is None or isinstance(last.target, Jump | Goto | Log | Mark) else last


def hook(packet: Packet) -> str:
    """The built-in chain that the packet meets: it comes in, goes out, or does both."""
    match bool(packet.in_interface), bool(packet.out_interface):
        case True, True:
            return "FORWARD"
        case True, False:
            return "INPUT"
        case False, True:
            return "OUTPUT"
    raise ValueError("a packet without an interface meets no chain")


def matches(ruleset: Ruleset, match: Match, packet: Packet) -> bool:
    """True when the packet has what the match asks for."""
    match match:
        case Network(side, network, length, negated):
            return _within(_address(packet, side), network, length, packet.family) != negated
        case AddressRange(side, first, last, negated):
            return (first <= _address(packet, side) <= last) != negated
        case InSet(side, name, negated):
            return _in_set(ruleset, name, packet.family, _address(packet, side)) != negated
        case Interface(side, name, negated):
            return _is_interface(name, _interface(packet, side)) != negated
        case ProtocolIs(number, negated):
            return (number in (ANY_PROTOCOL, packet.protocol)) != negated
        case PortIn():
            return _has_port(match, packet)
        case IcmpIs():
            return _has_icmp_type(match, packet)
        case StateIn(states, negated):
            return bool(states & _states(packet)) != negated
        case OriginalPort() | OriginalDestination() | OriginalProtocol():
            return _has_original(match, packet)
        case TcpFlags(mask, wanted, negated):
            return packet.protocol == TCP and not packet.fragment and (packet.flags & mask == wanted) != negated
        case SourceMac(address, negated):
            # xt_mac answers no for a packet without an Ethernet header, negated or not.
            return packet.mac is not None and (packet.mac == address) != negated
        case Fragment(negated):
            return packet.fragment != negated
        case Opaque(text, negated):
            return (text in packet.holds) != negated
        case Limit():
            raise ValueError("a limit decides nothing, and only stands beside LOG")
        case _:
            assert_never(match)


def _policy(built_in: Chain, why: list[Step]) -> Decision:
    """The packet came to the end of the built-in chain, where its policy holds."""
    end = Step(built_in.name, None)
    steps = tuple(why) if why and why[-1] == end else (*why, end)
    return Decision(Verdict.DROP if built_in.policy == "DROP" else Verdict.ALLOW, steps)


def _chain(table: Table, name: str) -> Chain:
    chain = table.chain(name)
    if chain is None:
        raise ValueError(f"the table has no chain {name}")
    return chain


def _deciding(rule: Rule) -> tuple[Match, ...]:
    """The matches that say whether the rule holds; a limit on LOG only spares the log, and LOG decides nothing."""
    if isinstance(rule.target, Log):
        return tuple(match for match in rule.matches if not isinstance(match, Limit))
    return rule.matches


def _address(packet: Packet, side: Side) -> int:
    return packet.source if side is Side.SOURCE else packet.destination


def _interface(packet: Packet, side: Side) -> str:
    return packet.in_interface if side is Side.SOURCE else packet.out_interface


def _within(address: int, network: int, length: int, family: Family) -> bool:
    host_bits = family.bits - length
    return address >> host_bits == network >> host_bits


def _in_set(ruleset: Ruleset, name: str, family: Family, address: int) -> bool:
    for one in ruleset.sets:
        if one.name == name and one.family == family:
            return intervals.contains(one.members, address)
    raise ValueError(f"the ruleset has no set {name} of IPv{family.value}")


def _is_interface(asked: str, name: str) -> bool:
    """A trailing `+` asks for a prefix; a packet without that interface has the empty name."""
    return name.startswith(asked[:-1]) if asked.endswith("+") else name == asked


def _has_port(match: PortIn, packet: Packet) -> bool:
    """A packet without ports, as a later fragment is, has none inside and none outside of the list."""
    if packet.protocol not in PROTOCOLS_WITH_PORTS or packet.fragment:
        return False
    port = packet.source_port if match.side is Side.SOURCE else packet.port
    return intervals.contains(match.ports, port) != match.negated


def _has_icmp_type(match: IcmpIs, packet: Packet) -> bool:
    """A packet that is not ICMP of its family has no type, neither this nor another."""
    if packet.protocol != ICMP[packet.family] or packet.fragment:
        return False
    same_type = packet.port >> 8 == match.type
    same_code = match.code in (None, packet.port & 0xFF)
    return (same_type and same_code) != match.negated


def _states(packet: Packet) -> frozenset[str]:
    """The names of the packet's states; a translated end of its connection is one more beside the state.

    The source is translated after the filter table has seen the first packet, so SNAT is only among them later.
    """
    translated = ("DNAT" if packet.dnat else "", "SNAT" if packet.snat else "")
    return frozenset({packet.state.value, *filter(None, translated)})


def _has_original(match: OriginalPort | OriginalDestination | OriginalProtocol, packet: Packet) -> bool:
    """What the connection was before translation, which only a packet with a connection can have.

    xt_conntrack answers no for a packet without a connection, whether the match is negated or not; an original port or
    address that the packet does not carry is answered the same way.
    """
    if packet.state in (State.INVALID, State.UNTRACKED):
        return False
    match match:
        case OriginalProtocol(number, negated):
            return (connection_protocol(packet) == number) != negated
        case OriginalPort((first, last), negated):
            port = packet.original_port
            return port is not None and (first <= port <= last) != negated
        case OriginalDestination(network, length, negated):
            address = packet.original_destination
            return address is not None and _within(address, network, length, packet.family) != negated
