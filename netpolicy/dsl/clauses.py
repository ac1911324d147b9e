"""Statements as clauses: cells that may stand in columns, and behind them what explains the statement."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from lark import Token, Tree

from netpolicy.dsl import spelling
from netpolicy.dsl.pieces import Phrase, Piece, breaking, joined, listed
from netpolicy.dsl.words import Branch, is_word, tree_of, word


@dataclass(frozen=True, slots=True)
class Clause:
    """A statement other than `when`.

    First cells of a `family` stand in one column, further cells of a `shape` in theirs; `explained` says whose
    descriptions or attributes do.
    """

    family: str
    shape: str
    explained: str
    cells: tuple[Phrase, ...]
    description: Phrase = ()
    attributes: tuple[Phrase, ...] = ()

    @property
    def head(self) -> Phrase:
        """All of it but attributes."""
        return (*(one for cell in self.cells for one in cell), *self.description)

    @property
    def whole(self) -> Phrase:
        """All of it."""
        return (*self.head, *(one for phrase in self.attributes for one in phrase))


def clause(tree: Tree[Token]) -> Clause:
    """The clause of a statement."""
    return _CLAUSES[tree.data](tree)


def _keyword(tree: Tree[Token], word_of_it: str = "") -> Phrase:
    return (Piece(word_of_it or tree.data, tree.meta.start_pos),)


def _description(branch: Branch | None) -> Phrase:
    return breaking(spelling.text(branch)) if branch is not None else ()


def _signed(sign: str, before: Phrase, phrase: Phrase) -> Phrase:
    """The phrase behind a sign that the tree does not hold."""
    return (Piece(sign, before[-1].start), *phrase)


def _policy(tree: Tree[Token]) -> Clause:
    name, description = tree.children
    cell = (*_keyword(tree), *spelling.name(name), *_description(description))
    return Clause("policy", "policy", "policy", (cell,))


def _include(tree: Tree[Token]) -> Clause:
    return Clause("include", "include", "include", ((*_keyword(tree), *spelling.text(tree.children[0])),))


def _setting(tree: Tree[Token]) -> Clause:
    name, value = tree.children
    named = spelling.name(name)
    written = _value(value) if tree.data == "set" else spelling.name(value)
    return Clause(tree.data, tree.data, tree.data, (_keyword(tree), named, _signed("=", named, written)))


def _value(branch: Branch) -> Phrase:
    tree = tree_of(branch)
    parts = [spelling.name(one) for one in tree.children]
    return joined(parts, "|") if tree.data == "choice" else listed(parts)


def _param(tree: Tree[Token]) -> Clause:
    name, *others = tree.children
    kind, value, description = list[Branch | None](others)
    named = spelling.name(name)
    typed = _signed(":", named, spelling.name(kind)) if kind is not None else ()
    given = _signed("=", typed or named, _value(value)) if value is not None else ()
    cells = (_keyword(tree), named, typed, given)
    return Clause("param", "param", "param", cells, _description(description))


def _names(tree: Tree[Token]) -> Clause:
    """`role`, `label` or `network`; one that declares several names has no columns but that of its word."""
    described: list[tuple[Phrase, Phrase]] = []
    for child in tree.children:
        name, description = tree_of(child).children
        described.append((spelling.name(name), _description(description)))
    if len(described) == 1:
        named, explained = described[0]
        return Clause("names", "name", "name", (_keyword(tree), named), explained)
    cell = listed([(*named, *explained) for named, explained in described])
    return Clause("names", "several", "several", (_keyword(tree), cell))


def _group(tree: Tree[Token]) -> Clause:
    name, *members, description = tree.children
    named = spelling.name(name)
    chosen = [spelling.text(one) if tree_of(one).data == "quoted" else spelling.name(one) for one in members]
    cells = (_keyword(tree), named, _signed("=", named, listed(chosen)))
    return Clause("names", "group", "group", cells, _description(description))


def _alias(tree: Tree[Token]) -> Clause:
    quoted, target = tree.children
    named = spelling.text(quoted)
    cells = (_keyword(tree), named, _signed("=", named, spelling.name(target)))
    return Clause("names", "alias", "alias", cells)


def _service(tree: Tree[Token]) -> Clause:
    _, name, listed_there, description = tree.children
    kind = "forwarded service" if is_word(tree.children[0], "FORWARDED") else "service"
    named = spelling.name(name)
    cells = (_keyword(tree, kind), named, _signed("=", named, spelling.what(listed_there)))
    return Clause(kind, kind, kind, cells, _description(description))


def _flow(tree: Tree[Token]) -> Clause:
    verb, who, arrow, whom, listed_there, notes = tree.children
    receiver = spelling.selector(whom)
    cells = (
        spelling.text(verb),
        spelling.selector(who),
        breaking(spelling.text(arrow)),
        receiver,
        breaking(_signed(":", receiver, spelling.what(listed_there))),
    )
    return Clause("flow", "flow", "rule", cells, attributes=_attributes(notes))


def _requirement(tree: Tree[Token]) -> Clause:
    verb, demanded, notes = tree.children
    cells = (spelling.text(word(verb)), spelling.demand(demanded))
    return Clause("requirement", "requirement", "rule", cells, attributes=_attributes(notes))


def _attributes(branch: Branch) -> tuple[Phrase, ...]:
    return tuple(spelling.attribute(one) for one in tree_of(branch).children)


_CLAUSES: dict[str, Callable[[Tree[Token]], Clause]] = {
    "policy": _policy,
    "include": _include,
    "set": _setting,
    "option": _setting,
    "param": _param,
    "role": _names,
    "label": _names,
    "network": _names,
    "group": _group,
    "alias": _alias,
    "service": _service,
    "flow": _flow,
    "requirement": _requirement,
}
