"""`ipset restore` and `ipset save` text as address lists."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.packet.addresses import Family
from netpolicy.packet.intervals import Interval, Intervals, canonical
from netpolicy.source import Source, Span
from netpolicy.targets.iptables import values
from netpolicy.targets.iptables.rules import AddressList
from netpolicy.targets.iptables.tokens import Line, Token, lines
from netpolicy.targets.iptables.values import MisreadError

KINDS = ("hash:ip", "hash:net")
FAMILIES = {"inet": Family.V4, "inet6": Family.V6}
# They size the table and seed its hash; none of them says what is in the set.
_SIZES = ("hashsize", "maxelem", "bucketsize", "initval")
_REPEATABLE = ("-exist", "-!")
# Members of one set in a row, as they are written mostly: many classes of nodes have the same sets.
_BLOCK = re.compile(r"add (\S+) \S+ -exist\n(?:add \1 \S+ -exist\n)*")


@dataclass(slots=True)
class _Set:
    """A set while its members are read."""

    kind: str
    family: Family
    members: list[Interval] = field(default_factory=list)


def read_sets(source: Source, problems: list[Diagnostic]) -> tuple[AddressList, ...]:
    """The sets by name; every word that is not understood is a problem."""
    found: dict[str, _Set] = {}
    for line in lines(source, problems, _Blocks(source.text, found).past):
        try:
            _read_line(line, found, problems)
        except MisreadError as misread:
            problems.append(misread.diagnostic)
    return tuple(AddressList(name, one.family, one.kind, canonical(one.members)) for name, one in sorted(found.items()))


@dataclass(slots=True)
class _Blocks:
    """Takes members of a set that stand in rows, all at once where they are understood."""

    text: str
    found: dict[str, _Set]
    odd: int = 0
    """Where the rows end of which one is not understood: they are read word by word."""

    def past(self, start: int) -> int:
        """Where the rows of members that begin there end, when they are taken; else the start."""
        block = _BLOCK.match(self.text, start) if start >= self.odd else None
        one = self.found.get(block[1]) if block is not None else None
        if block is None or one is None:
            return start
        members = _block_members(block[0], one.kind, one.family)
        if members is None:
            self.odd = block.end()
            return start
        one.members += members
        return block.end()


@lru_cache(maxsize=512)
def _block_members(block: str, kind: str, family: Family) -> Intervals | None:
    """The members that the rows add; None when one of them is not understood, and is to be read word by word."""
    one = _Set(kind, family)
    source = Source("", block)
    words = (line.split(" ")[2] for line in block.splitlines())
    try:
        return canonical(_member(Token(word, Span(source, 0, 0)), one) for word in words)
    except MisreadError:
        return None


def readable_sets(source: Source, problems: list[Diagnostic]) -> tuple[AddressList, ...]:
    """Those sets of a text by others that are plain lists of addresses; a line of no set at all is a problem.

    A set of another type, or with members that time out or are exceptions, is left out as a whole.
    """
    texts: dict[str, list[str]] = {}
    for line in lines(source, problems, windows=True):
        words = [word for word in line.tokens if word.text not in _REPEATABLE]
        if len(words) < 3 or words[0].text not in ("create", "add"):
            hint = "a line is `create NAME TYPE …` or `add NAME MEMBER`"
            problems.append(error("NP601", f"`{line.tokens[0].text}` is not understood", line.span, hint=hint))
            continue
        texts.setdefault(words[1].text, []).append(line.span.text)
    known: list[AddressList] = []
    for text in texts.values():
        strange: list[Diagnostic] = []
        found = read_sets(Source(source.name, "\n".join(text)), strange)
        known += [] if strange else found
    return tuple(sorted(known, key=lambda one: one.name))


def _read_line(line: Line, found: dict[str, _Set], problems: list[Diagnostic]) -> None:
    words = [word for word in line.tokens if word.text not in _REPEATABLE]
    if not words or words[0].text not in ("create", "add"):
        place = words[0] if words else line.tokens[0]
        raise MisreadError(
            place, f"`{place.text}` is not understood", "a line is `create NAME …` or `add NAME ADDRESS`"
        )
    if len(words) < 3:
        raise MisreadError(
            words[-1], f"`{words[0].text}` is cut short", "write `create NAME TYPE …` or `add NAME ADDRESS`"
        )
    if words[0].text == "create":
        _create(words[1], words[2], words[3:], found, problems)
        return
    one = found.get(words[1].text)
    if one is None:
        hint = did_you_mean(words[1].text, found) or "a `create` line stands before its members"
        problems.append(error("NP603", f"set `{words[1].text}` was not created", words[1].span, hint=hint))
        return
    if len(words) > 3:
        raise MisreadError(
            words[3], f"`{words[3].text}` is not understood", "a member is an address, a network or a range"
        )
    one.members.append(_member(words[2], one))


def _create(name: Token, kind: Token, words: list[Token], found: dict[str, _Set], problems: list[Diagnostic]) -> None:
    if kind.text not in KINDS:
        raise MisreadError(kind, f"set type `{kind.text}` is not understood", f"known are {', '.join(KINDS)}")
    if name.text in found:
        problems.append(error("NP603", f"set `{name.text}` is created twice", name.span, hint="remove one of them"))
    # The set is known from here on, so that a bad option does not make its members errors too.
    fresh = found[name.text] = _Set(kind.text, Family.V4)
    for option, value in zip(words[::2], [*words[1::2], None], strict=False):
        try:
            _option(option, value, fresh)
        except MisreadError as misread:
            problems.append(misread.diagnostic)


def _option(option: Token, value: Token | None, fresh: _Set) -> None:
    if option.text not in ("family", *_SIZES):
        hint = did_you_mean(option.text, ("family", *_SIZES)) or "this option is not supported"
        raise MisreadError(option, f"`{option.text}` is not understood", hint)
    if value is None:
        raise MisreadError(option, f"`{option.text}` has no value", "write its value after it")
    if option.text == "family":
        if value.text not in FAMILIES:
            raise MisreadError(value, f"unknown family `{value.text}`", "write `inet` or `inet6`")
        fresh.family = FAMILIES[value.text]
    elif not _is_size(option.text, value.text):
        raise MisreadError(value, f"`{value.text}` is no number for `{option.text}`", "write a whole number")


def _is_size(option: str, text: str) -> bool:
    if option == "initval":
        return text.startswith("0x") and 0 < len(text) - 2 <= 8 and set(text[2:]) <= set("0123456789abcdefABCDEF")
    return text.isascii() and text.isdigit()


def _member(word: Token, one: _Set) -> Interval:
    if "-" in word.text and one.family is Family.V4:
        first, last = values.address_range(word, one.family)
        length = 0 if (first, last) == (0, one.family.last) else one.family.bits
    else:
        first, length = values.network(word, one.family)
        last = first + (1 << (one.family.bits - length)) - 1
    if not length:
        raise MisreadError(word, f"`{word.text}` is every address, which no set can hold", "write a rule without a set")
    if one.kind == "hash:ip" and one.family is Family.V6 and first != last:
        raise MisreadError(
            word, f"`{word.text}` is no single address", "an IPv6 `hash:ip` set takes one address a line"
        )
    if one.kind == "hash:ip" and not first:
        raise MisreadError(word, f"`{word.text}` holds the zero address", "a `hash:ip` set cannot store it")
    return first, last
