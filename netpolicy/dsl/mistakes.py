"""Mistakes of signs, characters and names that deserve words of their own; each answers None when it is not the one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from netpolicy.diagnostic import Diagnostic, did_you_mean
from netpolicy.dsl.failure import FLOWS, STATEMENTS, Failure, phrase, short
from netpolicy.dsl.literals import range_hint
from netpolicy.dsl.vocabulary import OTHER_WORDS, PROTOCOL_WORDS, terminals
from netpolicy.source import Span

NAME_HINT = "letters, digits, single `_` or `-`, beginning with a letter"
_PARAM_COMPARED = re.compile(r"[A-Za-z0-9]\s*[=!]=\s*\Z")
_TRANSPORTS = ("tcp", "udp", "sctp")
_RUN = re.compile(r"[^\s,;:()&@{}\"#|=<>]*")
_RUN_OF_NUMBER = re.compile(r"[^\s,;()&@{}\"#|=<>]*")
_SWAPPED = re.compile(r"([0-9]+(?:-[0-9]+)?)/(tcp|udp|sctp)")
_JOINED = re.compile(r"(tcp|udp|sctp)/(tcp|udp|sctp)")
_RANGE = re.compile(r"([0-9]+)(?:\.\.+|:|–|—|~)([0-9]+)")
_BEGIN = re.compile(r"([0-9]+)[:-]")
_ARROW = re.compile(r"[-=<>~–—−]*[-=<>~–—−→⇒➔←⇐↔⇔]")
_BACKWARDS = ("<-", "<=", "←", "⇐")
_BOTH = ("↔", "⇔")
_RESERVED_TOKENS = terminals(OTHER_WORDS)
_PLAIN = {**dict.fromkeys("–—−‐‑", "-"), **dict.fromkeys("“”„«»‘’", '"')}


def _unclosed_text(failed: Failure) -> Diagnostic | None:
    if failed.text != '"':
        return None
    place = failed.run(r"[^\n]*")
    hint = 'add `"`; a text ends on its line'
    if place.text.endswith('\\"'):
        hint = "`\\` takes the end away from the text: write `\\\\` for a backslash"
    return failed.told("NP106", "this text is not closed on its line", hint, place)


def _no_arrow(failed: Failure) -> Diagnostic | None:
    """A sign in place of the arrow, or one that is too long."""
    previous = failed.previous
    if previous is not None and previous.text in ("->", "<->") and failed.glued and failed.text == ">":
        place = previous.to(failed.run(r">+"))
        return failed.told("NP101", f"`{short(place.text)}` is no arrow of the language", "write `->`", place)
    place = failed.run(_ARROW.pattern)
    sign = place.text
    within = failed.glued and sign in ("-", "–") and not failed.line[1:2].isspace()  # `10.0.0.1-10.0.0.9`
    if "ARROW" not in failed.accepts or not _ARROW.fullmatch(sign) or within:
        return None
    hint = "write `->`, or `<->` for both directions"
    if sign in _BOTH or (sign.startswith("<") and sign.endswith(">")):
        hint = "write `<->`"
    elif sign.startswith(_BACKWARDS):
        hint = "turn the flow around: `who -> whom`"
    return failed.told("NP101", f"`{short(sign)}` is no arrow of the language", hint, place)


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
    if before.text.count("-") == 2 and before.text.replace("-", "").isdigit() and "COMMA" not in failed.accepts:
        hint = "write YEAR-MONTH-DAY, such as 2027-01-31"
        return failed.told("NP119", f"`{short(text)}` is no date", hint, place)
    if text.split("/")[0] in PROTOCOL_WORDS:
        written = text.replace("/", "+" if _JOINED.fullmatch(text) else " ", 1)
        return failed.told("NP113", f"`{short(text)}` is no service", f"write `{written}`", place)
    if numeric:
        return _no_number(failed, place)
    if before.text[0].isdigit() or ":" in before.text:
        hint = "leave the zone out" if "%" in text else range_hint(text)
        return failed.told("NP116", f"`{short(text)}` is no address", hint, place)
    return failed.told("NP111", f"`{short(text)}` is no name", _name_hint(failed, text), place)


def _name_hint(failed: Failure, text: str) -> str:
    strange = next((one for one in text if not one.isascii()), "")
    if strange:
        code = f"U+{ord(strange):04X}"
        shown = f"`{strange}` ({code})" if strange.isprintable() else f"{code}, which cannot be seen,"
        return f"{shown} is no letter of a name; retype it"
    if "[" in text or (text.endswith("*") and failed.accepts & {"ARROW", "COLON"}):
        return "a range of nodes is written `node dea[1-12]`"
    if text.endswith("+"):
        return "the whole name, such as `eth1`"
    if "." in text and failed.accepts & {"ARROW", "COLON"}:
        return "a host is an address, or `node NAME`"
    return NAME_HINT


def _no_number(failed: Failure, place: Span) -> Diagnostic:
    text = place.text
    if "COMMA" not in failed.accepts and not _PARAM_COMPARED.search(place.source.text, 0, place.start):
        return failed.told("NP110", f"`{short(text)}` is no number", "in digits, such as `1`", place)
    if failed.statement in ("PARAM", "SET") and text.count(".") == 3:
        hint = "ports, a flag or choices; addresses are declared as a `network`"
    else:
        hint = _port_hint(text)
    return failed.told("NP113", f"`{short(text)}` is no port", hint, place)


def _port_hint(text: str) -> str:
    """How a number that is no port is meant to be written."""
    swapped, ranged, begun = _SWAPPED.fullmatch(text), _RANGE.fullmatch(text), _BEGIN.fullmatch(text)
    if swapped:
        return f"write `{swapped[2]} {swapped[1]}`"
    if ranged:
        return f"a range is written `{ranged[1]}-{ranged[2]}`"
    if begun and len(begun[1]) <= 5:
        return f"a range has two ends: `{begun[1]}-65535` is all from {begun[1]} on"
    if re.fullmatch(r"0[xX][0-9a-fA-F]{1,4}", text):
        return f"in decimal: write `{int(text, 16)}`"
    if re.fullmatch(r"[0-9]{1,3}[_'][0-9]{3}", text):
        return f"digits are not grouped: write `{re.sub('[^0-9]', '', text)}`"
    return "a port is a number from 0 to 65535, a range is `first-last`"


def _foreign_character(failed: Failure) -> Diagnostic | None:
    character = failed.text[:1]
    if character == "`":
        return failed.told("NP104", "a backtick is no character of the language", "remove it")
    if failed.kind or (character.isascii() and character.isprintable()):
        return None
    shown = character if character.isprintable() else f"U+{ord(character):04X}"
    hint = "other characters than ASCII stand only in texts and comments"
    plain = _PLAIN.get(character) or unicodedata.normalize("NFKC", character)
    if not character.isprintable():
        hint = "remove it; as a blank, use the space bar's"
    elif plain == '"':
        hint = 'texts stand in straight quotes: `"`'
    elif plain.isascii() and plain.isprintable() and plain != "`":
        hint = f"it only looks like `{plain}`: retype it"
    place = Span(failed.span.source, failed.span.start, failed.span.start + 1)
    return failed.told("NP104", f"`{shown}` is no character of the language", hint, place)


def _mixed_except(failed: Failure) -> Diagnostic | None:
    text, accepts = failed.text, failed.accepts
    if failed.kind == "EXCEPT" or ("EXCEPT" not in accepts and text == "except"):
        if failed.complete and failed.statement in FLOWS:
            hint = "say what is left out in a `deny`, or list what is meant"
            return failed.told("NP109", "`except` cannot stand behind the `:`", hint)
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
    if failed.text in ("=>", "=<") and failed.wants("EQUAL", "LESS"):
        return failed.told("NP101", f"`{failed.text}` does not compare", f"write `{failed.text[::-1]}`")
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
    return failed.told("NP116", f"`{short(before.text)}` is no address", hint, before)


def _reserved(failed: Failure) -> Diagnostic | None:
    if failed.statement == "OPTION" and failed.behind == "=" and failed.kind in _RESERVED_TOKENS | STATEMENTS:
        hint = "such as `option egress = enforced` or `option refuse = reject`"
        return failed.told("NP123", f"`{failed.text}` is no value of an option", hint)
    if phrase(failed.accepts)[0] == "a name" and failed.kind in _RESERVED_TOKENS:
        return failed.told("NP108", f"`{failed.text}` is a reserved word and cannot be a name", "choose another name")
    if phrase(failed.accepts)[0] == "a name" and failed.kind.lower() in PROTOCOL_WORDS:
        return failed.told("NP108", f"`{failed.text}` is a protocol and cannot be a name", "choose another name")
    if failed.kind in STATEMENTS and "NAME" in failed.accepts and not failed.complete and not failed.at_line_start:
        return failed.told("NP108", f"`{failed.text}` is a reserved word and cannot be a name", "choose another name")
    return None


def _connective(failed: Failure) -> Diagnostic | None:
    """`and`, `or`, `not` in a selector; `&`, `,` and their like in a condition."""
    if failed.wants("AND", "LBRACE") and failed.text in ("&", "&&", "|", "||", ","):
        return failed.told("NP101", f"`{failed.text}` does not join conditions", "write `and` or `or`")
    if failed.text == "&" and failed.behind == "&" and failed.glued and failed.previous is not None:
        hint = "`and` joins conditions" if failed.statement == "WHEN" else "`&` is and"
        return failed.told("NP101", "`&&` is no sign of the language", hint, failed.previous.to(failed.span))
    if failed.text == "!" and "NOT" in failed.accepts:
        return failed.told("NP101", "`!` does not negate", "write `not`")
    either = dict.fromkeys(("or", "|", "||"), "`,` is or")
    signs = {"and": "`&` is and", **either, **dict.fromkeys(("not", "!", "~"), "write `all except …`")}
    selecting = {"ARROW", "AMPERSAND"} & failed.accepts or "ALL" in failed.accepts
    if selecting and "NOT" not in failed.accepts and "AND" not in failed.accepts and failed.text in signs:
        return failed.told("NP101", f"`{failed.text}` cannot stand in a selector", signs[failed.text])
    if failed.wants("TCP", "ESP") and failed.text in ("not", "!", "~"):
        hint = "say what is left out in a `deny`, or list what is meant"
        return failed.told("NP101", f"`{failed.text}` cannot stand behind the `:`", hint)
    return None


def _bracket(failed: Failure) -> Diagnostic | None:
    if failed.kind == "CLOSE" and "AMPERSAND" in failed.accepts:
        return failed.told("NP107", "`)` closes nothing", "remove it, or write `(` before")
    if failed.text == "[" and "ADDRESS" in failed.accepts and re.match(r"\[[0-9A-Fa-f]*:", failed.line):
        return failed.told("NP116", "an address stands without brackets", "remove them")
    return None


def _no_port_here(failed: Failure) -> Diagnostic | None:
    """A number behind a word that takes none: `quic 443`, `ssh 22`, `TCP 80`."""
    before, protocol = failed.previous, failed.text in PROTOCOL_WORDS
    if before is None or failed.statement not in FLOWS | {"SERVICE", "FORWARDED"}:
        return None
    if failed.text[:1] not in "0123456789$" and failed.text != "any" and not protocol:
        return None
    word = before.text
    if (
        not failed.wants("COMMA", "ROLE")
        or not word[:1].isalpha()
        or before.source.text[: before.start].rstrip()[-1:] not in ":=,"
    ):
        return None
    if word.lower() in PROTOCOL_WORDS and word != word.lower():
        return failed.told("NP103", f"`{word}` must be lower case", f"write `{word.lower()}`", before)
    known = _TRANSPORTS if not word.lower().startswith(("icmp", "ip")) else ("icmp", "icmpv4", "icmpv6")
    near = did_you_mean(word.removeprefix("ipv6-"), known) if word not in PROTOCOL_WORDS else ""
    if protocol or (failed.text == "any" and not near):
        hint = f"remove `{short(word)}`, or separate the two by `,`"
        return failed.told("NP101", f"`{failed.text}` cannot follow `{short(word)}`", hint, before.to(failed.span))
    if word in ("port", "ports", "dport"):
        hint = f"write `tcp {failed.text}` or `udp {failed.text}`"
        return failed.told("NP113", f"`{word}` is no protocol", hint, before)
    return failed.told("NP113", f"`{short(word)}` takes no port", near or "only tcp, udp and sctp do", before)


MISTAKES: tuple[Callable[[Failure], Diagnostic | None], ...] = (
    *(_unclosed_text, _no_arrow, _colon_of_address, _glued, _foreign_character, _mixed_except, _wrong_equals),
    *(_reserved, _connective, _bracket, _no_port_here),
)
