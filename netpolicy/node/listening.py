"""Compares listening sockets with the rules, both ways.

NP730, NP731 and NP732: sockets that nobody reaches, ports where nobody waits, and sockets in the wrong place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from netpolicy.diagnostic import Diagnostic, Label, Severity, one_line, ordered
from netpolicy.node.compare import OUTGOING, WIDE, Listening, Port, answers, compared, port_text, reached
from netpolicy.packet.addresses import FAMILIES, Family, address_text
from netpolicy.packet.intervals import Interval, Intervals, difference, intersection, union_all
from netpolicy.policy.citation import Citation
from netpolicy.policy.identity import Identity
from netpolicy.policy.sockets import PROTOCOLS, ListeningSocket
from netpolicy.source import Span
from netpolicy.targets.iptables.admitted_ports import Admission, sources_text
from netpolicy.targets.iptables.rules import Ruleset

_UDP = 17
_HALF = 0x8000  # a range of more ports opens a node, and no service
_MOST = 4


def listening_findings(
    ruleset: Ruleset,
    statements: Mapping[str, Citation],
    sockets: Iterable[ListeningSocket],
    identity: Identity,
    outgoing: tuple[int, int] = OUTGOING,
) -> list[Diagnostic]:
    """What is wrong between the sockets of a node and its rules, in order: NP730, NP731, NP732."""
    one = compared(ruleset, statements, sockets, identity, outgoing)
    return ordered([*unadmitted(one), *unheard(one), *elsewhere(one)])


def unadmitted(node: Listening) -> Iterator[Diagnostic]:
    """NP730: a port on which something listens, and to which nothing admits anybody.

    A UDP socket on a port of outgoing connections cannot be told from a client's, and is left out.
    """
    for port, sockets in node.ports().items():
        open_to_all = [one for one in sockets if not one.is_local]
        client = port[0] == _UDP and node.outgoing[0] <= port[1] <= node.outgoing[1]
        if open_to_all and not client and not any(node.open_at(port, family) for family in FAMILIES):
            name = port_text(*port, port[1])
            message = f"nothing admits `{name}`, on which {_who(open_to_all)} listens"
            hint = "allow it in the policy, let it listen on loopback only, or stop it"
            yield _finding("NP730", Severity.WARNING, message, hint, [_places(open_to_all)])


def unheard(node: Listening) -> Iterator[Diagnostic]:
    """NP731: ports that a statement admits and on which nothing listens. A wide range in use is not told."""
    by_statement: dict[tuple[str, ...], list[Admission]] = {}
    for one in node.admitted:
        if one.statements and one.protocol in PROTOCOLS:
            by_statement.setdefault(one.statements, []).append(one)
    heard = {protocol: _heard(node, protocol) for protocol in PROTOCOLS}
    for statements, admissions in by_statement.items():
        silent = [
            (protocol, pair)
            for protocol in PROTOCOLS
            for pair in union_all(one.ports for one in admissions if one.protocol == protocol)
            for pair in _silent(pair, heard[protocol])
        ]
        if silent:
            names = _listed([port_text(protocol, *pair) for protocol, pair in silent])
            message = f"nothing listens on {names}, which `{_cited(node, statements).text}` admits"
            hint = "start the service; if this node has none, leave it out of the statement"
            notes = _whence(node, [one for one in admissions if _meets(one, silent)])
            yield _finding("NP731", Severity.NOTICE, message, hint, notes, node=node, statements=statements)


def elsewhere(node: Listening) -> Iterator[Diagnostic]:
    """NP732: a socket on loopback only, at other addresses than the policy admits, or at more of them."""
    for port, sockets in node.ports().items():
        outside = [one for one in sockets if not one.is_local]
        admitted = {family: node.open_at(port, family, to_others=not outside) for family in FAMILIES}
        if not any(admitted.values()) or node.goes_on(port):
            continue
        listed = [one.statements for family in FAMILIES for one in node.admitting(port, family, to_others=not outside)]
        statements = tuple(dict.fromkeys(one for each in listed for one in each))[:_MOST]
        by = f" by `{_cited(node, statements).text}`" if statements else ""
        if told := _misplaced(node, port, sockets, admitted, by):
            notes = [_places(outside or sockets)]
            yield _finding("NP732", Severity.WARNING, *told, notes, node=node, statements=statements)


def _misplaced(
    node: Listening, port: Port, sockets: list[ListeningSocket], admitted: dict[Family, Intervals], by: str
) -> tuple[str, str] | None:
    """What is wrong with the place of these sockets, and what to do; None where nothing is."""
    outside = [one for one in sockets if not one.is_local]
    name, right = port_text(*port, port[1]), _addresses(_own(node, admitted))
    if not outside:
        if _is_wide(node, port):
            return None
        message = f"`{name}` is admitted{by}, and {_who(sockets)} listens on loopback only"
        return message, f"let it listen at {right}, or take the port out of the policy"
    if not reached(node, port, outside):
        message = f"{_who(outside)} listens on `{name}` where no statement admits it"
        return message, f"let it listen at {right}, or admit the port where it listens"
    if too_many := _too_many(node, outside, admitted):
        message = f"{_who(outside)} listens on `{name}` at {_addresses(too_many)} too, where nothing admits it"
        return message, f"let it listen at {right} only"
    return None


def _heard(node: Listening, protocol: int) -> Intervals:
    """The ports with a socket, and those that are sent on to containers. NP732 tells of those on loopback."""
    listed = union_all([((port, port),) for number, port in node.ports() if number == protocol])
    return union_all([listed, *(one.ports for one in node.published if one.protocol == protocol)])


def _silent(pair: Interval, heard: Intervals) -> Intervals:
    first, last = pair
    if last - first >= _HALF:
        return ()
    if last - first >= WIDE and intersection((pair,), heard):
        return ()
    return difference((pair,), heard)


def _meets(one: Admission, silent: list[tuple[int, Interval]]) -> bool:
    return any(intersection(one.ports, (pair,)) for protocol, pair in silent if protocol == one.protocol)


def _is_wide(node: Listening, port: Port) -> bool:
    """True when the port is admitted as one of a wide range only."""
    return not any(
        first <= port[1] <= last and last - first < WIDE
        for one in node.admitted
        if one.protocol == port[0]
        for first, last in one.ports
    )


def _own(node: Listening, admitted: dict[Family, Intervals]) -> dict[Family, Intervals]:
    """The part at addresses that the node declares, or all of it where there is none."""
    own = {family: intersection(found, node.own.of(family)) for family, found in admitted.items()}
    return own if any(own.values()) else admitted


def _too_many(
    node: Listening, sockets: list[ListeningSocket], admitted: dict[Family, Intervals]
) -> dict[Family, Intervals]:
    """Own addresses where the sockets answer and nothing admits the port, in families where it is open somewhere."""
    found = {}
    for family, open_at in admitted.items():
        own = node.own.of(family)
        here = intersection(answers(sockets, family), own)
        if intersection(open_at, own) and (left := difference(here, open_at)):
            found[family] = left
    return found


def _addresses(found: dict[Family, Intervals]) -> str:
    """Addresses in backticks, a few of them."""
    texts = [
        f"`{address_text(family, first)}`" if first == last else f"`{address_text(family, first)}` and following"
        for family, intervals in found.items()
        for first, last in intervals
    ]
    return " and ".join(texts[:_MOST]) + (f" and {len(texts) - _MOST} more" if len(texts) > _MOST else "")


def _listed(names: list[str]) -> str:
    shown = ", ".join(f"`{name}`" for name in names[:_MOST])
    return f"{shown} and {len(names) - _MOST} more" if len(names) > _MOST else shown


def _who(sockets: list[ListeningSocket]) -> str:
    """The process, by name and pid, or whose it is where its name cannot be read."""
    first = next((one for one in sockets if one.process), sockets[0])
    return f"`{first.process}` (pid {first.pid})" if first.process else f"a program of uid {first.uid}"


def _places(sockets: Iterable[ListeningSocket]) -> str:
    return f"it listens at {', '.join(sorted({one.place for one in sockets}))}"


def _cited(node: Listening, statements: tuple[str, ...]) -> Citation:
    return node.citations.get(statements[0]) or Citation(f"statement {statements[0]}")


def _whence(node: Listening, admissions: list[Admission]) -> list[str]:
    """From whom the ports are admitted, a note a family."""
    notes = []
    for family in FAMILIES:
        sources = union_all(one.sources for one in admissions if one.family is family)
        if sources:
            notes.append(f"admitted over IPv{family.value} from {sources_text(node.ruleset, family, sources)}")
    return notes


def _finding(
    code: str,
    severity: Severity,
    message: str,
    hint: str,
    notes: list[str],
    *,
    node: Listening | None = None,
    statements: tuple[str, ...] = (),
) -> Diagnostic:
    """A finding with its notes, and the statements' places where there are any: as labels, or by name."""
    labels: list[Label] = []
    cited = [node.citations[one] for one in statements if one in node.citations] if node else []
    for one in cited:
        if isinstance(one.span, Span):
            labels.append(Label(one.span))
        elif one.place:
            notes = [*notes, f"`{one.text}` stands at {one.place}"]
    return Diagnostic(code, one_line(message), tuple(labels), one_line(hint), severity, tuple(map(one_line, notes)))
