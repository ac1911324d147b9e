"""Reads the JSON of a security-group file strictly; what is wrong has a place in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable
from collections.abc import Sequence as Several
from typing import TypeVar

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.policy.yamltree import Branch, Mapping, Scalar, Sequence, compose
from netpolicy.securitygroups.model import Attachment
from netpolicy.source import Source, Span

CODE = "NP607"
NUMBER = re.compile("0|[1-9][0-9]{0,8}")
"""A number as JSON has it: no sign, no zero ahead, no digits of other scripts."""


class UnfitError(Exception):
    """A part of the file is not what it must be; the diagnostic is noted."""


T = TypeVar("T")


class Reading:
    """Takes texts, numbers, lists and objects out of a file; `found` is what is wrong."""

    def __init__(self, source: Source) -> None:
        self.tree, self.found = compose(source)
        self.source = source

    def fail(self, place: Span, message: str, hint: str = "") -> UnfitError:
        self.found.append(error(CODE, message, place, hint=hint))
        return UnfitError()

    def fields(self, branch: Branch, known: Several[str], needed: Several[str] = ()) -> dict[str, Branch]:
        """The values of an object by key; every key is known, and the needed ones are there."""
        if not isinstance(branch, Mapping):
            raise self.fail(branch.span, "an object is expected here")
        for key, _ in branch.entries:
            if key.text not in known:
                hint = did_you_mean(key.text, known) or f"the keys are {', '.join(known)}"
                raise self.fail(key.span, f"unknown key `{key.text}`", hint)
        fields = {key.text: value for key, value in branch.entries}
        for missing in (one for one in needed if one not in fields):
            raise self.fail(branch.span, f"the key `{missing}` is missing")
        return fields

    def items(self, branch: Branch) -> tuple[Branch, ...]:
        if not isinstance(branch, Sequence):
            raise self.fail(branch.span, "a list is expected here")
        return branch.items

    def text(self, branch: Branch) -> str:
        if not isinstance(branch, Scalar) or branch.plain:
            raise self.fail(branch.span, "a text is expected here")
        return branch.text

    def word(self, branch: Branch, known: Several[str]) -> str:
        text = self.text(branch)
        if text not in known:
            raise self.fail(branch.span, f"`{text}` is not known here", f"one of {', '.join(known)}")
        return text

    def number(self, branch: Branch, first: int, last: int) -> int:
        if not isinstance(branch, Scalar) or not branch.plain or not NUMBER.fullmatch(branch.text.removeprefix("-")):
            raise self.fail(branch.span, "a number is expected here")
        value = int(branch.text)
        if not first <= value <= last:
            raise self.fail(branch.span, f"{value} is not between {first} and {last}")
        return value

    def differ(self, branches: Several[Branch], meanings: Several[Hashable], what: str) -> None:
        """No two of the meanings are equal: the service takes none twice, whatever its description."""
        seen: set[Hashable] = set()
        for branch, meaning in zip(branches, meanings, strict=True):
            if meaning in seen:
                raise self.fail(branch.span, f"this {what} stands twice")
            seen.add(meaning)

    def head(self, fields: dict[str, Branch], form: str, version: int) -> None:
        """The format and version are those that can be read."""
        self.word(fields["format"], (form,))
        self.number(fields["format_version"], version, version)

    def attachment(self, branch: Branch, groups: str) -> Attachment:
        """An interface of some nodes with what it carries, which stands under the key `groups`."""
        keys = ("interface", "nodes", groups)
        fields = self.fields(branch, keys, keys)
        nodes, carried = ([self.text(one) for one in self.items(fields[key])] for key in ("nodes", groups))
        return Attachment(self.text(fields["interface"]), tuple(carried), tuple(nodes))


def read_file(source: Source, build: Callable[[Reading, Branch], T]) -> tuple[T | None, list[Diagnostic]]:
    """What is built of the file, or None and why it cannot be read."""
    reading = Reading(source)
    if reading.tree is None:
        return None, reading.found
    try:
        return build(reading, reading.tree), reading.found
    except UnfitError:
        return None, reading.found
