"""The words of a rule by others, sorted by the match or target that each of its options belongs to."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from netpolicy.diagnostic import Diagnostic, did_you_mean
from netpolicy.packet.addresses import Family
from netpolicy.source import Span
from netpolicy.targets.iptables.foreign import (
    FREE,
    MODULE_SPELLINGS,
    NEEDS_PROTOCOL,
    OPTIONS,
    OWN,
    POSITIVE,
    SHORT,
    SPELLINGS,
)
from netpolicy.targets.iptables.options import ONLY_FAMILY
from netpolicy.targets.iptables.protocols import NUMBERS
from netpolicy.targets.iptables.tokens import Token
from netpolicy.targets.iptables.values import MisreadError

_GLUED = re.compile(r"(-[psdiojgmc])([^-].*)|(--[a-z0-9-]+)=(.*)")
_NUMBER = re.compile(r"-[0-9].*")
_FEW_OPTIONS = frozenset({"ACCEPT", "DROP", "RETURN"})


@dataclass(frozen=True, slots=True)
class Given:
    """An option with its values; `name` is the spelling that all texts share."""

    name: str
    word: Token
    values: tuple[Token, ...]
    negated: bool

    @property
    def value(self) -> Token:
        return self.values[0]


@dataclass(slots=True)
class Part:
    """A match, or the target, with the options given to it."""

    name: str
    word: Token
    options: list[Given] = field(default_factory=list)

    def option(self, name: str) -> Given | None:
        return next((one for one in self.options if one.name == name), None)


@dataclass(slots=True)
class RuleWords:
    """A rule taken apart; `own` are the options that need no match. `goes` is the word `-j` or `-g`."""

    own: Part
    matches: list[Part] = field(default_factory=list)
    target: Part | None = None
    goes: str = ""
    only: Family | None = None


def split_rule(chain: Token, words: list[Token], family: Family, problems: list[Diagnostic]) -> RuleWords:
    """The parts of the rule; every word that belongs nowhere is a problem."""
    splitter = _Splitter(chain, words, family)
    while splitter.at < len(splitter.words):
        try:
            splitter.take_option()
        except MisreadError as misread:
            problems.append(misread.diagnostic)
            splitter.skip()
    return splitter.found


def _bare(word: Token) -> bool:
    return word.text == "!" and not word.quoted


def _is_option(word: Token) -> bool:
    return word.text.startswith("-") and not word.quoted and _NUMBER.fullmatch(word.text) is None


class _Splitter:
    """Goes once through the words of a rule."""

    def __init__(self, chain: Token, words: list[Token], family: Family) -> None:
        self.words, self.family = words, family
        self.at = 0
        self.found = RuleWords(Part("", chain))

    def skip(self) -> None:
        """On to the next option: the words before it belong to what was just reported."""
        while self.at < len(self.words) and not _bare(self.words[self.at]) and not _is_option(self.words[self.at]):
            self.at += 1

    def take_option(self) -> None:
        word = self._take()
        negated = _bare(word)
        if negated:
            if self.at == len(self.words):
                raise MisreadError(word, "`!` stands before nothing", "it negates the option after it")
            word = self._take()
        if word.quoted or not word.text.startswith("-"):
            raise MisreadError(word, f"`{word.text}` stands where an option belongs", "options begin with a dash")
        word = self._unglued(word)
        name = SPELLINGS.get(word.text, word.text)
        if word.text == "--proto" and any(part.name == "policy" for part in self.found.matches):
            name = word.text
        if negated and name in ("-j", "-g", "-m", "-c", "-4", "-6"):
            raise MisreadError(word, f"`{word.text}` cannot be negated", "`!` stands before an option of a match")
        match name:
            case "-m":
                self._match(word)
            case "-j" | "-g":
                self._target(word, name)
            case "-c":
                self._counters(word)
            case "-4" | "-6":
                self.found.only = Family.V4 if name == "-4" else Family.V6
            case "-f" if self.family is Family.V4:
                self._give(self.found.own, Given(name, word, (), negated))
            case _ if name in OWN:
                self._give(self.found.own, self._given(name, word, 1, negated))
            case _:
                self._option(name, word, negated)

    def _take(self) -> Token:
        self.at += 1
        return self.words[self.at - 1]

    def _unglued(self, word: Token) -> Token:
        """The option itself; a value that was written onto it (`-ptcp`, `--jump=DROP`) becomes the next word."""
        glued = None if word.text in SHORT else _GLUED.fullmatch(word.text)
        if glued is None:
            return word
        name, value = (glued[1], glued[2]) if glued[1] else (glued[3], glued[4])
        start, end = word.span.start, word.span.end
        cut = end - len(value)
        source = word.span.source
        self.words = [*self.words[: self.at], Token(value, Span(source, cut, end)), *self.words[self.at :]]
        return Token(name, Span(source, start, start + len(name)))

    def _value(self, option: Token, *, free: bool = False) -> Token:
        if self.at == len(self.words) or (not free and _is_option(self.words[self.at])):
            raise MisreadError(option, f"`{option.text}` has no value", "write its value after it")
        return self._take()

    def _given(self, name: str, word: Token, count: int, negated: bool) -> Given:
        """The option with that many values; a `!` may stand before the first, as it did until iptables 1.4.3."""
        if count and self.at < len(self.words) and _bare(self.words[self.at]):
            mark = self._take()
            if negated:
                raise MisreadError(mark, f"`{word.text}` is negated twice", "write one `!`, before the option")
            negated = True
        if negated and name in POSITIVE:
            raise MisreadError(word, f"`{word.text}` cannot be negated", "leave out the `!`")
        return Given(name, word, tuple(self._value(word, free=name in FREE) for _ in range(count)), negated)

    def _foreign(self, name: str, word: Token, negated: bool) -> Given:
        """The option with all words up to the next one; how many it takes is not known."""
        first = self.at
        after = self.words[first + 1] if first + 1 < len(self.words) else None
        if not negated and first < len(self.words) and _bare(self.words[first]) and after and not _is_option(after):
            self.at, negated = first + 1, True
        given: list[Token] = []
        if name in FREE:
            given.append(self._value(word, free=True))
        while self.at < len(self.words) and not _bare(self.words[self.at]) and not _is_option(self.words[self.at]):
            given.append(self._take())
        return Given(name, word, tuple(given), negated)

    def _match(self, option: Token) -> None:
        word = self._value(option)
        name = MODULE_SPELLINGS.get(word.text, word.text)
        if ONLY_FAMILY.get(name, self.family) is not self.family:
            hint = f"this table is for IPv{self.family.value}"
            raise MisreadError(word, f"match `{word.text}` is of the other family", hint)
        self.found.matches.append(Part(name, word))

    def _target(self, option: Token, name: str) -> None:
        word = self._value(option)
        if self.found.target:
            raise MisreadError(word, f"`{word.text}` is a second target", "a rule has one `-j` or `-g`")
        self.found.target, self.found.goes = Part(word.text, word), name

    def _counters(self, option: Token) -> None:
        """`-c PACKETS BYTES`, or both in one word with a comma."""
        word = self._value(option)
        counts = [word.text, self._value(option).text] if "," not in word.text else word.text.split(",")
        if len(counts) != 2 or not all(count.isascii() and count.isdigit() for count in counts):
            raise MisreadError(word, f"`{word.text}` is no counter", "write `-c PACKETS BYTES`")

    def _option(self, name: str, word: Token, negated: bool) -> None:
        known = self._owner(name)
        if known is None and self._begun(name):
            name = self._begun(name)
            known = self._owner(name)
        if known is None:
            known = self._implied(name, word)
        if known is not None:
            self._give(known, self._given(name, word, OPTIONS[known.name][name], negated))
            return
        part = self._foreign_owner(name)
        if part is None:
            homes = [module for module, options in OPTIONS.items() if name in options]
            if homes:
                text = f"`{word.text}` has no match or target to belong to"
                hint = " or ".join(f"`{'-j' if home.isupper() else '-m'} {home}`" for home in homes)
                raise MisreadError(word, text, f"write {hint} before it")
            every = [*SPELLINGS, *(option for options in OPTIONS.values() for option in options)]
            hint = did_you_mean(word.text, every) or "no match or target before it has such an option"
            raise MisreadError(word, f"`{word.text}` is not understood", hint)
        part.options.append(self._foreign(name, word, negated))

    def _loaded(self, name: str) -> bool:
        return any(part.name == name for part in self.found.matches)

    def _owner(self, name: str) -> Part | None:
        """The last match or target, of those that are understood, that has this option."""
        if name == "--set" and self._loaded("recent"):
            return None
        parts = [*self.found.matches, *([self.found.target] if self.found.target else [])]
        return next((part for part in reversed(parts) if name in OPTIONS.get(part.name, ())), None)

    def _begun(self, name: str) -> str:
        """The one option of a loaded match that begins so, as the tools complete `--dport` after `-m multiport`."""
        every = {option for part in self.found.matches for option in OPTIONS.get(part.name, ())}
        begun = [option for option in every if option.startswith(name)]
        return begun[0] if len(begun) == 1 and len(name) > len("--") else ""

    def _implied(self, name: str, word: Token) -> Part | None:
        """The match of the rule's protocol, if it has this option; it is loaded now."""
        number = protocol_of(self.found.own)
        for module, numbers in NEEDS_PROTOCOL.items():
            wanted = number in numbers and module != "multiport" and not self._loaded(module)
            if wanted and name in OPTIONS[module] and ONLY_FAMILY.get(module, self.family) is self.family:
                self.found.matches.append(Part(module, word))
                return self.found.matches[-1]
        return None

    def _foreign_owner(self, name: str) -> Part | None:
        """The match or target of others that the option must belong to: named like it, or the last one."""
        parts = [part for part in self.found.matches if part.name not in OPTIONS]
        named = [part for part in parts if name.startswith(f"--{part.name}")]
        if named:
            return named[-1]
        target = self.found.target
        if target and target.name not in OPTIONS and target.name not in _FEW_OPTIONS and self.found.goes == "-j":
            return target
        # After a target without options, only a match that still has none can have been waiting for this.
        waiting = [part for part in parts if not (target and part.options)]
        return waiting[-1] if waiting else None

    def _give(self, part: Part, given: Given) -> None:
        if part.option(given.name):
            hint = "write a match of its own, or a list"
            raise MisreadError(given.word, f"`{given.word.text}` is one too many for its match", hint)
        part.options.append(given)


def protocol_of(own: Part) -> int | None:
    """The one protocol that the rule is for, if it names one."""
    asked = own.option("-p")
    if asked is None or asked.negated:
        return None
    text = asked.value.text.lower()
    return NUMBERS.get(text, int(text) if text.isascii() and text.isdigit() else None)
