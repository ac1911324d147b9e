"""What a flow is about: lists of protocols, ports, icmp types and services of the tree as syntax."""

from __future__ import annotations

from lark import Token, Tree

from netpolicy.dsl import syntax as s
from netpolicy.dsl.literals import icmp_kinds, port_range
from netpolicy.dsl.words import Branch, Words, is_word, tree_of, word
from netpolicy.packet.addresses import FAMILIES
from netpolicy.packet.ports import Protocol
from netpolicy.source import Span

_TRANSPORTS = {"TCP": Protocol.TCP, "UDP": Protocol.UDP, "SCTP": Protocol.SCTP}
_PORTLESS = {"ESP": Protocol.ESP, "AH": Protocol.AH, "GRE": Protocol.GRE}
_FAMILIES = {"ICMP": FAMILIES, "ICMPV4": FAMILIES[:1], "ICMPV6": FAMILIES[1:]}
_EXTENSION_HEADERS = (43, 44, 60)


def what(words: Words, branch: Branch) -> s.What:
    """The list of a branch; a bare port in it repeats the protocol before it."""
    tree = tree_of(branch)
    items: list[s.WhatItem] = []
    repeated: Tree[Token] | None = None
    for child in tree.children:
        one = tree_of(child)
        place = words.span(one)
        if one.data != "continued":
            items.append(_item(words, one, None, place))
            repeated = one if one.data in ("ported", "icmp") and not is_word(one.children[-1], "ANY") else None
        elif repeated is not None:
            items.append(_item(words, repeated, word(one), place))
        else:
            hint = _protocol_hint(items, word(one))
            raise words.fail("NP113", f"`{word(one)}` has no protocol", place, hint)
    return s.What(tuple(items), words.span(tree))


def _protocol_hint(before: list[s.WhatItem], port: Token) -> str:
    if before and isinstance(before[-1], s.ServiceNamed):
        return f"a service name does not repeat; write `tcp {port}`"
    return f"write `tcp {port}` or `udp {port}`"


def _item(words: Words, tree: Tree[Token], port: Token | None, place: Span) -> s.WhatItem:
    """One item of a list; `port` stands for that of the tree, whose protocol it repeats."""
    match tree.data:
        case "ported":
            *protocols, last = (word(child) for child in tree.children)
            return _ported(words, tuple(_TRANSPORTS[one.type] for one in protocols), port or last, place)
        case "icmp":
            return _icmp(words, word(tree), port or word(tree.children[1]), place)
        case "portless":
            return s.WholeProtocol(_PORTLESS[word(tree).type], place)
        case "numbered":
            return _numbered(words, word(tree), place)
        case "anything":
            return s.Anything(place)
        case _:
            return s.ServiceNamed(words.name(tree.children[0]).text, place)


def _ported(words: Words, protocols: tuple[int, ...], port: Token, place: Span) -> s.WhatItem:
    if len(set(protocols)) < len(protocols):
        raise words.fail("NP113", "a protocol stands twice", place, "name each protocol once")
    if port.type == "PARAMETER":
        return s.PortsOf(protocols, s.normal(port[1:]), words.span(port))
    if port.type == "ANY":
        return s.Ports(protocols, 0, 65535, place)
    first, last = words.judged(port_range(port), words.span(port))
    return s.Ports(protocols, first, last, place)


def _icmp(words: Words, protocol: Token, kind: Token, place: Span) -> s.Icmp:
    outcome = icmp_kinds(str(protocol), str(kind), _FAMILIES[protocol.type])
    return s.Icmp(words.judged(outcome, words.span(kind)), place)


def _numbered(words: Words, token: Token, place: Span) -> s.WholeProtocol:
    chosen, at = words.number(token), words.span(token)
    if chosen > 255:
        raise words.fail("NP113", f"protocol number {token} is above 255", at, "protocols are 0 to 255")
    if chosen in (Protocol.ICMP, Protocol.ICMPV6):
        wanted = "icmpv4" if chosen == Protocol.ICMP else "icmpv6"
        raise words.fail("NP113", f"protocol {token} has a name here", at, f"write `{wanted} any`")
    if chosen in _EXTENSION_HEADERS:
        message = f"protocol {token} is an extension header of IPv6"
        raise words.fail("NP113", message, at, "name the protocol inside")
    if chosen == 0:
        raise words.fail("NP113", "protocol 0 means every protocol to iptables", at, "write `any`")
    return s.WholeProtocol(chosen, place)
