"""Why, by whom and until when: attributes of the tree as syntax."""

from __future__ import annotations

import re
from datetime import date
from typing import Any

from lark import Token, Tree

from netpolicy.dsl import syntax as s
from netpolicy.dsl.words import Branch, Words, tree_of, word
from netpolicy.source import Span

DEFAULT_LOG_RATE = "10/minute"
_LOG_RATE = re.compile(r"([1-9][0-9]{0,4})/(second|minute|hour|day)")
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}")


def attributes(words: Words, branch: Branch) -> s.Attributes:
    """The attributes of a statement; all but `source` and `tag` stand once at most."""
    tree = tree_of(branch)
    single: dict[str, Any] = {}
    sources: list[str] = []
    tags: list[str] = []
    for child in tree.children:
        one = tree_of(child)
        if one.data == "source":
            sources += [_text(words, "source", word(text)) for text in one.children]
        elif one.data == "tag":
            tags += [_tag(words, tag) for tag in one.children]
        else:
            key, value = _single(words, one)
            if key in single:
                raise words.fail("NP119", f"`{key}` is given twice", words.span(one), "keep one")
            single[key] = value
            if key == "expires":
                single["expires_span"] = words.span(one)
    place = words.span(tree) if tree.children else None
    return s.Attributes(sources=tuple(sources), tags=tuple(tags), span=place, **single)


def said(words: Words, branch: Branch, key: str) -> Span:
    """The place of the attribute that begins with a word; of all of them where none does."""
    places = [words.span(child) for child in tree_of(branch).children]
    return next((place for place in places if place.text.startswith(key)), words.span(branch))


def _tag(words: Words, branch: Branch) -> str:
    return _text(words, "tag", word(branch)) if tree_of(branch).data == "quoted" else words.name(branch).text


def _single(words: Words, tree: Tree[Token]) -> tuple[str, str | date]:
    if tree.data == "log":
        return "log", _rate(words, tree.children[0])
    key, value = (word(child) for child in tree.children)
    return str(key), _text(words, key, value) if tree.data == "text" else _date(words, value)


def _rate(words: Words, branch: Branch | None) -> str:
    if branch is None:
        return DEFAULT_LOG_RATE
    token = word(branch)
    if not _LOG_RATE.fullmatch(token):
        hint = "such as `5/second`; per second, minute, hour or day"
        raise words.fail("NP119", f"`{token}` is no log rate", words.span(token), hint)
    return str(token)


def _text(words: Words, key: str, value: Token) -> str:
    text = words.text(value)
    if not text.strip():
        raise words.fail("NP119", f"`{key}` is empty", words.span(value), "say it, or remove the attribute")
    return text


def _date(words: Words, value: Token) -> date:
    try:
        if _DATE.fullmatch(value):
            return date.fromisoformat(value)
    except ValueError:
        pass
    raise words.fail("NP119", f"`{value}` is no date", words.span(value), "write YEAR-MONTH-DAY, such as 2027-01-31")
