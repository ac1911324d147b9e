"""Habits of other languages, and what to write here; each answers None when it is not the one."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable

from netpolicy.diagnostic import Diagnostic, did_you_mean
from netpolicy.dsl.failure import ATTRIBUTES, FLOWS, STATEMENTS, Failure, phrase, short
from netpolicy.dsl.vocabulary import ATTRIBUTE_WORDS, PROTOCOL_WORDS

# Statement words of other languages, and what to do instead.
FOREIGN = {
    **dict.fromkeys(("accept", "permit", "pass"), "write `allow`"),
    **dict.fromkeys(("drop", "reject", "block", "forbid"), "write `deny`"),
    **dict.fromkeys(("term", "from", "access", "tcp", "udp", "icmp"), "a flow is `allow who -> whom : what`"),
    "default": "what no `allow` admits is dropped; remove this",
    "if": "write `when`",
    **dict.fromkeys(("unless", "else", "elif"), "write `when not`"),
    "import": "write `include`",
    "tier": "write `role`",
    **dict.fromkeys(("zone", "subnet"), "write `network`"),
    "port": "write `service`",
    **dict.fromkeys(("var", "let", "const", "define"), "write `param`"),
    "assert": "write `expect`",
    "node": "the cluster file names the nodes",
    "host": "the cluster file names the nodes",
}
FOREIGN_ATTRIBUTES = {
    **dict.fromkeys(("comment", "reason", "description", "note", "why"), "because"),
    **dict.fromkeys(("issue", "jira", "change"), "ticket"),
    **dict.fromkeys(("until", "expiry", "expiration", "ends"), "expires"),
    **dict.fromkeys(("contact", "team"), "owner"),
    **dict.fromkeys(("logging", "syslog"), "log"),
}
_OTHER_QUOTES = "'<>"
_TRANSPORT = r"(tcp|udp|sctp)\b"
_WORD = re.compile(r"[A-Za-z0-9_.:\[\]-]+")


def _template(failed: Failure) -> Diagnostic | None:
    place = failed.run(r"(?:\{\{|\{%|\$\{|<%)[^}\n]*\}*")
    if failed.text == "%" and failed.glued and failed.behind == "{" and failed.previous is not None:
        place = failed.previous.to(failed.run(r"[^}\n]*\}*"))
    if not place.text.startswith(("{{", "{%", "${", "<%")):
        return None
    return failed.told("NP101", "a template is not filled in here", "name the file that the template makes", place)


def _wildcard(failed: Failure) -> Diagnostic | None:
    """`any`, `all` and `*` for everything."""
    text = failed.text
    if failed.wants("ALL", "WORLD") and text in ("any", "*"):
        hint = "`all` is the nodes, `outside` all but the nodes, `world` both"
        return failed.told("NP101", f"`{text}` cannot stand in a selector", hint)
    wanted = "service" if failed.wants("TCP", "ESP") else "port" if failed.wants("PORT", "PARAMETER") else ""
    if wanted and text in ("*", "all", "ip"):
        return failed.told("NP101", f"`{text}` is no {wanted}", "write `any`")
    return None


def _port_word(failed: Failure) -> Diagnostic | None:
    if not failed.wants("PORT", "PARAMETER") or failed.text not in ("port", "ports", "dport", "dports"):
        return None
    return failed.told("NP101", f"`{failed.text}` is not written here", f"the number follows: `{failed.behind} 22`")


def _joined_protocols(failed: Failure) -> Diagnostic | None:
    """`tcp, udp 53`, `tcp|udp 53`, `tcp:22`, `tcp=22`."""
    previous = failed.previous
    if previous is None or not failed.wants("PORT", "PARAMETER") or previous.text not in ("tcp", "udp", "sctp"):
        return None
    both = re.match(rf"\s*(?:,|\||/|&|and\b|or\b)\s*{_TRANSPORT}", failed.line)
    if both:
        hint = f"write `{previous.text}+{both[1]}`, or give each its ports"
        return failed.told("NP101", f"`{failed.text}` does not join protocols", hint)
    number = re.match(r"[:=/]\s*([0-9]+)", failed.line)
    if number:
        hint = f"write `{previous.text} {short(number[1])}`"
        return failed.told("NP101", f"`{failed.text}` cannot stand before a port", hint)
    compared = re.match(r"([<>!]=?)\s*([0-9]{1,5})\b", failed.line)
    if compared:
        ends = {">": f"{int(compared[2]) + 1}-65535", ">=": f"{compared[2]}-65535", "<=": f"0-{compared[2]}"}
        hint = f"write `{ends[compared[1]]}`" if compared[1] in ends else "ports are listed: `80, 443, 8000-8100`"
        return failed.told("NP101", "ports are not compared", hint, failed.run(r"[<>!]=?\s*[0-9]+"))
    return None


def _negative_port(failed: Failure) -> Diagnostic | None:
    if not failed.wants("PORT", "PARAMETER") or not re.fullmatch(r"-[0-9]+", failed.text):
        return None
    hint = f"no port is negative; all up to {failed.text[1:]} is `0-{failed.text[1:]}`"
    return failed.told("NP113", f"`{short(failed.text)}` is no port", hint)


def _range_in_words(failed: Failure) -> Diagnostic | None:
    until = re.match(r"(?:to|through|until|and|-)\s+([0-9]+)", failed.line)
    if until is None or not failed.complete or not failed.behind.isdigit():
        return None
    hint = f"a range is written `{failed.behind}-{until[1]}`"
    return failed.told("NP101", f"`{failed.text}` makes no range", hint)


def _enclosed_list(failed: Failure) -> Diagnostic | None:
    """Lists in the brackets of other languages."""
    if failed.text not in ("(", "[", "{"):
        return None
    if failed.wants("ALL", "WORLD"):
        hint = "`(a, b)` groups a selector, and every flow is a statement of its own"
        return failed.told("NP101", f"`{failed.text}` cannot stand in a selector", hint)
    example = {"a port": "80, 443", "a value": "80, 443", "a name": "dea, router", "a text": '"S1", "S2"'}
    example["an interface or address"] = "dea@eth0, dea@eth1"
    words = phrase(failed.accepts)[0]
    if words not in example or failed.wants("LBRACE"):
        return None
    return failed.told("NP101", "a list stands without brackets", f"such as `{example[words]}`")


def _value_of_another_kind(failed: Failure) -> Diagnostic | None:
    """Addresses in a group, and a value behind the `:` of a param."""
    if not failed.text[:1].isdigit() or phrase(failed.accepts)[0] != "a name":
        return None
    place = failed.run(r"[0-9A-Za-z.:/-]+")
    if failed.statement == "GROUP":
        hint = "a group is a set of roles; addresses are a `network`"
        return failed.told("NP101", f"`{short(place.text)}` cannot stand in a group", hint, place)
    if failed.statement == "PARAM" and failed.behind == ":":
        hint = "behind `:` stands its type, behind `=` its value"
        return failed.told("NP101", f"`{short(place.text)}` is no type of a param", hint, place)
    return None


def _needless_quotes(failed: Failure) -> Diagnostic | None:
    words = phrase(failed.accepts)[0]
    if failed.kind != "STRING" or "STRING" in failed.accepts:
        return None
    if words not in ("a name", "a node name", "a value", "a date", "an interface or address"):
        return None
    inside = failed.text[1:-1].replace("`", "")
    return failed.told("NP101", f"{words} stands without quotes", f"write `{short(inside)}`")


def _unquoted_text(failed: Failure) -> Diagnostic | None:
    if phrase(failed.accepts)[0] != "a text" or not failed.behind or failed.complete:
        return None
    if failed.text in ("=", ":"):
        return failed.told("NP101", f"`{failed.text}` cannot stand behind `{short(failed.behind)}`", "remove it")
    place = failed.run(r"'[^'\n]*'|<[^>\n]*>|[\w./$-][^\s{}\"`]*")
    if place.text == failed.text and not failed.text[:1].isalnum():
        return None
    words = place.text.strip(_OTHER_QUOTES) if place.text[:1] in _OTHER_QUOTES else _up_to_attribute(failed.line)
    hint = f'in double quotes: `"{short(words or place.text)}"`'
    return failed.told("NP101", f"expected a text, found `{short(place.text)}`", hint, place)


def _up_to_attribute(line: str) -> str:
    """The words of a text that has no quotes: as far as the next attribute, brace, quote or comment."""
    words = re.split(r"[{}\"#`,]", line, maxsplit=1)[0].split()
    end = next((at for at, word in enumerate(words) if at and word in ATTRIBUTE_WORDS), len(words))
    return " ".join(words[:end])


def _foreign_date(failed: Failure) -> Diagnostic | None:
    if phrase(failed.accepts)[0] != "a date" or not failed.behind or not failed.text[:1].isalnum():
        return None
    if failed.text == "never":
        return failed.told("NP119", "`never` is no date", "what has no `expires` never expires; remove both words")
    place = failed.run(r"[^\s{}\"`]+")
    return failed.told("NP119", f"`{short(place.text)}` is no date", "write YEAR-MONTH-DAY, such as 2027-01-31", place)


def _names_side_by_side(failed: Failure) -> Diagnostic | None:
    """Words between who and whom: `from`, `to`, `on eth1`, names without a comma, masks."""
    behind, text = failed.behind, failed.text
    if not failed.accepts & {"ARROW", "COLON"} or not _WORD.fullmatch(behind) or failed.statement not in FLOWS:
        return None
    if "ARROW" in failed.accepts and text in ("to", "into", "towards"):
        return failed.told("NP101", f"`{text}` is no arrow of the language", "write `->`")
    if text == "{" and failed.glued and re.match(r"\{[0-9]+(\.\.|-|,)", failed.line):
        return failed.told("NP101", "`{` makes no range", "a range of nodes is written `node dea[1-12]`")
    if behind == "from" or (behind == "to" and "COLON" in failed.accepts):
        return failed.told("NP101", f"`{behind}` is not written", "a flow is `who -> whom : what`", failed.previous)
    if text in ("on", "via", "in", "at") and "COLON" in failed.accepts:
        hint = f"an interface stands behind `@`: `{short(behind)}@eth1`"
        return failed.told("NP101", f"`{text}` names no interface", hint)
    mask = _mask(behind, text)
    if mask:
        return failed.told("NP116", f"`{text}` is a mask, not an address", f"write `{mask}`")
    if _WORD.fullmatch(text) and text[0].isalnum() and text not in PROTOCOL_WORDS + ATTRIBUTE_WORDS:
        sign = r"<?->" if "ARROW" in failed.accepts else r"\s:(\s|$)"
        if re.search(sign, failed.line):
            hint = "names are joined by `,` (either) or `&` (both at once)"
            return failed.told("NP101", f"`{short(behind)}` and `{short(text)}` stand side by side", hint)
    return None


def _mask(address: str, mask: str) -> str:
    """The CIDR of an address and its mask or wildcard; "" where they make none."""
    if address.count(".") != 3 or mask.count(".") != 3:
        return ""
    try:
        return str(ipaddress.IPv4Network(f"{address}/{mask}"))
    except ValueError:
        return ""


def _too_early(failed: Failure) -> Diagnostic | None:
    """Attributes before the service, a second arrow, a second `:`."""
    if failed.statement not in FLOWS:
        return None
    if "COLON" in failed.accepts and "NAME" not in failed.accepts:
        if failed.text in ATTRIBUTE_WORDS:
            hint = "attributes stand behind the service"
            return failed.told("NP101", f"`{failed.text}` stands too early", hint)
        if failed.kind in ("ARROW", "BOTH_WAYS"):
            return failed.told("NP101", "a flow has one arrow", "write a statement for each flow")
    if failed.text == ":" and (failed.complete or failed.behind == ":"):
        return failed.told("NP101", "a flow has one `:`", "protocol and ports stand behind it, such as `tcp 22`")
    if failed.text == ":" and failed.glued and failed.behind.upper() in STATEMENTS:
        return failed.told("NP101", f"`:` cannot stand behind `{failed.behind}`", "remove it")
    return None


def _selector_signs(failed: Failure) -> Diagnostic | None:
    if failed.text.startswith("$") and failed.wants("NOT", "EXISTS"):
        return failed.told("NP101", "a condition names a param without `$`", f"write `{failed.text[1:] or 'NAME'}`")
    if not failed.wants("ALL", "WORLD"):
        return None
    if failed.text.startswith("$"):
        hint = "params are ports, flags and choices; addresses are a `network`"
        return failed.told("NP101", f"`{short(failed.text)}` cannot stand in a selector", hint)
    if failed.text == "@":
        place = failed.run(r"@\s*[\w.-]*")
        return failed.told("NP101", "`@` stands behind a selector", f"such as `all{place.text}`")
    return None


def _log_words(failed: Failure) -> Diagnostic | None:
    """Levels, prefixes and other rates behind `log`."""
    written = failed.text in ATTRIBUTE_WORDS or did_you_mean(failed.text, ATTRIBUTE_WORDS)
    if failed.behind != "log" or not failed.accepts & ATTRIBUTES or written or failed.text[:1] in "}{,;":
        return None
    message = f"`{short(failed.text.replace('`', ''))}` is no log rate"
    return failed.told("NP119", message, "such as `log 5/second`; per second, minute, hour or day")


def _loose_text(failed: Failure) -> Diagnostic | None:
    """A text behind a text, and signs between attributes."""
    if not failed.accepts & ATTRIBUTES:
        return None
    if failed.kind == "STRING":
        before = failed.span.source.text[: failed.previous.start if failed.previous else 0].rstrip()
        hint = "write one text, or give this one an attribute such as `because`"
        hint = "separate sources by `,`" if before.endswith("source") else hint
        return failed.told("NP101", "a text stands here without an attribute", hint)
    if failed.text in (",", ";") and "RBRACE" in failed.accepts and "BECAUSE" in failed.accepts:
        return failed.told("NP101", f"`{failed.text}` does not separate attributes", "remove it; a blank is enough")
    return None


def _condition_words(failed: Failure) -> Diagnostic | None:
    text, behind = failed.text, failed.behind
    if failed.wants("AND", "LBRACE"):
        if text == "(" and behind[:1].isalpha():
            hint = did_you_mean(behind, ("count", "exists")) or "such as `exists router` or `count(router) > 1`"
            return failed.told("NP101", f"`{short(behind)}` is no word of a condition", hint, failed.previous)
        if text in ("is", "equals"):
            return failed.told("NP101", f"`{text}` does not compare", "write `==`")
        if text in ("then", "do", ":"):
            return failed.told("NP101", f"`{text}` opens no block", "`when CONDITION { … }`")
    if failed.wants("NOT", "EXISTS") and text[:1].isdigit():
        hint = "the number stands last: `count(router) > 1`"
        return failed.told("NP101", f"a condition cannot begin with `{short(text)}`", hint)
    return None


def _demand_words(failed: Failure) -> Diagnostic | None:
    text, behind = failed.text, failed.behind
    hint = "write `exactly 1 …`, `at least 1 …` or `no …`"
    if failed.wants("WITH", "ALONE") and text.isdigit() and behind[:1].isalpha():
        near = did_you_mean(behind.replace("-", " ").replace("_", " "), ("exactly", "at least"))
        return failed.told("NP103", f"unknown demand `{short(behind)}`", near or hint, failed.previous)
    if failed.wants("EXACTLY", "ALL") and text.isdigit():
        return failed.told("NP101", f"a demand cannot begin with `{short(text)}`", hint)
    if failed.wants("LEAST") and text == "most":
        return failed.told("NP103", "unknown demand `at most`", hint)
    return None


HABITS: tuple[Callable[[Failure], Diagnostic | None], ...] = (
    *(_template, _wildcard, _port_word, _joined_protocols, _negative_port, _range_in_words, _needless_quotes),
    _value_of_another_kind,
    *(_unquoted_text, _foreign_date, _too_early, _names_side_by_side, _selector_signs, _enclosed_list),
    *(_log_words, _loose_text, _condition_words, _demand_words),
)
