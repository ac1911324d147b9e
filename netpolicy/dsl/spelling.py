"""How the parts of a statement are written: selectors, lists of services, conditions and attributes of Lark's tree.

Names and node names are in small letters, addresses in their shortest form, parentheses where the meaning needs them
or a reader would. All else is as it was written.
"""

from __future__ import annotations

from enum import IntEnum
from ipaddress import IPv6Address, ip_address

from lark import Token, Tree

from netpolicy.dsl.pieces import Phrase, Piece, breaking, enclosed, joined, listed, piece, prefixed, suffixed
from netpolicy.dsl.words import Branch, tree_of, word


class Binding(IntEnum):
    """What may stand without parentheses in a place: anything, all but a list or an `or`, one word alone."""

    LOOSE = 0
    PART = 1
    TIGHT = 2


def name(branch: Branch) -> Phrase:
    """A name, a parameter or a reserved word."""
    token = word(branch)
    return (Piece(token.lower(), token.start_pos or 0),)


def text(branch: Branch) -> Phrase:
    """A quoted text, with its escapes as they are."""
    return (piece(word(branch)),)


def address(token: Token) -> str:
    """An address or CIDR; IPv6 is shortest, an embedded IPv4 address shown as one."""
    written, slash, length = token.partition("/")
    host = ip_address(written)
    inner = host.ipv4_mapped if isinstance(host, IPv6Address) else None
    return f"{f'::ffff:{inner}' if inner is not None else host}{slash}{length}"


def selector(branch: Branch, binding: Binding = Binding.LOOSE) -> Phrase:
    """Who or whom."""
    tree = tree_of(branch)
    match tree.data:
        case "named":
            return name(tree.children[0])
        case "quoted" | "builtin":
            return text(tree)
        case "node":
            return (Piece("node", tree.meta.start_pos), *name(tree))
        case "address":
            return (Piece(address(word(tree)), tree.meta.start_pos),)
        case "enclosed":
            return selector(tree.children[0], binding)
        case "any_of":
            parts = listed([selector(one, Binding.PART) for one in tree.children])
            return enclosed(parts) if binding > Binding.LOOSE else parts
        case "all_of":
            parts = joined([selector(one, Binding.TIGHT) for one in tree.children], "&")
            return enclosed(parts) if binding > Binding.PART else parts
        case "exception":
            parts = joined([selector(one, Binding.TIGHT) for one in tree.children], "except")
            return enclosed(parts) if binding > Binding.LOOSE else parts
        case _:
            base, at = tree.children
            token = word(at)
            place = str(token) if token.type == "INTERFACE" else address(token)
            return suffixed(selector(base, Binding.TIGHT), f"@{place}")


def what(branch: Branch) -> Phrase:
    """A list of protocols, ports and services."""
    return listed([_item(tree_of(one)) for one in tree_of(branch).children])


def _item(tree: Tree[Token]) -> Phrase:
    start = tree.meta.start_pos
    match tree.data:
        case "ported":
            *protocols, port = (word(one) for one in tree.children)
            return (Piece("+".join(protocols), start), *name(port))
        case "icmp":
            protocol, kind = tree.children
            return (*name(protocol), *name(kind))
        case "numbered":
            return (Piece("proto", start), *text(tree))
        case "service_name":
            return name(tree.children[0])
        case _:
            return name(tree)


def condition(branch: Branch, binding: Binding = Binding.LOOSE) -> Phrase:
    """What a `when` asks for."""
    tree = tree_of(branch)
    match tree.data:
        case "either" if len(tree.children) == 1:
            return condition(tree.children[0], binding)
        case "either":
            parts = joined([condition(one, Binding.PART) for one in tree.children], "or")
            return enclosed(parts) if binding > Binding.LOOSE else parts
        case "both":
            parts = joined([condition(one, Binding.TIGHT) for one in tree.children], "and")
            return enclosed(parts) if binding > Binding.PART else parts
        case "negation":
            return (Piece("not", tree.meta.start_pos), *_negated(tree.children[0]))
        case "exists":
            return (Piece("exists", tree.meta.start_pos), *selector(tree.children[0], Binding.TIGHT))
        case "count":
            counted, operator, number = tree.children
            return (*suffixed(prefixed("count(", selector(counted)), ")"), *text(operator), *text(number))
        case "compared":
            param, operator, value = tree.children
            return (*name(param), *text(operator), *name(value))
        case _:
            return name(tree.children[0])


def _negated(branch: Branch) -> Phrase:
    """A comparison behind `not` stands in parentheses, since `not a == b` is read in two ways."""
    tree = tree_of(branch)
    while tree.data == "either" and len(tree.children) == 1:
        tree = tree_of(tree.children[0])
    inner = condition(tree, Binding.TIGHT)
    return enclosed(inner) if tree.data in ("compared", "count") else inner


def demand(branch: Branch) -> Phrase:
    """What a `require` asks for; a list behind its words stands in parentheses, as behind `exists`."""
    tree = tree_of(branch)
    start, parts = tree.meta.start_pos, list(tree.children)
    match tree.data:
        case "exactly":
            return (Piece("exactly", start), *text(parts[0]), *selector(parts[1], Binding.TIGHT))
        case "at_least":
            return (Piece("at", start), Piece("least", start), *text(parts[0]), *selector(parts[1], Binding.TIGHT))
        case "none":
            return (Piece("no", start), *selector(parts[0], Binding.TIGHT))
        case "exists":
            return (Piece("exists", start), *selector(parts[0], Binding.TIGHT))
        case "with":
            return joined([selector(parts[0]), selector(parts[1])], "with")
        case _:
            subject = selector(parts[0])
            return (*subject, Piece("alone", subject[-1].start))


def attribute(branch: Branch) -> Phrase:
    """One attribute; its first piece is its word."""
    tree = tree_of(branch)
    start, parts = tree.meta.start_pos, tree.children
    match tree.data:
        case "text" | "date":
            return breaking((*text(word(parts[0])), *text(word(parts[1]))))
        case "source":
            return breaking((Piece("source", start), *listed([text(one) for one in parts])))
        case "tag":
            tags = [text(one) if tree_of(one).data == "quoted" else name(one) for one in parts]
            return breaking((Piece("tag", start), *listed(tags)))
        case _:
            (rate,) = list[Branch | None](parts)
            return breaking((Piece("log", start), *(text(rate) if rate is not None else ())))
