"""Words of a policy file: names, texts and numbers, with their places; what is wrong with one is noted."""

from __future__ import annotations

import re
from typing import TypeVar

from lark import Token, Tree

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.dsl.literals import Problem, number
from netpolicy.dsl.syntax import Name, Quoted, normal
from netpolicy.dsl.vocabulary import RESERVED_WORDS
from netpolicy.source import Source, Span

T = TypeVar("T")
Branch = Tree[Token] | Token
_LONGEST_NAME = 63


class WordError(Exception):
    """A word of a statement is wrong; the diagnostic is already noted."""


class Words:
    """Reads the words of one file; `found` is what is wrong with them."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Diagnostic] = []

    def span(self, branch: Branch) -> Span:
        """The place of a token, or of all that a tree holds."""
        if isinstance(branch, Token):
            return Span(self.source, branch.start_pos or 0, branch.end_pos or 0)
        return Span(self.source, getattr(branch.meta, "start_pos", 0), getattr(branch.meta, "end_pos", 0))

    def fail(self, code: str, message: str, place: Span, hint: str = "") -> WordError:
        """The exception to raise, when the error is noted."""
        self.found.append(error(code, message, place, hint=hint))
        return WordError()

    def judged(self, outcome: T | Problem, place: Span) -> T:
        """The value of a literal; its problem raises WordError."""
        if isinstance(outcome, Problem):
            raise self.fail(outcome.code, outcome.message, place, outcome.hint)
        return outcome

    def name(self, branch: Branch) -> Name:
        """The name in normal form; it is no reserved word and not too long."""
        token = word(branch)
        place = self.span(token)
        if "__" in token or "--" in token or "_-" in token or "-_" in token:
            raise self.fail("NP111", f"`{token}` is no name", place, "single `_` or `-` between letters and digits")
        if len(token) > _LONGEST_NAME:
            message = f"this name is longer than {_LONGEST_NAME} characters"
            raise self.fail("NP111", message, place, "choose a shorter name")
        if normal(token) in RESERVED_WORDS:
            hint = f"choose another name, or write `{token.lower()}` if the word is meant"
            raise self.fail("NP108", f"`{token}` is a reserved word and cannot be a name", place, hint)
        return Name(normal(token), place)

    def text(self, branch: Branch | None) -> str:
        """The unescaped text between the quotes; empty where none is written."""
        if branch is None:
            return ""
        token = word(branch)
        unescaped = re.sub(r"\\(.)", r"\1", token[1:-1])
        if any(not character.isprintable() for character in unescaped):
            message = "this text holds a control character"
            raise self.fail("NP106", message, self.span(token), "use printable characters")
        return unescaped

    def quoted(self, branch: Branch) -> Quoted:
        return Quoted(self.text(branch), self.span(branch))

    def number(self, branch: Branch) -> int:
        token = word(branch)
        return self.judged(number(token), self.span(token))


def word(branch: Branch) -> Token:
    """The token that a branch is, or that it begins with."""
    first = branch if isinstance(branch, Token) else branch.children[0]
    assert isinstance(first, Token)
    return first


def tree_of(branch: Branch) -> Tree[Token]:
    """The branch, of which the grammar says that it is no token."""
    assert isinstance(branch, Tree)
    return branch


def is_word(branch: object, kind: str) -> bool:
    """True for a token of that terminal."""
    return isinstance(branch, Token) and branch.type == kind
