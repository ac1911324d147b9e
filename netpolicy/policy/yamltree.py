"""YAML text as a tree with spans, without YAML's surprises.

Only texts, lists and mappings exist here; what a scalar means is decided by who asks for it. Duplicate keys, tags,
merge keys and deep nesting are errors.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from netpolicy.diagnostic import Diagnostic, Label, error
from netpolicy.source import Source, Span

DEEPEST = 16
_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_BOOLEAN = re.compile(r"(?i:yes|no|true|false|on|off|y|n)")
_NULL = re.compile(r"(?i:null)|~|")
_NUMBER = re.compile(
    r"(?P<sexagesimal>[-+]?[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)|(?P<octal>[-+]?0[0-7_]+)|[-+]?[0-9][0-9_]*(?:\.[0-9_]*)?"
    r"|[-+]?0x[0-9a-fA-F_]+|[-+]?0b[01_]+|[-+]?(?:[0-9][0-9_]*)(?:\.[0-9_]*)?[eE][-+]?[0-9]+|[-+]?\.(?i:inf|nan)"
)
_UNFIT = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_STRANGE_BLANK = re.compile("^ *([\u00a0\u2000-\u200b\u202f\u3000])", re.MULTILINE)
_DATE = re.compile(r"\d{4}-\d\d?-\d\d?.*")


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text; `plain` when it stood without quotes."""

    text: str
    plain: bool
    span: Span

    def trap(self) -> str:
        """What YAML 1.1 makes of the text where a reader means the text itself; empty when nothing else."""
        if not self.plain:
            return ""
        if _NULL.fullmatch(self.text):
            return "nothing (null)"
        if _BOOLEAN.fullmatch(self.text):
            return "a truth value"
        number = _NUMBER.fullmatch(self.text)
        if number:
            kind = number.lastgroup
            return {"sexagesimal": "a number to base 60", "octal": "an octal number"}.get(kind or "", "a number")
        return "a date" if _DATE.fullmatch(self.text) else ""


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list."""

    items: tuple[Branch, ...]
    span: Span


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys with values, in the order of the text; no key stands twice."""

    entries: tuple[tuple[Scalar, Branch], ...]
    span: Span


Branch = Scalar | Sequence | Mapping


def member(branch: Branch | None, key: str) -> Branch | None:
    """The value of a key where the branch is a mapping that has it."""
    if not isinstance(branch, Mapping):
        return None
    return next((value for known, value in branch.entries if known.text == key), None)


class _StopError(Exception):
    """The text cannot be read on; the diagnostic is noted."""


def compose(source: Source) -> tuple[Branch | None, list[Diagnostic]]:
    """The tree of the only document of a text, or None and why not."""
    strange = _STRANGE_BLANK.search(source.text)
    if strange:
        place = Span(source, strange.start(1), strange.end(1))
        message = f"`U+{ord(strange[1]):04X}` cannot indent YAML"
        return None, [error("NP201", message, place, hint="indent with blanks")]
    composer = _Composer(source)
    try:
        return composer.document(), composer.found
    except yaml.MarkedYAMLError as failure:
        composer.found.append(_unreadable(source, failure, composer.shift))
    except yaml.reader.ReaderError:
        # Its position is in bytes with libyaml and in characters without.
        unfit = _UNFIT.search(source.text)
        at = unfit.start() if unfit else 0
        hint = "remove it, or write it as an escape in double quotes"
        place = Span(source, at, at + 1)
        composer.found.append(error("NP201", "this character is not allowed in YAML", place, hint=hint))
    except _StopError:
        pass
    return None, composer.found


# What libyaml or PyYAML say, in words that help; the first row with a fragment of it is taken.
_NO_KEY = ("no key begins here", "the keys of one mapping begin in the same column")
_CLOSED = {"}": "',' or ']'", "]": "',' or '}'"}
_NO_VALUE = ("a value cannot begin like this", "quote it")
_PROBLEMS = (
    (
        "mapping values are not allowed",
        ("a second `:` cannot stand here", "quote a text that holds `: `, and put a blank behind the `:` of a key"),
    ),
    ("end of stream", ("this quote is never closed", "add the same quote where the text ends")),
    (
        "expected ',' or ']'",
        ("`,` or `]` is missing before this", "close the list, or quote a text that holds `,`, `[` or `]`"),
    ),
    (
        "expected ',' or '}'",
        (
            "`,` or `}` is missing before this",
            "close the mapping, or quote a text that holds `,`, `[`, `]`, `{` or `}`",
        ),
    ),
    ("expected key", _NO_KEY),
    ("expected <block end>", _NO_KEY),
    ("block sequence entries", ("no list can begin here", "write it on lines of its own")),
    ("expected node content", _NO_VALUE),
    ("cannot start any token", _NO_VALUE),
    ("could not find expected ':'", ("a `:` is missing before this", "a key is followed by `:` and a blank")),
    ("unexpected ':'", ("a `:` cannot stand here", "quote an address that holds `:`")),
    ("nesting depth", ("this is nested too deep", f"a cluster file needs {DEEPEST} levels at most")),
    ("expected <document start>", ("no key begins here", "a cluster is `key: value` lines, or one `{key: value}`")),
    ("incompatible YAML", ("this directive is not read", "remove the line")),
)


