"""Turns Lark's tree into the syntax of `syntax.py`, judging every literal: names, ports, addresses, dates."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import TypeVar

from lark import Token, Tree

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.dsl import syntax as s
from netpolicy.dsl.attributes import attributes, said
from netpolicy.dsl.conditions import condition
from netpolicy.dsl.params import param, value
from netpolicy.dsl.selectors import named, selector
from netpolicy.dsl.what import what
from netpolicy.dsl.words import Branch, WordError, Words, is_word, tree_of, word
from netpolicy.source import Source

T = TypeVar("T")
_DECLARING = ("param", "service", "group", "role", "label", "network", "alias", "described")


def build(tree: Tree[Token], source: Source, broken: frozenset[str]) -> tuple[s.PolicyFile, list[Diagnostic]]:
    """The syntax tree of a file; statements whose literals are wrong are left out and reported."""
    words = Words(source)
    lost: set[str] = set()
    statements = _statements(words, lost, tree.children)
    names = frozenset(s.normal(name) for name in broken) | frozenset(lost)
    return s.PolicyFile(source, statements, names), words.found


def _statements(words: Words, lost: set[str], branches: Iterable[Branch]) -> tuple[s.Statement, ...]:
    """The statements of a file or block; names that the others were to declare go to `lost`."""
    built: list[s.Statement] = []
    for branch in branches:
        tree = tree_of(branch)
        try:
            if tree.data == "when":
                built.append(_when(words, lost, tree))
            elif tree.data in ("role", "label", "network"):
                built += _declarations(words, tree)
            else:
                built.append(_BUILDERS[tree.data](words, tree))
        except WordError:
            lost |= {s.normal(name) for name in _declared(tree)}
    return tuple(built)


def _policy(words: Words, tree: Tree[Token]) -> s.PolicyName:
    name, description = tree.children
    return s.PolicyName(words.name(name), words.text(description), words.span(tree))


def _include(words: Words, tree: Tree[Token]) -> s.Include:
    (path,) = tree.children
    if "\\" in word(path):
        message = f"`{word(path).strip(chr(34))}` holds a backslash"
        raise words.fail("NP121", message, words.span(path), "folders are parted by `/`")
    return s.Include(s.Text(words.text(path), words.span(path)), words.span(tree))


def _set(words: Words, tree: Tree[Token]) -> s.SetParam:
    name, given = tree.children
    return s.SetParam(words.name(name), value(words, given), words.span(tree))


def _option(words: Words, tree: Tree[Token]) -> s.Option:
    name, chosen = tree.children
    switch = isinstance(chosen, Token)  # `on` and `off` are reserved words, which no name is
    taken = s.Name(str(chosen), words.span(chosen)) if switch else words.name(chosen)
    return s.Option(words.name(name), taken, words.span(tree))


def _declarations(words: Words, tree: Tree[Token]) -> list[s.Declaration]:
    kind = s.DeclarationKind(tree.data)
    declared: list[s.Declaration] = []
    for child in tree.children:
        name, description = tree_of(child).children
        declared.append(s.Declaration(kind, words.name(name), words.text(description), words.span(child)))
    return declared


def _group(words: Words, tree: Tree[Token]) -> s.Group:
    name, *members, description = tree.children
    chosen = tuple(words.quoted(one) if tree_of(one).data == "quoted" else named(words, one) for one in members)
    return s.Group(words.name(name), chosen, words.text(description), words.span(tree))


def _alias(words: Words, tree: Tree[Token]) -> s.Alias:
    text, target = tree.children
    return s.Alias(s.Text(words.text(text), words.span(text)), words.name(target), words.span(tree))


def _service(words: Words, tree: Tree[Token]) -> s.Service:
    forwarded, name, listed, description = tree.children
    declared = words.name(name)
    return s.Service(declared, what(words, listed), forwarded is not None, words.text(description), words.span(tree))


def _flow(words: Words, tree: Tree[Token]) -> s.Flow | s.HalfFlow:
    verb, who, arrow, whom, listed, notes = tree.children
    says, both_ways, place = s.Verb(str(verb)), str(arrow) == "<->", words.span(tree)
    sender, receiver = _read(selector, words, who), _read(selector, words, whom)
    flow, noted = _read(what, words, listed), _read(partial(_notes, says), words, notes)
    if sender is None or receiver is None or flow is None or noted is None:
        return s.HalfFlow(tuple(one for one in (sender, receiver) if one is not None), flow, place)
    return s.Flow(says, sender, receiver, both_ways, flow, noted, place)


def _read(reader: Callable[[Words, Branch], T], words: Words, branch: Branch) -> T | None:
    """What the reader makes of a part; None where a word of it is wrong, which is noted."""
    try:
        return reader(words, branch)
    except WordError:
        return None


def _notes(says: s.Verb, words: Words, notes: Branch) -> s.Attributes:
    """The attributes of a flow; not every verb takes all."""
    noted = attributes(words, notes)
    if noted.expires is not None and says is not s.Verb.ALLOW:
        hint = "only an `allow` may expire: an expired deny would open"
        raise words.fail("NP119", f"`{says.value}` cannot expire", said(words, notes, "expires"), hint)
    if noted.log and says not in (s.Verb.ALLOW, s.Verb.DENY):
        hint = "it makes no rule; `allow` and `deny` do"
        raise words.fail("NP119", f"`{says.value}` cannot log", said(words, notes, "log"), hint)
    return noted


def _requirement(words: Words, tree: Tree[Token]) -> s.Requirement:
    verb, demanded, notes = tree.children
    demand = tree_of(demanded)
    kind = s.DemandKind(demand.data.replace("_", " ").replace("none", "no"))
    parts = list(demand.children)
    counted = words.number(parts.pop(0)) if kind in (s.DemandKind.EXACTLY, s.DemandKind.AT_LEAST) else 0
    subject = selector(words, parts[0])
    other = selector(words, parts[1]) if len(parts) > 1 else None
    noted = attributes(words, notes)
    if noted.expires is not None or noted.log:
        place = said(words, notes, "expires" if noted.expires is not None else "log")
        raise words.fail("NP119", f"`{verb}` can neither expire nor log", place, "remove the attribute")
    return s.Requirement(str(verb) == "require", kind, subject, counted, other, noted, words.span(tree))


def _when(words: Words, lost: set[str], tree: Tree[Token]) -> s.When:
    """The block with the statements that may stand in it; the others are reported."""
    # Its braces are not in the tree: the first child is the condition, the rest are statements.
    header, *inner = tree.children
    kept: list[s.Statement] = []
    for one in _statements(words, lost, inner):
        if isinstance(one, s.Flow | s.HalfFlow | s.Requirement | s.When):
            kept.append(one)
            continue
        message = "only flows, `require`, `advise` and `when` may stand inside `when`"
        words.found.append(error("NP118", message, one.span, hint="move this declaration out; names are global"))
        lost |= {s.normal(name) for branch in inner for name in _declared(tree_of(branch))}
    return s.When(condition(words, header), tuple(kept), words.span(tree))


_BUILDERS: dict[str, Callable[[Words, Tree[Token]], s.Statement]] = {
    "policy": _policy,
    "include": _include,
    "set": _set,
    "option": _option,
    "param": param,
    "group": _group,
    "alias": _alias,
    "service": _service,
    "flow": _flow,
    "requirement": _requirement,
}


def _declared(tree: Tree[Token]) -> Iterator[str]:
    """Names that a declaration gives, for one that could not be built."""
    if tree.data not in _DECLARING:
        return
    for child in tree.children:
        if is_word(child, "NAME") or is_word(child, "STRING"):
            yield word(child).strip('"')
        elif isinstance(child, Tree) and child.data in ("name", "described"):
            yield from (str(token) for token in child.scan_values(lambda value: is_word(value, "NAME")))
