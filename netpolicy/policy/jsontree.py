"""JSON text as the tree that `yamltree` makes, for files too large to read wholly: what nobody asks for is passed over.

Equal members of several objects (the same key before the same text) are one branch, where they stand first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import Any

from netpolicy.diagnostic import Diagnostic, Label, error
from netpolicy.policy.yamltree import DEEPEST, Branch, Mapping, Scalar, Sequence
from netpolicy.source import Source, Span

Wanted = Callable[[str, Any], bool]
"""Whether a member is kept, by its key and its value as Python reads it."""
_BLANK = re.compile(r"[ \t\n\r]*")
_WORD = re.compile(r"\S+")
# Numbers stay texts: Python refuses to read one of very many digits.
_decode = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=str).raw_decode


class _StopError(Exception):
    """The text cannot be read on."""

    def __init__(self, message: str, place: Span, hint: str) -> None:
        super().__init__(message)
        self.place = place
        self.hint = hint


def compose_json(source: Source, depth: int, wanted: Wanted) -> tuple[Branch | None, list[Diagnostic]]:
    """The tree of a text, or None and why not; objects `depth` levels below the first hold only wanted members."""
    reader = _Reader(source, depth, wanted)
    try:
        return reader.document(), reader.found
    except _StopError as failure:
        reader.found.append(error("NP201", str(failure), failure.place, hint=failure.hint))
    return None, reader.found


class _Reader:
    def __init__(self, source: Source, depth: int, wanted: Wanted) -> None:
        self.source = source
        self.text = source.text
        self.depth = depth
        self.wanted = wanted
        self.found: list[Diagnostic] = []
        self.known: dict[tuple[str, str], tuple[Scalar, Branch]] = {}

    def document(self) -> Branch:
        tree, end = self.branch(self.blank(1 if self.text.startswith("\ufeff") else 0), 0)
        after = self.blank(end)
        if after < len(self.text):
            raise self.stop("something stands behind the end of it", after, "remove it")
        return tree

    def stop(
        self, problem: str, at: int, hint: str = "write the file again with `ansible-inventory --list`"
    ) -> _StopError:
        at = min(at, len(self.text))
        if at == len(self.text):
            problem = "it ends too early"
        word = _WORD.match(self.text, at)
        place = Span(self.source, at, min(word.end(), at + 40) if word else at)
        return _StopError(f"this is not JSON: {problem}", place, hint)

    def blank(self, at: int) -> int:
        """Where the next sign stands."""
        found = _BLANK.match(self.text, at)
        return found.end() if found else at

    def decoded(self, at: int) -> tuple[Any, int]:
        """The value that begins there as Python reads it, and where it ends."""
        try:
            return _decode(self.text, at)
        except json.JSONDecodeError as failure:
            problem = next((words for said, words in _PROBLEMS if failure.msg.startswith(said)), failure.msg.lower())
            raise self.stop(problem, failure.pos) from None
        except RecursionError:
            raise self.stop("it is nested too deep", at) from None

    def branch(self, at: int, level: int) -> tuple[Branch, int]:
        """What begins there, and where it ends."""
        sign = self.text[at : at + 1]
        if sign in ("{", "[") and level > DEEPEST:
            hint = f"a cluster file needs {DEEPEST} levels at most"
            raise _StopError("this is nested too deep", Span(self.source, at, at + 1), hint)
        if sign == "{":
            return self.mapping(at, level)
        if sign == "[":
            return self.sequence(at, level)
        value, end = self.decoded(at)
        span = Span(self.source, at, end)
        return (Scalar(value, False, span) if sign == '"' else Scalar(span.text, True, span)), end

    def sequence(self, start: int, level: int) -> tuple[Sequence, int]:
        items: list[Branch] = []
        at = self.blank(start + 1)
        more = self.text[at : at + 1] != "]"
        while more:
            item, end = self.branch(at, level + 1)
            items.append(item)
            at, more = self.next(end, "]")
        return Sequence(tuple(items), Span(self.source, start, at + 1)), at + 1

    def mapping(self, start: int, level: int) -> tuple[Mapping, int]:
        entries: dict[str, tuple[Scalar, Branch]] = {}
        at = self.blank(start + 1)
        more = self.text[at : at + 1] != "}"
        while more:
            key, at = self.key(at)
            entry, end = self.member(key, at, level)
            if entry is not None and key.text in entries:
                places = (Label(key.span), Label(entries[key.text][0].span, "first here"))
                hint = "JSON keeps only one of them; remove the other"
                self.found.append(error("NP202", f"the key `{key.text}` stands twice", *places, hint=hint))
            elif entry is not None:
                entries[key.text] = entry
            at, more = self.next(end, "}")
        return Mapping(tuple(entries.values()), Span(self.source, start, at + 1)), at + 1

    def key(self, at: int) -> tuple[Scalar, int]:
        """The key there, and where its value begins."""
        if self.text[at : at + 1] != '"':
            raise self.stop("a key in double quotes is missing here", at)
        text, end = self.decoded(at)
        colon = self.blank(end)
        if self.text[colon : colon + 1] != ":":
            raise self.stop("`:` is missing before this", colon)
        return Scalar(text, False, Span(self.source, at, end)), self.blank(colon + 1)

    def member(self, key: Scalar, at: int, level: int) -> tuple[tuple[Scalar, Branch] | None, int]:
        """The key with its value, None where nobody wants it; and where the value ends."""
        if level != self.depth:
            value, end = self.branch(at, level + 1)
            return (key, value), end
        plain, end = self.decoded(at)
        if not self.wanted(key.text, plain):
            return None, end
        written = (key.text, self.text[at:end])
        if written not in self.known:
            self.known[written] = (key, self.branch(at, level + 1)[0])
        return self.known[written], end

    def next(self, end: int, closing: str) -> tuple[int, bool]:
        """Where the next part begins, or the closing sign stands; True where there is a next part."""
        at = self.blank(end)
        if self.text[at : at + 1] == ",":
            return self.blank(at + 1), True
        if self.text[at : at + 1] != closing:
            raise self.stop(f"`,` or `{closing}` is missing before this", at)
        return at, False


_PROBLEMS = (
    ("Unterminated string", "this quote is never closed"),
    ("Invalid control character", "a text cannot hold a line break or a control character"),
    ("Invalid", "this cannot stand in a text"),
    ("Expecting value", "a value is missing here"),
    ("Expecting ',' delimiter", "`,` or a closing bracket is missing before this"),
    ("Expecting ':' delimiter", "`:` is missing before this"),
    ("Expecting property name", "a key in double quotes is missing here"),
)
