"""Words for what the parser expected: the message, place and hint of a syntax error."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.dsl.vocabulary import ATTRIBUTE_WORDS, OTHER_WORDS, PROTOCOL_WORDS, STATEMENT_WORDS, terminals
from netpolicy.source import Span

_WORD = re.compile(r"[A-Za-z0-9_$.-]*[A-Za-z0-9_$]|<->|->|=>|<-|[<>=!]=|&&|\|\||\S")
_RUN = re.compile(r"[^\s,;:()&@{}\"#|=<>]*")
_RUN_OF_NUMBER = re.compile(r"[^\s,;()&@{}\"#|=<>]*")
_SWAPPED = re.compile(r"([0-9]+(?:-[0-9]+)?)/(tcp|udp|sctp)")
_PARAM_COMPARED = re.compile(r"[A-Za-z0-9]\s*[=!]=\s*\Z")
_TRANSPORTS = ("tcp", "udp", "sctp")
_RESERVED_TOKENS = terminals(OTHER_WORDS)
_FLOWS = frozenset({"ALLOW", "DENY", "NEVER", "EXPECT"})
_NAME_HINT = "letters, digits, single `_` or `-`, beginning with a letter"
# Words of other languages, and what to write here.
_FOREIGN = {
    "accept": "allow",
    "permit": "allow",
    "pass": "allow",
    "drop": "deny",
    "reject": "deny",
    "block": "deny",
    "if": "when",
    "unless": "when not",
    "else": "when not",
    "import": "include",
    "tier": "role",
    "zone": "network",
    "subnet": "network",
    "port": "service",
    "var": "param",
    "assert": "expect",
}
_KEYWORDS = frozenset({"EXCEPT", "EXACTLY", "LEAST", "NO", "WITH", "ALONE"})
_ATTRIBUTES = terminals(ATTRIBUTE_WORDS)
_STATEMENTS = terminals(STATEMENT_WORDS)

# The first row whose terminals are all accepted names what is missing, and shows how it is written.
_PHRASES: tuple[tuple[frozenset[str], str, str], ...] = (
    (frozenset({"TCP", "ESP"}), "a service", "such as `tcp 22`, `icmp echo-request` or a service name"),
    (frozenset({"TCP", "UDP"}), "a protocol", "`tcp`, `udp` or `sctp`"),
    (frozenset({"PORT", "PARAMETER"}), "a port", "such as `22`, `41000-61000` or `$param`"),
    (frozenset({"EXACTLY", "ALL"}), "a demand", "such as `exactly 1 primary` or `primary with router`"),
    (frozenset({"NOT", "EXISTS"}), "a condition", "such as `log_streaming`, `exists router` or `count(router) > 1`"),
    (frozenset({"ALL", "WORLD"}), "a role, network or address", "such as `dea`, `all`, `world` or `10.0.0.0/8`"),
    (frozenset({"ON", "OFF", "PORT"}), "a value", "`on`, `off`, ports such as `35000-40000`, or a choice"),
    (frozenset({"ON", "OFF"}), "a value", "`on`, `off` or a choice"),
    (frozenset({"ARROW"}), "`->`", "a flow is `who -> whom : what`"),
    (frozenset({"COLON", "ASSIGN"}), "`=`", "such as `= 35000-40000`"),
    (frozenset({"COLON"}), "`:`", "a flow is `who -> whom : what`"),
    (frozenset({"WITH", "ALONE"}), "`with` or `alone`", "such as `primary with router` or `load_balancer alone`"),
    (frozenset({"ASSIGN"}), "`=`", "write `=` behind the name"),
    (frozenset({"EQUAL", "LESS"}), "a comparison", "such as `> 1`"),
    (frozenset({"NAME", "PORT"}), "an icmp type", "such as `echo-request`, `8/0` or `any`"),
    (frozenset({"INTERFACE", "ADDRESS"}), "an interface or address", "such as `@eth1` or `@224.0.0.251`"),
    (frozenset({"HOSTNAME"}), "a node name", "such as `core` or `dea[1-12]`"),
    (frozenset({"DATE"}), "a date", "such as `2027-01-31`"),
    (frozenset({"NUMBER"}), "a number", "in digits, such as `1`"),
    (frozenset({"NAME", "STRING"}), "a name", "a name, or an alias in double quotes"),
    (frozenset({"STRING"}), "a text", 'in double quotes, such as `"a text"`'),
    (frozenset({"PORT"}), "a number", "such as `proto 47`; gre, esp and ah have names"),
    (frozenset({"NAME"}), "a name", "letters, digits, `_` and `-`, beginning with a letter"),
    (frozenset({"OPEN"}), "`(`", "such as `count(router)`"),
    (frozenset({"LEAST"}), "`least`", "such as `at least 2 router`"),
    (frozenset({"LBRACE", "AND"}), "`{`", "`when CONDITION { … }`"),
    (frozenset({"CLOSE"}), "`)`", "close what `(` opened"),
    (frozenset({"SERVICE"}), "`service`", "such as `forwarded service apps = tcp 41000-61000`"),
    (
        frozenset({"RBRACE", "BECAUSE"}),
        "an attribute or `}`",
        ", ".join(ATTRIBUTE_WORDS),
    ),
)


@dataclass(frozen=True, slots=True)
class Failure:
    """Where reading broke off: the word there, its terminal ("" if it has none), what stood before, what could follow.

    `statement` is the terminal of the statement under way, "" where there is none.
    """

    span: Span
    kind: str
    previous: Span | None
    accepts: frozenset[str]
    statement: str

    @property
    def text(self) -> str:
        return self.span.text

    @property
    def at_line_start(self) -> bool:
        source = self.span.source.text
        return not source[source.rfind("\n", 0, self.span.start) + 1 : self.span.start].strip()

    @property
    def complete(self) -> bool:
        """True where the statement before may end here."""
        return "ROLE" in self.accepts

    def told(self, code: str, message: str, hint: str, place: Span | None = None) -> Diagnostic:
        return error(code, message, place or self.span, hint=hint)


def failure(place: Span, kind: str, previous: Span | None, accepts: frozenset[str], statement: str) -> Failure:
    """The failure where a place begins, with the whole word that stands there."""
    source, at = place.source, place.start
    found = _WORD.match(source.text, at)
    end = found.end() if found else min(at + 1, len(source.text))
    return Failure(Span(source, at, end), kind, previous, accepts, statement)


def phrase(accepts: frozenset[str]) -> tuple[str, str]:
    """What is expected, in words, and how it is written."""
    for needed, words, example in _PHRASES:
        if needed <= accepts:
            return words, example
    return "the end of the statement", ""


def missing(place: Span, previous: Span | None, accepts: frozenset[str]) -> Diagnostic:
    """The error that a statement breaks off: the caret stands behind the last word that was read."""
    words, example = phrase(accepts)
    if previous is None:
        return error("NP102", f"{words} is missing", place, hint=example)
    behind = Span(previous.source, previous.end, previous.end)
    return error("NP102", f"{words} is missing after `{_short(previous.text)}`", behind, hint=example)


def blame(failed: Failure) -> Diagnostic:
    """The error for a word, sign or character that cannot stand where it stands."""
    for mistake in _MISTAKES:
        known = mistake(failed)
        if known is not None:
            return known
    if failed.complete:
        return _not_a_continuation(failed)
    words, example = phrase(failed.accepts)
    known_words = [word.lower() for word in failed.accepts & (_ATTRIBUTES | _KEYWORDS | _STATEMENTS)]
    near = did_you_mean(failed.text, known_words)
    if {"RBRACE", "BECAUSE"} <= failed.accepts and failed.text[:1].isalpha():
        return failed.told("NP103", f"unknown attribute `{_short(failed.text)}`", near or example)
    return failed.told("NP101", f"expected {words}, found `{_short(failed.text)}`", near or example)


# Mistakes that deserve their own words; each answers None when it is not the one.


def _unclosed_text(failed: Failure) -> Diagnostic | None:
    if failed.text[:1] != '"' or failed.kind == "STRING":
        return None
    source, at = failed.span.source, failed.span.start
    end = source.text.find("\n", at)
    place = Span(source, at, end if end >= 0 else len(source.text))
    return failed.told("NP106", "this text is not closed on its line", 'add `"`', place)


def _no_arrow(failed: Failure) -> Diagnostic | None:
    span = failed.span
    ahead = span.source.text[span.start : span.start + 2]
    if "ARROW" not in failed.accepts or not (ahead in ("<-", "=>", "--", "- ") or failed.text in ("<", "=", "→", "-")):
        return None
    sign = ahead if ahead in ("<-", "=>", "--") else failed.text[:1]
    hint = "turn the flow around: `who -> whom`" if sign == "<-" else "write `->`, or `<->` for both directions"
    place = Span(span.source, span.start, span.start + len(sign))
    return failed.told("NP101", f"`{sign}` is no arrow of the language", hint, place)


def _glued(failed: Failure) -> Diagnostic | None:
    """The lexer cut a word in two: the first part was read, the rest cannot stand there."""
    before, at = failed.previous, failed.span.start
    if before is None or before.end != at or not (before.text[:1].isalnum() or before.text[:1] == ":"):
        return None
    numeric = before.text[0].isdigit() and "." not in before.text and ":" not in before.text
    run = (_RUN_OF_NUMBER if numeric else _RUN).match(failed.span.source.text, at)
    if run is None or not run.group():
        return None
    place = Span(before.source, before.start, run.end())
    text = place.text
    if text.split("/")[0] in PROTOCOL_WORDS:
        return failed.told("NP113", f"`{_short(text)}` is no service", f"write `{text.replace('/', ' ', 1)}`", place)
    if numeric:
        return _no_number(failed, place)
    if before.text[0].isdigit() or ":" in before.text:
        hint = "an address or a CIDR, such as `10.0.0.0/24`"
        return failed.told(
            "NP116", f"`{_short(text)}` is no address", "leave the zone out" if "%" in text else hint, place
        )
    hint = "a range of nodes is written `node dea[1-12]`" if "[" in text else _NAME_HINT
    if "." in text and {"ARROW", "COLON"} & failed.accepts:
        hint = "a host is an address, or `node NAME`"
    return failed.told("NP111", f"`{_short(text)}` is no name", hint, place)


def _no_number(failed: Failure, place: Span) -> Diagnostic:
    text = place.text
    if "COMMA" not in failed.accepts and not _PARAM_COMPARED.search(place.source.text, 0, place.start):
        return failed.told("NP110", f"`{_short(text)}` is no number", "in digits, such as `1`", place)
    swapped = _SWAPPED.fullmatch(text)
    hint = "a range is written `first-last`, such as `41000-61000`"
    if swapped:
        hint = f"write `{swapped[2]} {swapped[1]}`"
    elif failed.statement in ("PARAM", "SET"):
        hint = "ports, a flag or choices; addresses are declared as a `network`"
    return failed.told("NP113", f"`{_short(text)}` is no port", hint, place)


def _foreign_character(failed: Failure) -> Diagnostic | None:
    character = failed.text[:1]
    if failed.kind or (character.isascii() and character.isprintable()):
        return None
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    hint = "other characters than ASCII stand only in texts and comments"
    if not character.isprintable():
        hint = "remove it; as a blank, use the space bar's"
    elif character in "“”„‘’«»":
        hint = 'texts stand in straight quotes: `"`'
    place = Span(failed.span.source, failed.span.start, failed.span.start + 1)
    return failed.told("NP104", f"`{shown}` is no character of the language", hint, place)


def _mixed_except(failed: Failure) -> Diagnostic | None:
    text, accepts = failed.text, failed.accepts
    if failed.kind == "EXCEPT" or ("EXCEPT" not in accepts and text == "except"):
        hint = "put one side in parentheses: `all except (a, b)`"
        return failed.told("NP109", "`except` does not mix with `,`, `&` or another `except`", hint)
    if failed.kind in ("COMMA", "AMPERSAND") and {"ARROW", "COLON"} & accepts and not {"EXCEPT", failed.kind} & accepts:
        hint = "put the `except` in parentheses: `(all except a), b`"
        return failed.told("NP109", f"`{text}` does not mix with `except`", hint)
    return None


def _wrong_equals(failed: Failure) -> Diagnostic | None:
    if failed.text == "=" and "EQUAL" in failed.accepts:
        return failed.told("NP101", "`=` does not compare", "write `==`")
    if failed.text == "==" and "ASSIGN" in failed.accepts:
        return failed.told("NP101", "`==` does not give a value", "write `=`")
    return None


def _colon_of_address(failed: Failure) -> Diagnostic | None:
    before = failed.previous
    if (
        before is None
        or not {"ARROW", "COLON"} & failed.accepts
        or before.text.count(":") < 2
        or before.text[-1] != ":"
    ):
        return None
    hint = "put a blank before the `:` that follows an address"
    return failed.told("NP116", f"`{_short(before.text)}` is no address", hint, before)


def _reserved(failed: Failure) -> Diagnostic | None:
    if phrase(failed.accepts)[0] == "a name" and failed.kind in _RESERVED_TOKENS:
        return failed.told("NP108", f"`{failed.text}` is a reserved word and cannot be a name", "choose another name")
    if phrase(failed.accepts)[0] == "a name" and failed.kind.lower() in PROTOCOL_WORDS:
        return failed.told("NP108", f"`{failed.text}` is a protocol and cannot be a name", "choose another name")
    if failed.kind in _STATEMENTS and "NAME" in failed.accepts and not failed.complete and not failed.at_line_start:
        return failed.told("NP108", f"`{failed.text}` is a reserved word and cannot be a name", "choose another name")
    return None


def _connective(failed: Failure) -> Diagnostic | None:
    """`and`, `or`, `not` in a selector; `&`, `,` and their like in a condition."""
    if {"AND", "LBRACE"} <= failed.accepts and failed.text in ("&", "&&", "|", "||", ","):
        return failed.told("NP101", f"`{failed.text}` does not join conditions", "write `and` or `or`")
    if failed.text == "!" and "NOT" in failed.accepts:
        return failed.told("NP101", "`!` does not negate", "write `not`")
    signs = {"and": "`&` is and", "or": "`,` is or", "not": "write `all except …`", "!": "write `all except …`"}
    selecting = {"ARROW", "AMPERSAND"} & failed.accepts or "ALL" in failed.accepts
    if selecting and "NOT" not in failed.accepts and "AND" not in failed.accepts and failed.text in signs:
        return failed.told("NP101", f"`{failed.text}` cannot stand in a selector", signs[failed.text])
    return None


def _bracket(failed: Failure) -> Diagnostic | None:
    if failed.kind == "CLOSE" and "AMPERSAND" in failed.accepts:
        return failed.told("NP107", "`)` closes nothing", "remove it, or write `(` before")
    if failed.text == "[" and "ADDRESS" in failed.accepts:
        return failed.told("NP116", "an address stands without brackets", "remove them")
    return None


def _no_port_here(failed: Failure) -> Diagnostic | None:
    """A number behind a word that takes none: `quic 443`, `ssh 22`, `TCP 80`."""
    before = failed.previous
    if (
        before is None
        or failed.text[:1] not in "0123456789$"
        or failed.statement not in _FLOWS | {"SERVICE", "FORWARDED"}
    ):
        return None
    word = before.text
    if (
        not {"COMMA", "ROLE"} <= failed.accepts
        or not word[:1].isalpha()
        or before.source.text[: before.start].rstrip()[-1:] not in ":=,"
    ):
        return None
    if word.lower() in PROTOCOL_WORDS and word != word.lower():
        return failed.told("NP103", f"`{word}` must be lower case", f"write `{word.lower()}`", before)
    near = did_you_mean(word, _TRANSPORTS) if word not in PROTOCOL_WORDS else ""
    return failed.told("NP113", f"`{_short(word)}` takes no port", near or "only tcp, udp and sctp do", before)


_MISTAKES: tuple[Callable[[Failure], Diagnostic | None], ...] = (
    *(_unclosed_text, _no_arrow, _colon_of_address, _glued, _foreign_character, _mixed_except, _wrong_equals),
    *(_reserved, _connective, _bracket, _no_port_here),
)


def _not_a_continuation(failed: Failure) -> Diagnostic:
    """The statement before may end here, so the word is neither an attribute of it nor the start of another."""
    text, accepts = failed.text, failed.accepts
    known = [word.lower() for word in accepts if word in _ATTRIBUTES | _STATEMENTS]
    if text.lower() in known and text != text.lower():
        return failed.told("NP103", f"`{text}` must be lower case", f"write `{text.lower()}`")
    begins = "a statement begins with allow, deny, never, expect, role, service, …"
    if text[:1].isalpha() and failed.at_line_start:
        kind = "attribute or statement" if accepts & _ATTRIBUTES else "statement"
        foreign = f"write `{_FOREIGN[text.lower()]}`" if text.lower() in _FOREIGN else ""
        return failed.told("NP103", f"unknown {kind} `{_short(text)}`", foreign or did_you_mean(text, known) or begins)
    if text[:1].isalpha() and accepts & _ATTRIBUTES:
        attributes = [word for word in known if word.upper() in _ATTRIBUTES]
        hint = did_you_mean(text, attributes) or f"attributes are {', '.join(sorted(attributes))}"
        return failed.told("NP103", f"unknown attribute `{_short(text)}`", hint)
    hint = "start a new line with a statement word, or remove this"
    if failed.statement in ("ROLE", "LABEL", "NETWORK") and text[:1].isalpha():
        hint = "names are separated by `,`; a description stands in double quotes"
    elif text == "/" and failed.at_line_start:
        hint = "a comment begins with `#`"
    return failed.told("NP101", f"the statement does not go on with `{_short(text)}`", hint)


def _short(text: str) -> str:
    return text if len(text) <= 40 else text[:37] + "…"