def _unreadable(source: Source, failure: yaml.MarkedYAMLError, shift: int) -> Diagnostic:
    text, problem = source.text, failure.problem or "it cannot be read"
    mark = failure.problem_mark or failure.context_mark
    at = min(mark.index + shift, len(text)) if mark is not None else 0
    if text[at : at + 1] == "\t" or "\\t" in problem:
        return error("NP201", "a tab cannot indent YAML", Span(source, at, at + 1), hint="indent with blanks")
    if text[at : at + 1] in ("}", "]") and "expected" in problem and _CLOSED[text[at]] not in problem:
        return error("NP201", f"`{text[at]}` closes nothing", Span(source, at, at + 1), hint="remove it")
    known = (words for fragment, words in _PROBLEMS if fragment in problem)
    message, hint = next(known, (f"this is not YAML: {problem}", ""))
    begun = failure.context_mark
    if at == len(text) and begun is not None:
        at = begun.index + shift
    found = re.compile(r"\S+").match(text, at)
    place = Span(source, at, found.end() if found else at)
    return error("NP201", message, place, hint=hint)


class _Composer:
    def __init__(self, source: Source) -> None:
        self.source = source
        self.found: list[Diagnostic] = []
        self.anchors: dict[str, Branch] = {}
        self.shift = 1 if source.text.startswith("\ufeff") else 0  # libyaml does not count a byte order mark
        self.events: Iterator[Any] = yaml.parse(source.text[self.shift :], Loader=_Loader)

    def span(self, event: Any) -> Span:
        return Span(self.source, event.start_mark.index + self.shift, event.end_mark.index + self.shift)

    def whole(self, start: Any, end: Any) -> Span:
        """From `[` to `]` or from `{` to `}`; where a list or mapping of lines begins."""
        opened = self.span(start)
        return opened.to(self.span(end)) if opened.text in ("[", "{") else opened

    def stop(self, event: Any, message: str, hint: str) -> _StopError:
        self.found.append(error("NP201", message, self.span(event), hint=hint))
        return _StopError()

    def document(self) -> Branch | None:
        next(self.events)
        first = next(self.events)
        if isinstance(first, yaml.StreamEndEvent):
            hint = "a cluster needs at least `policy:` and `nodes:`"
            self.found.append(error("NP201", "the file holds nothing", Span(self.source, 0, 0), hint=hint))
            return None
        tree = self.branch(next(self.events), 0)
        next(self.events)
        after = next(self.events)
        if not isinstance(after, yaml.StreamEndEvent):
            raise self.stop(after, "a second document begins here", "a cluster is one document; remove `---`")
        return tree

    def branch(self, event: Any, depth: int) -> Branch:
        if depth > DEEPEST:
            raise self.stop(event, "this is nested too deep", f"a cluster file needs {DEEPEST} levels at most")
        if isinstance(event, yaml.AliasEvent):
            known = self.anchors.get(str(event.anchor))
            if known is None:
                raise self.stop(event, f"unknown anchor `{event.anchor}`", "an alias comes after its anchor")
            return known
        if event.tag is not None and event.tag != "!":
            tag = self.span(event).text.split()[0][:40]
            raise self.stop(event, f"a tag (`{tag}`) is not allowed here", "remove it")
        built = self.filled(event, depth)
        if event.anchor is not None:
            self.anchors[event.anchor] = built
        return built

    def filled(self, event: Any, depth: int) -> Branch:
        if isinstance(event, yaml.ScalarEvent):
            return Scalar(event.value, not event.style, self.span(event))
        if isinstance(event, yaml.SequenceStartEvent):
            items: list[Branch] = []
            while not isinstance(inner := next(self.events), yaml.SequenceEndEvent):
                items.append(self.branch(inner, depth + 1))
            return Sequence(tuple(items), self.whole(event, inner))
        entries: dict[str, tuple[Scalar, Branch]] = {}
        while not isinstance(inner := next(self.events), yaml.MappingEndEvent):
            key = self.key(inner, depth)
            value = self.branch(next(self.events), depth + 1)
            if key.text in entries:
                places = (Label(key.span), Label(entries[key.text][0].span, "first here"))
                hint = "YAML keeps only one of them; remove the other"
                self.found.append(error("NP202", f"the key `{key.text}` stands twice", *places, hint=hint))
            entries[key.text] = (key, value)
        return Mapping(tuple(entries.values()), self.whole(event, inner))

    def key(self, event: Any, depth: int) -> Scalar:
        key = self.branch(event, depth + 1)
        if isinstance(key, Mapping) and self.source.text[: key.span.start].endswith("{"):
            raise self.stop(event, "a template is not filled in here", "name the file that the template makes")
        if not isinstance(key, Scalar):
            raise self.stop(event, "a key must be a text", "quote it")
        if key.text == "<<" and key.plain:
            raise self.stop(event, "merge keys (`<<`) are not read", "write the keys out")
        return key
