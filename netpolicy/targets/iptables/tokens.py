"""Words of restore text, each with its place, split as iptables-restore splits them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.source import Source, Span

_WORD = re.compile(r"[^ \t]+")


@dataclass(frozen=True, slots=True)
class Token:
    """A word without its quotes and escapes; the span covers it with them."""

    text: str
    span: Span = field(compare=False)
    quoted: bool = False

    def pieces(self, separator: str) -> list[Token]:
        """The parts between separators, each at its own place."""
        if separator not in self.text:
            return [self]
        if self.span.text != self.text:
            return [Token(text, self.span, self.quoted) for text in self.text.split(separator)]
        found, start = [], self.span.start
        for text in self.text.split(separator):
            found.append(Token(text, Span(self.span.source, start, start + len(text))))
            start += len(text) + len(separator)
        return found


@dataclass(frozen=True, slots=True)
class Line:
    """A line that is neither blank nor a comment; `tokens` is never empty."""

    number: int
    span: Span
    tokens: list[Token]


def lines(
    source: Source, problems: list[Diagnostic], skip: Callable[[int], int] | None = None, *, windows: bool = False
) -> Iterator[Line]:
    """Every line with words on it; a line whose quotes do not close is a problem and is not among them.

    `skip` answers, for the offset at which a line begins, where to read on; lines before that are left out. With
    `windows`, a carriage return may stand before each line end.
    """
    returned = (source.text.replace("\r\n", "\n\n") if windows else source.text).find("\r")
    if returned >= 0:
        place = Span(source, returned, returned + 1)
        hint = "write the file with Unix line ends; the restore tools keep a carriage return as part of the word"
        problems.append(error("NP601", "a carriage return in the text is not understood", place, hint=hint))
    start = wanted = 0
    for number, raw in enumerate(source.text.split("\n"), 1):
        if skip is not None and start >= wanted:
            wanted = skip(start)
        text = raw.rstrip("\r")
        comment = (text.lstrip(" \t") if windows else text).startswith("#")
        if start >= wanted and text.strip(" \t") and not comment:
            line = line_at(source, number, start, text, problems)
            if line is not None:
                yield line
        start += len(raw) + 1


def line_at(source: Source, number: int, start: int, text: str, problems: list[Diagnostic]) -> Line | None:
    """The line with that text, which begins at `start`; None when it is blank or its quotes do not close."""
    words = _words(source, start, text, problems)
    return Line(number, Span(source, words[0].span.start, words[-1].span.end), words) if words else None


def _words(source: Source, start: int, text: str, problems: list[Diagnostic]) -> list[Token]:
    if '"' not in text:
        return [Token(word[0], Span(source, start + word.start(), start + word.end())) for word in _WORD.finditer(text)]
    words: list[Token] = []
    at = 0
    while at < len(text):
        if text[at] in " \t":
            at += 1
            continue
        value, end, quoted = _word(text, at)
        if end < 0:
            span = Span(source, start + text.index('"', at), start + len(text))
            problems.append(error("NP601", "the quote is not closed on its line", span, hint='close it with `"`'))
            return []
        words.append(Token(value, Span(source, start + at, start + end), quoted))
        at = end
    return words


def _word(text: str, at: int) -> tuple[str, int, bool]:
    """The word that begins at `at`, the offset after it (-1: its quote never closes), and whether it was quoted.

    As in iptables-restore, a quote may open inside a word, its end ends the word, and a backslash escapes the next
    character only inside quotes.
    """
    value: list[str] = []
    quoted = False
    while at < len(text):
        character = text[at]
        if not quoted and character in " \t":
            break
        if quoted and character == "\\" and at + 1 < len(text):
            at += 1
            value.append(text[at])
        elif character == '"':
            if quoted:
                return "".join(value), at + 1, True
            quoted = True
        else:
            value.append(character)
        at += 1
    return "".join(value), -1 if quoted else at, quoted
