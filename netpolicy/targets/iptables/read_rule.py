"""One line of rules as a `Rule`; what it does not understand becomes a diagnostic at its own word."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.packet.addresses import Family
from netpolicy.source import Span
from netpolicy.targets.iptables.normal import normal
from netpolicy.targets.iptables.options import (
    MODULES,
    NEEDS_PROTOCOL,
    ONLY_FAMILY,
    OPTIONS,
    OWN,
    PORT_MODULES,
    REJECT_WITH,
    TARGET_MODULES,
    Asked,
    Option,
    Value,
)
from netpolicy.targets.iptables.protocols import AH, TCP
from netpolicy.targets.iptables.rules import (
    Accept,
    Drop,
    Goto,
    InSet,
    Jump,
    Limit,
    Log,
    Mark,
    Match,
    ProtocolIs,
    Reject,
    Return,
    Rule,
    StateIn,
    Target,
)
from netpolicy.targets.iptables.tokens import Line, Token
from netpolicy.targets.iptables.values import MisreadError

COUNTERS = re.compile(r"\[[0-9]+:[0-9]+\]")
TARGETS = ("ACCEPT", "DROP", "LOG", "REJECT", "RETURN")
_WITHOUT_CONNECTION = frozenset({"INVALID", "UNTRACKED"})
NO_INTERFACE = {("INPUT", "-o"): "leaves", ("OUTPUT", "-i"): "enters"}
"""Options that the tools refuse in a built-in chain, since no packet there has such an interface."""


@dataclass(frozen=True, slots=True)
class RuleText:
    """A rule and the places of the names in it; `rule` is None where some word is not understood."""

    chain: Token
    span: Span
    rule: Rule | None
    goes_to: Token | None
    sets: tuple[Token, ...]
    further: tuple[Rule, ...] = ()  # of a line that stands for several, as only others write them


AUTHENTICATION = "ah"
"""The match of the authentication header, which in IPv6 is no protocol of its own but an extension header."""
EXTENSION_HEADERS = frozenset({43, 44, AH, 60})


@dataclass(slots=True)
class _Module:
    """One `-m NAME`, or the rule's own options, with the options given to it."""

    name: str
    token: Token
    options: dict[str, tuple[Asked, Value]] = field(default_factory=dict)


def read_rule(line: Line, family: Family, problems: list[Diagnostic]) -> RuleText | None:
    """The rule of the line, or None if it names no chain; every word that is not understood is a problem."""
    words = line.tokens[1:] if COUNTERS.fullmatch(line.tokens[0].text) else line.tokens
    if len(words) < 2 or words[0].text != "-A":
        place = words[0] if words else line.tokens[0]
        hint = "a rule is `-A CHAIN …`, nothing else stands in a saved table"
        problems.append(error("NP601", f"`{place.text}` is no rule of a chain", place.span, hint=hint))
        return None
    return _RuleReader(line, words[1], words[2:], family, problems).read()


def passing_unseen(found: Sequence[Value]) -> frozenset[str]:
    """The states whose packets pass a conntrack match with these options before all of them are looked at.

    xt_conntrack ends after the state where a packet has no connection, so the other options of the same `-m` would not
    be looked at.
    """
    states = [value for value in found if isinstance(value, StateIn)]
    if not states or len(found) == 1:
        return frozenset()
    (state,) = states
    return _WITHOUT_CONNECTION - state.states if state.negated else _WITHOUT_CONNECTION & state.states


