"""Where reading broke off, and words for what the parser expected there."""

from __future__ import annotations

import re
from dataclasses import dataclass

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.dsl.vocabulary import ATTRIBUTE_WORDS, STATEMENT_WORDS, TEXT, terminals
from netpolicy.source import Span

_WORD = re.compile(TEXT + r"|[A-Za-z0-9_$.-]*[A-Za-z0-9_$]|<->|->|=>|<-|[<>=!]=|&&|\|\||\S")
FLOWS = frozenset({"ALLOW", "DENY", "NEVER", "EXPECT"})
ATTRIBUTES = terminals(ATTRIBUTE_WORDS)
STATEMENTS = terminals(STATEMENT_WORDS)

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

    @property
    def line(self) -> str:
        """The line from the word on."""
        source = self.span.source.text
        end = source.find("\n", self.span.start)
        return source[self.span.start : end if end >= 0 else len(source)]

    @property
    def behind(self) -> str:
        """The word before on the same line; "" where there is none."""
        if self.previous is None or "\n" in self.span.source.text[self.previous.end : self.span.start]:
            return ""
        return self.previous.text

    @property
    def glued(self) -> bool:
        """True where no blank stands before the word."""
        return self.previous is not None and self.previous.end == self.span.start

    def wants(self, *terminals: str) -> bool:
        """True where all these could follow."""
        return self.accepts.issuperset(terminals)

    def run(self, pattern: str) -> Span:
        """From the word on, as far as the pattern reaches."""
        found = re.compile(pattern).match(self.span.source.text, self.span.start)
        return Span(self.span.source, self.span.start, found.end()) if found else self.span

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


def short(text: str) -> str:
    """The text, cut where it is long."""
    return text if len(text) <= 40 else text[:37] + "…"
