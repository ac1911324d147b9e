"""One match of a rule by others, as the ways to match it: exactly where its meaning is known, else as an `Opaque`.

Several ways stand for one match that no single type says: a packet is matched if it meets any of them. A word that its
own tool would refuse is misread; one that the tool takes and that is not modelled makes the whole match opaque.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import product

from netpolicy.diagnostic import did_you_mean
from netpolicy.packet.addresses import Family, address_text
from netpolicy.targets.iptables import options as strict
from netpolicy.targets.iptables import values
from netpolicy.targets.iptables.foreign import ALONE, ICMP_TYPES, ONE_SIDED, OPTIONS, PORT_MODULES, TCP_FLAGS
from netpolicy.targets.iptables.options import Asked
from netpolicy.targets.iptables.protocols import AH, ANY
from netpolicy.targets.iptables.read_rule import EXTENSION_HEADERS, passing_unseen
from netpolicy.targets.iptables.rules import (
    Fragment,
    IcmpIs,
    InSet,
    Match,
    Network,
    Opaque,
    OriginalDestination,
    OriginalPort,
    OriginalProtocol,
    PortIn,
    ProtocolIs,
    Side,
    SourceMac,
    StateIn,
    TcpFlags,
)
from netpolicy.targets.iptables.sets import Alternatives
from netpolicy.targets.iptables.split_rule import Given, Part
from netpolicy.targets.iptables.tokens import Token
from netpolicy.targets.iptables.values import MisreadError

NEVER = ProtocolIs(ANY, negated=True)
"""The match of no packet."""

_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9_.+-]*")
_MAC = re.compile(r"([0-9A-Fa-f]{1,2}:){5}[0-9A-Fa-f]{1,2}")
_HIDDEN_MAC = re.compile(r"(([0-9A-Fa-f]{2}|XX|xx):){5}([0-9A-Fa-f]{2}|XX|xx)")
_MAC_LENGTH = 17
_STATES = ("NEW", "ESTABLISHED", "RELATED", "INVALID", "UNTRACKED")
_ICMP_ANY = 255
_SHORT_ADDRESS = re.compile(r"[0-9]{1,3}(\.[0-9]{1,3}){0,2}")
_PLAIN = re.compile(r"[^\s\"'\\]+")
_RANGE_OF_CODES = re.compile(r"[0-9]+/[0-9]+:[0-9]+")


class UnmodelledError(Exception):
    """An option that its tool takes and that no type says; its match becomes `Opaque`.

    `spelled` is the value as the save tools print it, where that is not how it stands.
    """

    def __init__(self, spelled: str = "") -> None:
        super().__init__(spelled)
        self.spelled = spelled


@dataclass(frozen=True, slots=True)
class Setting:
    """What a match may mean depends on: the family, and the sets whose members are known."""

    family: Family
    sets: Collection[str] = ()


def opaque(part: Part) -> Opaque:
    """The match by its text; that of a single negated option is the opposite of the same text without `!`."""
    negated = len(part.options) == 1 and part.options[0].negated and part.name not in ONE_SIDED
    words = [part.name] if part.name else []
    for given in part.options:
        words += ["!"] if given.negated and not negated else []
        words += [given.name, *(_quoted(value.text) for value in given.values)]
    return Opaque(" ".join(words), negated)


def _alone(name: str, given: Given, unmodelled: UnmodelledError) -> Opaque:
    """One option of a match by its text."""
    spelled = unmodelled.spelled
    values = (Token(spelled, given.value.span),) if spelled else given.values
    return opaque(Part(name, given.word, [replace(given, values=values)]))


def target_text(part: Part) -> str:
    """The target with its options, as one text."""
    return f"-j {opaque(part).text}"


def _quoted(text: str) -> str:
    if _PLAIN.fullmatch(text):
        return text
    return '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))


def read_own(own: Part, setting: Setting) -> Alternatives:
    """The ways to match addresses, interfaces, protocol and fragment of a rule."""
    ways: Alternatives = [()]
    for given in own.options:
        try:
            one = _own(given, setting)
        except UnmodelledError as unmodelled:
            one = [(_alone("", given, unmodelled),)]
        ways = [(*before, *after) for before, after in product(ways, one)]
    return ways


def _own(given: Given, setting: Setting) -> Alternatives:
    match given.name:
        case "-s" | "-d":
            return _networks(given, setting.family)
        case "-i" | "-o":
            if given.negated and given.value.text == "+":
                raise UnmodelledError  # never, or what iptables-legacy prints back: always
            return [(_strict(given, setting),)]
        case "-p":
            return [_protocol(given, setting.family)]
        case _:
            return [(Fragment(given.negated),)]


def _networks(given: Given, family: Family) -> Alternatives:
    side = Side.SOURCE if given.name == "-s" else Side.DESTINATION
    pieces = given.value.pieces(",")
    if given.negated and len(pieces) > 1:
        raise MisreadError(given.value, "a list of addresses cannot be negated", "write a rule for each")
    return [(Network(side, *_network(piece, family), given.negated),) for piece in pieces]


def _network(token: Token, family: Family) -> tuple[int, int]:
    base, *masks = token.pieces("/")
    if family is Family.V4 and _SHORT_ADDRESS.fullmatch(base.text):
        # The tools fill up `10/8` on the right.
        filled = base.text + ".0" * (3 - base.text.count("."))
        rest = "".join(f"/{mask.text}" for mask in masks)
        token = Token(filled + rest, token.span)
        base, *masks = Token(filled, base.span), *masks
    start = values.address(base, family)
    if len(masks) == 1 and {".", ":"} & set(masks[0].text):
        ones = values.address(masks[0], family)
        mask = f"{ones:0{family.bits}b}"
        if "01" in mask:
            raise UnmodelledError(f"{address_text(family, start & ones)}/{address_text(family, ones)}")
        length = mask.count("1")
        return start >> (family.bits - length) << (family.bits - length), length
    return values.network(token, family)


def _protocol(given: Given, family: Family) -> tuple[Match, ...]:
    text = given.value.text.lower()
    number = ANY if text in ("ip", "hopopt") else values.protocol(Token(text, given.value.span))
    if family is Family.V6 and number in EXTENSION_HEADERS:
        raise UnmodelledError  # ip6tables looks behind extension headers, and sees none of these
    return (ProtocolIs(number, given.negated),)


def _strict(given: Given, setting: Setting) -> Match:
    """The match of the option as our own text has it."""
    asked = Asked(given.word, given.values, given.negated, setting.family)
    found = strict.OPTIONS[given.name].read(asked)
    if isinstance(found, str | int):
        raise AssertionError(given.name)
    return found


def read_part(part: Part, setting: Setting) -> Alternatives:
    """The ways to match a `-m`."""
    if part.name in OPTIONS and part.name not in ALONE and not part.options:
        raise MisreadError(part.word, f"`-m {part.name}` has no option", "write what it matches, or leave it out")
    try:
        return _known(part, setting)
    except UnmodelledError:
        return [(opaque(part),)]


def _known(part: Part, setting: Setting) -> Alternatives:
    match part.name:
        case name if name in PORT_MODULES:
            return [tuple(match for given in part.options for match in _transport(part, given))]
        case "iprange":
            return [tuple(match for given in part.options for match in _range(given, setting))]
        case "comment":
            return [()]
        case "multiport":
            return _multiport(part)
        case "icmp" | "icmp6":
            return [_icmp(part.options[0], setting.family)]
        case "mac":
            return [(_mac(part.options[0]),)]
        case "state":
            return [(_state(part.options[0]),)]
        case "conntrack":
            return [_conntrack(part, setting)]
        case "set":
            return [_set(part, setting)]
        case "ah" if setting.family is Family.V6 and not part.options:
            return [(ProtocolIs(AH),)]
        case _:
            raise UnmodelledError


def _transport(part: Part, given: Given) -> tuple[Match, ...]:
    """The matches of one option of tcp, udp and the like; each is asked by itself, so one may be opaque."""
    match given.name:
        case "--sport" | "--dport":
            try:
                return (_port(given),)
            except UnmodelledError as unmodelled:
                return (_alone(part.name, given, unmodelled),)
        case "--syn":
            return (TcpFlags(0x17, 0x02, given.negated),)
        case "--tcp-flags":
            mask, raised = (_flags(value) for value in given.values)
            return (TcpFlags(mask, raised, given.negated),)
        case _:
            return (_alone(part.name, given, UnmodelledError()),)


def _port(given: Given) -> PortIn:
    side = Side.SOURCE if given.name == "--sport" else Side.DESTINATION
    first, last = (0, values.PORT_LAST) if given.value.text == ":" else _port_range(given.value)
    if given.negated and (first, last) == (0, values.PORT_LAST):
        raise UnmodelledError(f"{first}:{last}")  # never; but iptables-nft loads it as no match at all
    return PortIn(side, ((first, last),), given.negated)


def _port_range(token: Token) -> tuple[int, int]:
    if any(_SERVICE.fullmatch(piece.text) for piece in token.pieces(":")):
        raise UnmodelledError  # a name of /etc/services, which may differ between machines
    return values.port_range(token)


def _flags(token: Token) -> int:
    found = 0
    for piece in token.pieces(","):
        if piece.text.upper() not in TCP_FLAGS:
            raise MisreadError(piece, f"unknown TCP flag `{piece.text}`", f"known are {', '.join(TCP_FLAGS)}")
        found |= TCP_FLAGS[piece.text.upper()]
    return found


def _range(given: Given, setting: Setting) -> tuple[Match, ...]:
    ends = [values.address(piece, setting.family) for piece in given.value.pieces("-")]
    if len(ends) == 2 and ends[0] > ends[1]:
        # The tools warn that it never matches, and load it.
        return () if given.negated else (NEVER,)
    return (_strict(given, setting),)


def _multiport(part: Part) -> Alternatives:
    if len(part.options) > 1:
        raise MisreadError(part.options[1].word, "multiport takes one list", "write a match of its own")
    given = part.options[0]
    for piece in given.value.pieces(","):
        if any(_SERVICE.fullmatch(end.text) for end in piece.pieces(":")):
            raise UnmodelledError
    ports = values.port_list(given.value)
    if given.negated and ports == ((0, values.PORT_LAST),):
        raise UnmodelledError
    source, destination = (PortIn(side, ports, given.negated) for side in Side)
    match given.name:
        case "--sports":
            return [(source,)]
        case "--dports":
            return [(destination,)]
        case _:
            return [(source, destination)] if given.negated else [(source,), (destination,)]


def _icmp(given: Given, family: Family) -> tuple[Match, ...]:
    text = given.value.text.lower()
    names = ICMP_TYPES[family]
    if text in names:
        return (IcmpIs(*names[text], given.negated),)
    head = text.partition("/")[0]
    if family is Family.V4 and (text == "any" or head == str(_ICMP_ANY)):
        # xt_icmp takes type 255 for any type, whatever the code.
        return (NEVER,) if given.negated else ()
    if _RANGE_OF_CODES.fullmatch(text):
        raise UnmodelledError
    if not head.isdigit():
        hint = did_you_mean(text, names) or "write its number"
        raise MisreadError(given.value, f"unknown icmp type `{given.value.text}`", hint)
    return (IcmpIs(*values.icmp_type(given.value, family), given.negated),)


def _mac(given: Given) -> SourceMac:
    text = given.value.text
    if _MAC.fullmatch(text):
        digits = text if len(text) == _MAC_LENGTH else ":".join(octet.zfill(2) for octet in text.split(":"))
        return SourceMac(int(digits.replace(":", ""), 16), given.negated)
    if _HIDDEN_MAC.fullmatch(text):
        raise UnmodelledError  # what somebody made of an address before showing the dump
    raise MisreadError(given.value, f"`{text}` is no Ethernet address", "write six pairs of hexadecimal digits")


def _state(given: Given) -> StateIn:
    found = _upper(given.value)
    for piece in found.pieces(","):
        if piece.text not in _STATES:
            raise MisreadError(piece, f"unknown connection state `{piece.text}`", f"known are {', '.join(_STATES)}")
    return StateIn(values.states(found), given.negated)


def _upper(token: Token) -> Token:
    return token if token.text.isupper() else Token(token.text.upper(), token.span)


def _conntrack(part: Part, setting: Setting) -> tuple[Match, ...]:
    """The matches of a conntrack match, each asked by itself, unless the kernel would not look at all of them."""
    found: list[Match] = []
    for given in part.options:
        try:
            found.append(_original(given, setting))
        except UnmodelledError as unmodelled:
            found.append(_alone(part.name, given, unmodelled))
    if passing_unseen(found):
        raise UnmodelledError
    return tuple(found)


def _original(given: Given, setting: Setting) -> Match:
    match given.name:
        case "--ctstate":
            return StateIn(values.states(_upper(given.value)), given.negated)
        case "--ctproto":
            number = values.protocol(Token(given.value.text.lower(), given.value.span))
            if number == ANY:
                raise UnmodelledError
            return OriginalProtocol(number, given.negated)
        case "--ctorigdst":
            return OriginalDestination(*_network(given.value, setting.family), given.negated)
        case "--ctorigdstport":
            return OriginalPort(_port_range(given.value), given.negated)
        case _:
            raise UnmodelledError


def _set(part: Part, setting: Setting) -> tuple[Match, ...]:
    given = part.options[0]
    if len(part.options) > 1 or given.name not in ("--match-set", "--set"):
        raise UnmodelledError
    name, end = given.values
    sides: Mapping[str, Side] = {side.value: side for side in Side}
    for piece in end.pieces(","):
        if piece.text not in sides:
            raise MisreadError(piece, f"`{piece.text}` is not an end of a packet", "write `src` or `dst`")
    if end.text not in sides or name.text not in setting.sets:
        raise UnmodelledError
    return (InSet(sides[end.text], name.text, given.negated),)
