"""Pieces of a statement that no line break divides, and lines that are filled with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from unicodedata import combining, east_asian_width

from lark import Token

from netpolicy.dsl.comments import Comment

WIDEST = 120
"""Columns of the longest line, unless it holds one piece or a comment that is longer."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Text in one piece. `start` is its place in the source: comments before it stay before it.

    A sign that the tree does not hold has the place of the piece before it. `breaks` allows a line break before it.
    """

    text: str
    start: int
    breaks: bool = False


Phrase = tuple[Piece, ...]


def piece(token: Token) -> Piece:
    """The token as it is written."""
    return Piece(str(token), token.start_pos or 0)


def breaking(phrase: Phrase) -> Phrase:
    """The phrase, before which a line may end."""
    return (Piece(phrase[0].text, phrase[0].start, breaks=True), *phrase[1:])


def prefixed(sign: str, phrase: Phrase) -> Phrase:
    """The phrase with a sign right before it."""
    first = phrase[0]
    return (Piece(sign + first.text, first.start, first.breaks), *phrase[1:])


def suffixed(phrase: Phrase, sign: str) -> Phrase:
    """The phrase with a sign right behind it."""
    last = phrase[-1]
    return (*phrase[:-1], Piece(last.text + sign, last.start, last.breaks))


def enclosed(phrase: Phrase) -> Phrase:
    """The phrase in parentheses."""
    return suffixed(prefixed("(", phrase), ")")


def listed(phrases: Sequence[Phrase]) -> Phrase:
    """The phrases with commas between them."""
    parts = [*(suffixed(one, ",") for one in phrases[:-1]), phrases[-1]]
    return tuple(one for place, part in enumerate(parts) for one in (breaking(part) if place else part))


def joined(phrases: Sequence[Phrase], sign: str) -> Phrase:
    """The phrases with a sign between them that stands apart."""
    whole = list(phrases[0])
    for phrase in phrases[1:]:
        whole += [Piece(sign, whole[-1].start, breaks=True), *phrase]
    return tuple(whole)


def text_of(phrase: Iterable[Piece]) -> str:
    """The phrase on one line."""
    return " ".join(one.text for one in phrase)


def width(text: str) -> int:
    """Columns of a text on a terminal."""
    if text.isascii():
        return len(text)
    return sum(0 if combining(one) else 2 if east_asian_width(one) in "WF" else 1 for one in text)


def padded(text: str, columns: int) -> str:
    """The text with blanks behind it, up to that many columns."""
    return text + " " * (columns - width(text))


def fill(phrase: Phrase, inside: Sequence[Comment], indent: str, further: str) -> list[str]:
    """Lines with the phrase and the comments inside it; a line ends at a comment, and where the next is too long.

    The first line begins with `indent`, the others with `further`.
    """
    lines: list[str] = []
    line, margin, waiting = "", indent, list(reversed(inside))
    needed = _needed(phrase)
    for place, one in enumerate(phrase):
        while waiting and waiting[-1].start < one.start:
            comment = waiting.pop()
            if line and not comment.trailing:
                lines.append(margin + line)
                line, margin = "", further
            lines.append(f"{margin}{line}{'  ' if line else ''}{comment.text}")
            line, margin = "", further
        if line and one.breaks and width(margin + line) + 1 + needed[place] > WIDEST:
            lines.append(margin + line)
            line, margin = "", further
        line += f" {one.text}" if line else one.text
    return [*lines, margin + line]


def _needed(phrase: Phrase) -> list[int]:
    """For each piece the columns that it needs with all behind it, up to the next place for a line break."""
    needed: list[int] = []
    for place in range(len(phrase) - 1, -1, -1):
        last = place + 1 == len(phrase) or phrase[place + 1].breaks
        needed.append(width(phrase[place].text) + (0 if last else 1 + needed[-1]))
    return needed[::-1]
