"""Params of the tree as syntax: their declarations and values."""

from __future__ import annotations

from lark import Token, Tree

from netpolicy.dsl import syntax as s
from netpolicy.dsl.literals import port_range
from netpolicy.dsl.words import Branch, Words, tree_of, word

_TYPES = {"flag": "a flag", "ports": "ports", "choice": "a choice"}
_TRUTH = {"true": "on", "yes": "on", "false": "off", "no": "off"}


def param(words: Words, tree: Tree[Token]) -> s.Param:
    """The declaration of a param; its type and its default agree."""
    name, *others = tree.children
    kind, default, description = list[Branch | None](others)
    declared = words.name(name)
    typed = _type(words, kind)
    given = value(words, default) if default is not None else None
    if typed is None and given is None:
        hint = "write `: ports`, or a default such as `= off`"
        raise words.fail("NP114", f"param `{declared.text}` has neither a type nor a value", declared.span, hint)
    if typed is not None and typed.text == "choice" and given is None:
        hint = "write them: `= canal | cilium`"
        raise words.fail("NP114", f"param `{declared.text}` has no choices", declared.span, hint)
    if given is not None:
        _agree(words, typed, given)
    return s.Param(declared, typed, given, words.text(description), words.span(tree))


def value(words: Words, branch: Branch) -> s.Value:
    """A flag, ports or choices."""
    tree = tree_of(branch)
    place = words.span(tree)
    if tree.data == "flag":
        return s.Value(flag=word(tree) == "on", span=place)
    if tree.data == "port_list":
        tokens = [word(child) for child in tree.children]
        return s.Value(ports=tuple(words.judged(port_range(one), words.span(one)) for one in tokens), span=place)
    choices = tuple(words.name(child).text for child in tree.children)
    if len(set(choices)) < len(choices):
        raise words.fail("NP114", "a choice stands twice", place, "name each choice once")
    return s.Value(choices=choices, span=place)


def _type(words: Words, branch: Branch | None) -> s.Name | None:
    if branch is None:
        return None
    typed = words.name(branch)
    if typed.text not in _TYPES:
        hint = "the types are `ports`, `flag` and `choice`"
        raise words.fail("NP114", f"`{typed.text}` is no type of a param", typed.span, hint)
    return typed


def _agree(words: Words, typed: s.Name | None, given: s.Value) -> None:
    """Raises WordError for a default of another type, and for one that other languages write."""
    assert given.span is not None
    if given.choices and given.choices[0] in _TRUTH:
        hint = f"write `{_TRUTH[given.choices[0]]}`"
        raise words.fail("NP114", f"`{given.choices[0]}` is no value of a flag", given.span, hint)
    written = "flag" if given.flag is not None else "ports" if given.ports else "choice"
    if typed is not None and written != typed.text:
        message = f"a `{typed.text}` param cannot be {_TYPES[written]}"
        raise words.fail("NP115", message, given.span, "change the type or the value")
