"""When: conditions of the tree as syntax."""

from __future__ import annotations

from lark import Token

from netpolicy.dsl import syntax as s
from netpolicy.dsl.literals import port_range
from netpolicy.dsl.selectors import selector
from netpolicy.dsl.words import Branch, Words, is_word, tree_of, word
from netpolicy.source import Span


def condition(words: Words, branch: Branch) -> s.Condition:
    """The condition of a branch; a wrong word in it raises WordError."""
    tree = tree_of(branch)
    place, parts = words.span(tree), tree.children
    match tree.data:
        case "either" if len(parts) == 1:
            return condition(words, parts[0])
        case "either":
            return s.Either(tuple(condition(words, part) for part in parts), place)
        case "both":
            return s.Both(tuple(condition(words, part) for part in parts), place)
        case "negation":
            return s.Negation(condition(words, parts[0]), place)
        case "exists":
            return s.Exists(selector(words, parts[0]), place)
        case "count":
            counted, operator, number = parts
            return s.Count(selector(words, counted), str(operator), words.number(number), place)
        case "compared":
            param, operator, value = parts
            return _compared(words, param, str(operator), value, place)
        case _:
            return _is_set(words, parts[0], place)


def _compared(words: Words, param: Branch, operator: str, value: Branch, place: Span) -> s.Compared:
    chosen = _given(words, value)
    return s.Compared(words.name(param).text, chosen, operator == "==", place)


def _given(words: Words, value: Branch) -> str:
    """What a param is compared with: a choice, `on`, `off`, or one port or range in its shortest form."""
    if is_word(value, "PORT"):
        first, last = words.judged(port_range(word(value)), words.span(value))
        return str(first) if first == last else f"{first}-{last}"
    return s.normal(word(value)) if isinstance(value, Token) else words.name(value).text


def _is_set(words: Words, param: Branch, place: Span) -> s.IsSet | s.Broken:
    if not word(param):  # put there where a `when` could not be read
        return s.Broken(place)
    return s.IsSet(words.name(param).text, place)
