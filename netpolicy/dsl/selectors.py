"""Who and whom: selectors of the tree as syntax."""

from __future__ import annotations

from collections.abc import Iterable

from netpolicy.dsl import syntax as s
from netpolicy.dsl.literals import address_literal
from netpolicy.dsl.words import Branch, Words, tree_of, word
from netpolicy.source import Span

LONGEST_INTERFACE = 15


def selector(words: Words, branch: Branch) -> s.Selector:
    """The selector of a branch; a wrong word in it raises WordError."""
    tree = tree_of(branch)
    place = words.span(tree)
    match tree.data:
        case "named":
            return named(words, tree.children[0])
        case "quoted":
            return words.quoted(tree)
        case "node":
            return s.NodeNamed(word(tree).lower(), place)
        case "address":
            return _literal(words, tree)
        case "builtin":
            return s.Standard(s.Builtin(str(word(tree))), place)
        case "enclosed":
            return selector(words, tree.children[0])
        case "any_of":
            return s.AnyOf(_all(words, tree.children), place)
        case "all_of":
            return s.AllOf(_all(words, tree.children), place)
        case "exception":
            base, without = tree.children
            return s.Except(selector(words, base), selector(words, without), place)
        case _:
            base, at = tree.children
            return _at(words, selector(words, base), at, place)


def named(words: Words, branch: Branch) -> s.Named:
    """The role, group, label or network that a name means."""
    name = words.name(branch)
    return s.Named(name.text, name.span)


def _all(words: Words, branches: Iterable[Branch]) -> tuple[s.Selector, ...]:
    return tuple(selector(words, branch) for branch in branches)


def _literal(words: Words, branch: Branch) -> s.Literal:
    token = word(branch)
    family, first, last = words.judged(address_literal(token), words.span(token))
    return s.Literal(family, first, last, words.span(token))


def _at(words: Words, base: s.Selector, branch: Branch, place: Span) -> s.Selector:
    token = word(branch)
    at = words.span(token)
    if token.type == "INTERFACE":
        if len(token) > LONGEST_INTERFACE:
            hint = f"Linux allows {LONGEST_INTERFACE} characters"
            raise words.fail("NP117", f"`{token}` is no interface name", at, hint)
        return s.OnInterface(base, str(token), place)
    literal = _literal(words, token)
    if literal.first != literal.last:
        hint = "`@` takes one address or an interface"
        raise words.fail("NP116", f"`{token}` is a network, not an address", at, hint)
    return s.AtAddress(base, literal, place)
