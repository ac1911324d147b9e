"""A rule as the bytes that the kernel is given, by python-iptables' `Rule`, `Match` and `Target`."""

from __future__ import annotations

import ctypes
from typing import Any, assert_never

from netpolicy.node.legacy.header import UnwritableError, write_header
from netpolicy.packet.addresses import Family, address_text, network_text
from netpolicy.packet.intervals import Interval
from netpolicy.targets.iptables import rules as r
from netpolicy.targets.iptables.protocols import AH, SCTP, TCP, UDP

_EXTENSION_HEAD = 32  # size, name and revision before the data of a match or target
_LOG_PREFIX_AT = 2  # behind the level and the flags
_PREFIX_LAST = 29
_COMMENT_LAST = 255
_PORT_MODULES = {TCP: "tcp", UDP: "udp", SCTP: "sctp"}
_STATES = ("INVALID", "NEW", "RELATED", "ESTABLISHED", "UNTRACKED", "SNAT", "DNAT")
# As the printer orders them, so that the tools print the same text for what either way has written.
_ORDER: tuple[type[r.Match], ...] = (
    *(r.AddressRange, r.ProtocolIs, r.PortIn, r.IcmpIs, r.InSet, r.StateIn, r.OriginalProtocol),
    *(r.OriginalDestination, r.OriginalPort, r.Limit),
)


def encoded(iptc: Any, family: Family, rule: r.Rule) -> Any:
    """The raw rule; what the library refuses is an UnwritableError. A chain that it leads to has to be there."""
    made = iptc.Rule() if family is Family.V4 else iptc.Rule6()
    write_header(made.get_ip(), family, rule.matches)
    extended = [match for match in rule.matches if isinstance(match, _ORDER)]
    protocol = next((one.number for one in extended if isinstance(one, r.ProtocolIs) and not one.negated), 0)
    for match in sorted(extended, key=lambda match: _ORDER.index(type(match))):
        _add(made, match, family, protocol)
    if rule.comment:
        _copy(made.create_match("comment").match, 0, rule.comment, _COMMENT_LAST)
    _target(made, rule.target)
    # `final_check` is not called: it prints every option and reads it back, and loses quotes on the way.
    return made.rule


def _copy(place: Any, at: int, text: str, last: int) -> None:
    """The text stands in the data of an extension as it is; the library would take a leading `!` as a negation."""
    data = text.encode("utf-8", "surrogateescape")
    if len(data) > last or b"\0" in data:
        raise UnwritableError(f"`{text[:40]}…` has more than {last} bytes")
    ctypes.memmove(ctypes.addressof(place) + _EXTENSION_HEAD + at, data, len(data))


def _add(made: Any, match: r.Match, family: Family, protocol: int) -> None:
    if isinstance(match, r.ProtocolIs):
        if family is Family.V6 and match.number == AH:
            made.create_match("ah")
        return
    module, option, *values = _option(match, family, protocol)
    if getattr(match, "negated", False):
        values = ["!", *values]
    try:
        extension = made.create_match(module)
        extension.set_parameter(option, values)
        if isinstance(match, r.Limit):
            extension.set_parameter("limit-burst", str(match.burst))
    except Exception as error:
        words = " ".join((module, f"--{option}", *values))
        reason = "is the set there?" if isinstance(match, r.InSet) else f"{error}"
        raise UnwritableError(f"python-iptables refuses `-m {words}`: {reason}") from None


def _option(match: r.Match, family: Family, protocol: int) -> tuple[str, ...]:
    """The module, the option and its values."""
    match match:
        case r.AddressRange():
            ends = "-".join(address_text(family, end) for end in (match.first, match.last))
            return "iprange", f"{match.side.value}-range", ends
        case r.PortIn():
            end = f"{match.side.value[0]}port"
            if len(match.ports) == 1 and protocol in _PORT_MODULES:
                return _PORT_MODULES[protocol], end, _interval(match.ports[0])
            return "multiport", f"{end}s", ",".join(_interval(pair) for pair in match.ports)
        case r.IcmpIs():
            code = "" if match.code is None else f"/{match.code}"
            module, option = ("icmp", "icmp-type") if family is Family.V4 else ("icmp6", "icmpv6-type")
            return module, option, f"{match.type}{code}"
        case r.InSet():
            return "set", "match-set", match.name, match.side.value
        case r.StateIn():
            return "conntrack", "ctstate", ",".join(state for state in _STATES if state in match.states)
        case r.OriginalPort():
            return "conntrack", "ctorigdstport", _interval(match.ports)
        case r.OriginalDestination():
            return "conntrack", "ctorigdst", network_text(family, match.network, match.length)
        case r.OriginalProtocol():
            return "conntrack", "ctproto", str(match.number)
        case r.Limit():
            return "limit", "limit", match.rate
        case r.Network() | r.Interface() | r.ProtocolIs():
            raise ValueError("a match of the header")
        case r.TcpFlags() | r.SourceMac() | r.Fragment() | r.Opaque():
            raise ValueError("only others write such a match")
        case _:
            assert_never(match)


def _interval(pair: Interval) -> str:
    return str(pair[0]) if pair[0] == pair[1] else f"{pair[0]}:{pair[1]}"


def _target(made: Any, target: r.Target) -> None:
    match target:
        case r.Return() | r.Accept() | r.Drop():
            made.create_target(type(target).__name__.upper())
        case r.Mark():
            made.create_target("")
        case r.Jump():
            made.create_target(target.chain)
        case r.Goto():
            made.create_target(target.chain, goto=True)
        case r.Reject():
            made.create_target("REJECT").set_parameter("reject-with", target.how)
        case r.Log():
            _copy(made.create_target("LOG").target, _LOG_PREFIX_AT, target.prefix, _PREFIX_LAST)
        case _:
            assert_never(target)
