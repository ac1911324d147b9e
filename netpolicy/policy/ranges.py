"""Ranges in names and addresses: `dea[1-12]`, `10.5.31.[101-112]`, `web[01-03,7]`."""

from __future__ import annotations

import re

WIDEST = 100_000
_RANGE = re.compile(r"\[([^\][]*)\]")
_PART = re.compile(r"([0-9]{1,9})(?:-([0-9]{1,9}))?")


class RangeError(ValueError):
    """The range cannot be expanded; the text says why."""


def expand(text: str) -> list[str]:
    """Every text that a range stands for, in order; a text without brackets is itself.

    Numbers keep the width of the first one (`[01-12]`). An empty, backwards or too wide range is a RangeError.
    """
    found = _RANGE.findall(text)
    if not found:
        if "[" in text or "]" in text:
            raise RangeError("a bracket is not closed")
        return [text]
    if len(found) > 1:
        raise RangeError("one range in a text is enough")
    head, tail = text[: text.index("[")], text[text.index("]") + 1 :]
    return [f"{head}{number}{tail}" for number in _numbers(found[0])]


def _numbers(inside: str) -> list[str]:
    numbers: list[str] = []
    for part in inside.split(","):
        matched = _PART.fullmatch(part.strip())
        if matched is None:
            raise RangeError("a range is written `[1-12]` or `[1-3,7]`")
        first, last = matched[1], matched[2] or matched[1]
        if int(first) > int(last):
            raise RangeError(f"the range {part.strip()} runs backwards")
        width = len(first) if first.startswith("0") else 0
        if len(numbers) + int(last) - int(first) >= WIDEST:
            raise RangeError(f"the range is wider than {WIDEST}")
        numbers += [str(number).zfill(width) for number in range(int(first), int(last) + 1)]
    if len(set(numbers)) < len(numbers):
        raise RangeError("a number stands twice")
    return numbers
