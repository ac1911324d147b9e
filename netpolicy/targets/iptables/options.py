"""Every option of a rule that is understood: the module it belongs to and the match it makes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from netpolicy.packet.addresses import Family
from netpolicy.targets.iptables import values
from netpolicy.targets.iptables.protocols import ANY, DCCP, ICMP, ICMPV6, SCTP, TCP, UDP, UDPLITE
from netpolicy.targets.iptables.rules import (
    AddressRange,
    IcmpIs,
    InSet,
    Interface,
    Limit,
    Match,
    Network,
    OriginalDestination,
    OriginalPort,
    OriginalProtocol,
    PortIn,
    ProtocolIs,
    Side,
    StateIn,
)
from netpolicy.targets.iptables.tokens import Token
from netpolicy.targets.iptables.values import MisreadError

OWN = ""
"""The module of options that every rule has."""

PORT_MODULES: Mapping[str, int] = MappingProxyType({"tcp": TCP, "udp": UDP, "sctp": SCTP})
NEEDS_PROTOCOL: Mapping[str, tuple[int, ...]] = MappingProxyType(
    {
        **{name: (number,) for name, number in PORT_MODULES.items()},
        "icmp": (ICMP,),
        "icmp6": (ICMPV6,),
        "multiport": (TCP, UDP, DCCP, SCTP, UDPLITE),
    }
)
ONLY_FAMILY: Mapping[str, Family] = MappingProxyType({"icmp": Family.V4, "icmp6": Family.V6})

MODULES = (*NEEDS_PROTOCOL, "comment", "conntrack", "iprange", "limit", "set")
TARGET_MODULES = ("LOG", "REJECT")

_BOTH_REJECT = ("tcp-reset",)
REJECT_WITH: Mapping[Family, tuple[str, ...]] = MappingProxyType(
    {
        # The first is what the tools take when nothing is said.
        Family.V4: (
            "icmp-port-unreachable",
            "icmp-net-unreachable",
            "icmp-host-unreachable",
            "icmp-proto-unreachable",
            "icmp-net-prohibited",
            "icmp-host-prohibited",
            "icmp-admin-prohibited",
            *_BOTH_REJECT,
        ),
        Family.V6: (
            "icmp6-port-unreachable",
            "icmp6-no-route",
            "icmp6-adm-prohibited",
            "icmp6-addr-unreachable",
            "icmp6-policy-fail",
            "icmp6-reject-route",
            *_BOTH_REJECT,
        ),
    }
)

_INTERFACE_LAST = 15
_SET_NAME_LAST = 31
_COMMENT_LAST = 255
_LOG_PREFIX_LAST = 29


@dataclass(frozen=True, slots=True)
class Asked:
    """An option as it stands in a rule: its word, its values, whether `!` stands before it."""

    option: Token
    values: tuple[Token, ...]
    negated: bool
    family: Family

    @property
    def value(self) -> Token:
        return self.values[0]


Value = Match | str | int


@dataclass(frozen=True, slots=True)
class Option:
    """How an option is read; `free` text may begin with a dash."""

    modules: tuple[str, ...]
    read: Callable[[Asked], Value]
    values: int = 1
    negatable: bool = True
    free: bool = False


def _network(side: Side) -> Callable[[Asked], Value]:
    def read(asked: Asked) -> Value:
        first, length = values.network(asked.value, asked.family)
        if asked.negated and not length:
            raise MisreadError(asked.value, f"`! {asked.value.text}` is no address at all", "leave the rule out")
        return Network(side, first, length, asked.negated)

    return read


def _interface(side: Side) -> Callable[[Asked], Value]:
    def read(asked: Asked) -> Value:
        name = asked.value.text
        if not name or len(name) > _INTERFACE_LAST or any(letter in "/! \t" for letter in name):
            hint = f"a name has 1 to {_INTERFACE_LAST} characters"
            raise MisreadError(asked.value, f"`{name}` is no interface name", hint)
        if asked.negated and name == "+":
            # iptables-legacy prints it back without the `!`, iptables-nft with it.
            raise MisreadError(asked.value, "`! +` is no interface at all", "leave the rule out")
        return Interface(side, name, asked.negated)

    return read


def _protocol(asked: Asked) -> Value:
    number = values.protocol(asked.value)
    if asked.negated and number == ANY:
        raise MisreadError(asked.value, f"`! {asked.value.text}` is no protocol at all", "leave the rule out")
    return ProtocolIs(number, asked.negated)


def _ports(side: Side, *, several: bool = False) -> Callable[[Asked], Value]:
    def read(asked: Asked) -> Value:
        ports = values.port_list(asked.value) if several else (values.port_range(asked.value),)
        if asked.negated and ports == ((0, values.PORT_LAST),):
            # The kernel's tools print `! --dport 0:65535` back as no match at all, and iptables-nft loads it as none.
            raise MisreadError(asked.value, "`! 0:65535` is no port at all", "leave the rule out")
        return PortIn(side, ports, asked.negated)

    return read


def _range(side: Side) -> Callable[[Asked], Value]:
    return lambda asked: AddressRange(side, *values.address_range(asked.value, asked.family), asked.negated)


def _icmp(asked: Asked) -> Value:
    return IcmpIs(*values.icmp_type(asked.value, asked.family), asked.negated)


def _set(asked: Asked) -> Value:
    name, end = asked.values
    if not name.text or len(name.text) > _SET_NAME_LAST:
        raise MisreadError(name, f"`{name.text}` is no set name", f"a name has 1 to {_SET_NAME_LAST} characters")
    sides = {side.value: side for side in Side}
    if end.text not in sides:
        raise MisreadError(end, f"`{end.text}` is not an end of a packet", "write `src` or `dst`")
    return InSet(sides[end.text], name.text, asked.negated)


def _original_port(asked: Asked) -> Value:
    return OriginalPort(values.port_range(asked.value), asked.negated)


def _original_destination(asked: Asked) -> Value:
    return OriginalDestination(*values.network(asked.value, asked.family), asked.negated)


def _reject_with(asked: Asked) -> Value:
    known = REJECT_WITH[asked.family]
    if asked.value.text not in known:
        raise MisreadError(asked.value, f"unknown answer `{asked.value.text}`", f"known are {', '.join(known)}")
    return asked.value.text


def _text(last: int, what: str, first: int = 0) -> Callable[[Asked], Value]:
    def read(asked: Asked) -> Value:
        # The kernel counts bytes and the tools cut a longer log prefix silently.
        if not first <= len(asked.value.text.encode("utf-8", "surrogateescape")) <= last:
            raise MisreadError(
                asked.value, f"the {what} has too many bytes, or none", f"it has {first} to {last} bytes"
            )
        return asked.value.text

    return read


_PORT = tuple(PORT_MODULES)
_CONNTRACK = ("conntrack",)

OPTIONS: Mapping[str, Option] = MappingProxyType(
    {
        "-s": Option((OWN,), _network(Side.SOURCE)),
        "-d": Option((OWN,), _network(Side.DESTINATION)),
        "-i": Option((OWN,), _interface(Side.SOURCE)),
        "-o": Option((OWN,), _interface(Side.DESTINATION)),
        "-p": Option((OWN,), _protocol),
        "--sport": Option(_PORT, _ports(Side.SOURCE)),
        "--dport": Option(_PORT, _ports(Side.DESTINATION)),
        "--sports": Option(("multiport",), _ports(Side.SOURCE, several=True)),
        "--dports": Option(("multiport",), _ports(Side.DESTINATION, several=True)),
        "--icmp-type": Option(("icmp",), _icmp),
        "--icmpv6-type": Option(("icmp6",), _icmp),
        "--src-range": Option(("iprange",), _range(Side.SOURCE)),
        "--dst-range": Option(("iprange",), _range(Side.DESTINATION)),
        "--match-set": Option(("set",), _set, values=2),
        "--ctstate": Option(_CONNTRACK, lambda asked: StateIn(values.states(asked.value), asked.negated)),
        "--ctorigdstport": Option(_CONNTRACK, _original_port),
        "--ctorigdst": Option(_CONNTRACK, _original_destination),
        "--ctproto": Option(
            _CONNTRACK, lambda asked: OriginalProtocol(values.one_protocol(asked.value), asked.negated)
        ),
        "--limit": Option(("limit",), lambda asked: Limit(values.rate(asked.value)), negatable=False),
        "--limit-burst": Option(
            ("limit",), lambda asked: values.number(asked.value, 1, 10_000, "burst"), negatable=False
        ),
        "--comment": Option(("comment",), _text(_COMMENT_LAST, "comment"), negatable=False, free=True),
        "--reject-with": Option(("REJECT",), _reject_with, negatable=False),
        "--log-prefix": Option(("LOG",), _text(_LOG_PREFIX_LAST, "log prefix", 1), negatable=False, free=True),
    }
)