class _RuleReader:
    """Goes once through the words of a rule."""

    def __init__(
        self, line: Line, chain: Token, words: list[Token], family: Family, problems: list[Diagnostic]
    ) -> None:
        self.line, self.chain, self.words, self.family = line, chain, words, family
        self.problems = problems
        self.at = 0
        self.modules = [_Module(OWN, chain)]
        self.target: Target = Mark()
        self.target_word: Token | None = None
        self.foreign = False  # inside a match that is not understood

    def read(self) -> RuleText:
        """The rule, after every word was looked at."""
        before = len(self.problems)
        while self.at < len(self.words):
            try:
                self._next()
            except MisreadError as misread:
                self.problems.append(misread.diagnostic)
                self._skip()
        if len(self.problems) == before:
            # A word that was not understood would be reported again as one that is missing.
            self._check()
        understood = len(self.problems) == before
        goes_to = self.target_word if isinstance(self.target, Jump | Goto) else None
        sets = tuple(asked.value for asked, value in self._given() if isinstance(value, InSet))
        return RuleText(self.chain, self.line.span, self._rule() if understood else None, goes_to, sets)

    def _skip(self) -> None:
        # The words up to the next option belong to what was just reported.
        while self.at < len(self.words) and not (
            self.words[self.at].text.startswith(("-", "!")) and not self.words[self.at].quoted
        ):
            self.at += 1

    def _next(self) -> None:
        word = self._take()
        negated = word.text == "!" and not word.quoted
        if negated:
            if self.at == len(self.words):
                raise MisreadError(word, "`!` stands before nothing", "it negates the option after it")
            word = self._take()
        match word.text:
            case _ if word.quoted:
                raise MisreadError(word, f"`{word.text}` stands where an option belongs", "options have no quotes")
            case "-j" | "-g" | "-m" if negated:
                raise MisreadError(word, f"`{word.text}` cannot be negated", "`!` stands before an option of a match")
            case "-j" | "-g":
                self._target(word)
            case "-m":
                self._module(word)
            case text if text in OPTIONS:
                self._option(word, OPTIONS[text], negated)
            case _ if self.foreign:
                self._skip()  # an option of a match that is reported already
            case _:
                hint = did_you_mean(word.text, [*OPTIONS, "-j", "-g", "-m"]) or "this option is not supported"
                raise MisreadError(word, f"`{word.text}` is not understood", hint)

    def _take(self) -> Token:
        self.at += 1
        return self.words[self.at - 1]

    def _value(self, option: Token, free: bool = False) -> Token:
        if self.at < len(self.words):
            word = self.words[self.at]
            if free or word.quoted or not (word.text in OPTIONS or word.text in ("-j", "-g", "-m", "!")):
                return self._take()
            if word.text == "!":
                self._take()
                raise MisreadError(word, f"`!` stands after `{option.text}`", "write it before the option")
        raise MisreadError(option, f"`{option.text}` has no value", "write its value after it")

    def _target(self, option: Token) -> None:
        word = self._value(option)
        if self.target_word:
            raise MisreadError(word, f"`{word.text}` is a second target", "a rule has one `-j` or `-g`")
        self.target_word = word
        if word.text in TARGET_MODULES and option.text == "-j":
            self.modules.append(_Module(word.text, word))
        simple: dict[str, Target] = {
            "ACCEPT": Accept(),
            "DROP": Drop(),
            "RETURN": Return(),
            "LOG": Log(""),
            "REJECT": Reject(REJECT_WITH[self.family][0]),
        }
        self.target = Goto(word.text) if option.text == "-g" else simple.get(word.text, Jump(word.text))

    def _module(self, option: Token) -> None:
        word = self._value(option)
        if word.text == AUTHENTICATION and self.family is Family.V6:
            asked = Asked(word, (), False, self.family)
            self.modules.append(_Module(AUTHENTICATION, word, {AUTHENTICATION: (asked, ProtocolIs(AH))}))
            return
        self.foreign = word.text not in MODULES or ONLY_FAMILY.get(word.text, self.family) != self.family
        if self.foreign:
            known = [name for name in MODULES if ONLY_FAMILY.get(name, self.family) == self.family]
            hint = did_you_mean(word.text, known) or f"known are {', '.join(known)}"
            raise MisreadError(word, f"match `{word.text}` is not understood", hint)
        self.modules.append(_Module(word.text, word))

    def _option(self, word: Token, option: Option, negated: bool) -> None:
        given = tuple(self._value(word, option.free) for _ in range(option.values))
        if negated and not option.negatable:
            raise MisreadError(word, f"`{word.text}` cannot be negated", "leave out the `!`")
        if (self.chain.text, word.text) in NO_INTERFACE:
            verb = NO_INTERFACE[self.chain.text, word.text]
            raise MisreadError(
                word, f"`{word.text}` in `{self.chain.text}` is refused", f"no packet there {verb} by one"
            )
        module = self._module_of(word, option)
        # iptables-nft keeps only the last of two --dport, also of two `-m tcp`; multiport has one option.
        repeated = any(
            word.text in other.options
            for other in self.modules
            if other is module or (module.name in PORT_MODULES and other.name in PORT_MODULES)
        )
        if repeated or (module.name == "multiport" and module.options):
            raise MisreadError(
                word, f"`{word.text}` is one too many for its match", "write a match of its own, or a list"
            )
        asked = Asked(word, given, negated, self.family)
        value = option.read(asked)
        if self.family is Family.V6 and isinstance(value, ProtocolIs) and value.number in EXTENSION_HEADERS:
            raise MisreadError(given[0], f"`-p {given[0].text}` never matches in IPv6", "it is an extension header")
        module.options[word.text] = (asked, value)

    def _module_of(self, word: Token, option: Option) -> _Module:
        # After `-m multiport`, the tools read --dport as --dports.
        rivals = (*option.modules, "multiport") if word.text in ("--sport", "--dport") else option.modules
        loaded = next((module for module in reversed(self.modules) if module.name in rivals), None)
        if loaded is None:
            implied = next((name for name in option.modules if self._protocol() in NEEDS_PROTOCOL.get(name, ())), "")
            if implied in ("", "multiport"):
                wanted = " or ".join(f"`{'-j' if name in TARGET_MODULES else '-m'} {name}`" for name in option.modules)
                raise MisreadError(
                    word, f"`{word.text}` has no match or target to belong to", f"write {wanted} before it"
                )
            loaded = _Module(implied, word)
            self.modules.append(loaded)
        if loaded.name not in option.modules:
            hint = "write `-m tcp` or `-m udp` before it"
            raise MisreadError(word, f"`{word.text}` after `-m multiport` is ambiguous", hint)
        return loaded

    def _protocol(self) -> int | None:
        """The one protocol that the rule is for, if it names one."""
        asked = self.modules[0].options.get("-p")
        return asked[1].number if asked and isinstance(asked[1], ProtocolIs) and not asked[1].negated else None

    def _given(self) -> list[tuple[Asked, Value]]:
        return [given for module in self.modules for given in module.options.values()]

    def _check(self) -> None:
        """Every module has what it needs, and nothing stands together that the kernel reads in another way."""
        for module in self.modules:
            self._check_needs(module)
            if module.name == "conntrack":
                self._check_conntrack(module)
            if module.name == "limit" and not isinstance(self.target, Log):
                hint = "it may only stand beside `-j LOG`"
                self._refuse("NP602", module.token, "`-m limit` beside a target that decides", hint)
        for second in [module.token for module in self.modules if module.name == "comment"][1:]:
            self._refuse("NP601", second, "a second comment in one rule", "a rule has one comment")
        for asked, value in self._given():
            if asked.option.text == "--reject-with" and value == "tcp-reset" and self._protocol() != TCP:
                self._refuse("NP602", asked.value, "`tcp-reset` without `-p tcp`", "the kernel refuses it")

    def _check_needs(self, module: _Module) -> None:
        name = module.name
        if name in NEEDS_PROTOCOL and self._protocol() not in NEEDS_PROTOCOL[name]:
            self._refuse("NP601", module.token, f"`{name}` without its protocol", "write `-p` before it, not negated")
        if not module.options and name in MODULES and name not in PORT_MODULES:
            self._refuse("NP601", module.token, f"`-m {name}` has no option", "write what it matches, or leave it out")
        if name == "limit" and module.options and "--limit" not in module.options:
            self._refuse("NP601", module.token, "`-m limit` has no rate", "write `--limit RATE`")

    def _check_conntrack(self, module: _Module) -> None:
        """A state that holds without a connection stands in a conntrack match of its own."""
        lost = passing_unseen([value for _, value in module.options.values()])
        if lost:
            hint = "give the state and the rest each their own `-m conntrack`"
            text = f"packets in state {' and '.join(sorted(lost))} would pass the rest of this match unseen"
            self._refuse("NP602", module.options["--ctstate"][0].value, text, hint)

    def _refuse(self, code: str, word: Token, message: str, hint: str) -> None:
        self.problems.append(error(code, message, word.span, hint=hint))

    def _rule(self) -> Rule:
        matches: list[Match] = []
        comment, target = "", self.target
        for module in self.modules:
            for asked, value in module.options.values():
                match asked.option.text, value:
                    case "--comment", str():
                        comment = value
                    case "--log-prefix", str():
                        target = Log(value)
                    case "--reject-with", str():
                        target = Reject(value)
                    case "--limit", Limit():
                        burst = module.options.get("--limit-burst")
                        matches.append(replace(value, burst=burst[1]) if burst and isinstance(burst[1], int) else value)
                    case _, int() | str():
                        continue
                    case _, match:
                        matches.append(match)
        return Rule(normal(matches), target, comment, self.line.number)
