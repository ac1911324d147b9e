"""The message, place and hint of a syntax error."""

from __future__ import annotations

import re

from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.dsl.failure import ATTRIBUTES, FLOWS, STATEMENTS, Failure, phrase, short
from netpolicy.dsl.habits import FOREIGN, FOREIGN_ATTRIBUTES, HABITS
from netpolicy.dsl.mistakes import MISTAKES
from netpolicy.dsl.vocabulary import ATTRIBUTE_WORDS, PLACE_WORDS, RESERVED_WORDS, STATEMENT_WORDS, terminals
from netpolicy.source import Span

_KEYWORDS = terminals(PLACE_WORDS)
_BEGINS = "a statement begins with allow, deny, never, expect, role, service, …"
_COMMENT = re.compile(r"//|/\*|--\s|;|!")
_CONFLICT = re.compile(r"<{7}|={7}|>{7}|\|{7}")


def missing(place: Span, previous: Span | None, accepts: frozenset[str]) -> Diagnostic:
    """The error that a statement breaks off: the caret stands behind the last word that was read."""
    words, example = phrase(accepts)
    if previous is None:
        return error("NP102", f"{words} is missing", place, hint=example)
    behind = Span(previous.source, previous.end, previous.end)
    return error("NP102", f"{words} is missing after `{short(previous.text)}`", behind, hint=example)


def blame(failed: Failure) -> Diagnostic:
    """The error for a word, sign or character that cannot stand where it stands."""
    for mistake in (*MISTAKES, *HABITS):
        known = mistake(failed)
        if known is not None:
            return known
    if failed.complete:
        return _not_a_continuation(failed)
    words, example = phrase(failed.accepts)
    known_words = [word.lower() for word in failed.accepts & (ATTRIBUTES | _KEYWORDS | STATEMENTS)]
    near = did_you_mean(failed.text, known_words)
    if failed.wants("RBRACE", "BECAUSE") and failed.text[:1].isalpha():
        return failed.told("NP103", f"unknown attribute `{short(failed.text)}`", _attribute(failed) or example)
    return failed.told("NP101", f"expected {words}, found `{short(failed.text)}`", near or example)


def _attribute(failed: Failure) -> str:
    """The attribute that was meant; "" where none is near."""
    known = [word for word in ATTRIBUTE_WORDS if word.upper() in failed.accepts]
    foreign = FOREIGN_ATTRIBUTES.get(failed.text.lower(), "")
    return f"write `{foreign}`" if foreign in known else did_you_mean(failed.text, known)


def _not_a_continuation(failed: Failure) -> Diagnostic:
    """The statement before may end here, so the word is neither an attribute of it nor the start of another."""
    text, accepts = failed.text, failed.accepts
    known = [word.lower() for word in accepts if word in ATTRIBUTES | STATEMENTS]
    if text.lower() in known and text != text.lower():
        return failed.told("NP103", f"`{text}` must be lower case", f"write `{text.lower()}`")
    if failed.at_line_start or (text in ("else", "elif") and failed.behind == "}"):
        return _no_statement(failed, known)
    if text[:1].isalpha() and accepts & ATTRIBUTES and failed.kind.lower() not in RESERVED_WORDS:
        attributes = [word for word in ATTRIBUTE_WORDS if word.upper() in accepts]
        hint = _attribute(failed) or f"attributes are {', '.join(sorted(attributes))}"
        return failed.told("NP103", f"unknown attribute `{short(text)}`", hint)
    return failed.told("NP101", f"the statement does not go on with `{short(text)}`", _ending(failed))


def _no_statement(failed: Failure, known: list[str]) -> Diagnostic:
    """A line that begins with no statement word."""
    text, line = failed.text, failed.line
    if text[:1].isalpha():
        kind = "attribute or statement" if failed.accepts & ATTRIBUTES else "statement"
        hint = FOREIGN.get(text.lower()) or did_you_mean(text, known)
        if not hint and re.search(r"<?->", line):
            hint = "a flow begins with allow, deny, never or expect"
        if not hint and text in ATTRIBUTE_WORDS:
            hint = "attributes stand behind a flow or a demand"
        return failed.told("NP103", f"unknown {kind} `{short(text)}`", hint or _BEGINS)
    if _CONFLICT.match(line):
        hint = "keep one side, and remove the marks"
        return failed.told("NP101", "a conflict of a merge is left here", hint, failed.run(_CONFLICT.pattern))
    comment = _COMMENT.match(line)
    if comment:
        message = f"`{comment.group().strip()}` begins no comment"
        return failed.told("NP101", message, "a comment begins with `#`", failed.run(_COMMENT.pattern))
    hint = "remove it" if line[1:].split()[:1] and line[1:].split()[0] in STATEMENT_WORDS else _BEGINS
    return failed.told("NP101", f"`{short(text)}` begins no statement", hint)


def _ending(failed: Failure) -> str:
    """What to do with a word behind a statement that could end."""
    text, line = failed.text, failed.line
    if line.startswith(("//", "/*", "--")):
        return "a comment begins with `#`"
    if text == ";" and line[1:].lstrip()[:1].isdigit():
        return "ports are separated by `,`"
    if text == ";":
        return "remove it; a statement ends with its line"
    if text == "\\":
        return "remove it; a statement may go on in the next line"
    if failed.statement in ("PARAM", "SET") and text in (",", "|", "/"):
        return "choices are separated by `|`, ports by `,`"
    if failed.statement == "NETWORK" and (text == "=" or text[:1].isdigit()):
        return "the cluster file gives a network its addresses: `networks: {NAME: [10.0.0.0/24]}`"
    if failed.statement == "ROLE" and text == "=":
        return "a role has no value; a set of roles is a `group`"
    if failed.statement in ("ROLE", "LABEL", "NETWORK") and text[:1].isalpha():
        return "names are separated by `,`; a description stands in double quotes"
    if failed.statement in FLOWS and failed.behind == "}":
        return "attributes stand in one pair of braces"
    if failed.statement in FLOWS and text.isdigit():
        return "ports are separated by `,`"
    return "start a new line with a statement word, or remove this"
