"""Why a question about a policy has its answer, in sentences for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from netpolicy.netfilter import DHCP_PORTS
from netpolicy.packet.addresses import Family, address_text
from netpolicy.packet.packets import Packet, describe
from netpolicy.packet.ports import VALUE_BITS, Protocol
from netpolicy.packet.portwords import service_text
from netpolicy.policy.cluster import Address, AddressesAre
from netpolicy.policy.model import Egress, Policy, Statement
from netpolicy.policy.question import Question
from netpolicy.report.findings import place_of
from netpolicy.verify.why.explain import Answer, Answers, Judged, Part, Side
from netpolicy.verify.why.fates import Where
from netpolicy.verify.why.lacking import Lacking, is_whole, name_of, strangers_text

MOST_NAMES = 3
MOST_PARTS = 6
MOST_PAIRS = 4
MOST_STATEMENTS = 4
MOST_IN_FULL = 4
"""Parts of all answers up to which each is told with its rules and its witness."""


@dataclass(frozen=True, slots=True)
class Told:
    """The answers to one direction of a question; what each of them lacks, None where it passes whole."""

    answers: Answers
    lacking: tuple[Lacking | None, ...]


def headlines(policy: Policy, told: Sequence[Told]) -> str:
    """A line for each question that is not answered by yes."""
    return "".join(_Telling(policy, one, {}, verbose=False).headline() + "\n" for one in told if not one.answers.passes)


def as_text(policy: Policy, told: Sequence[Told], *, verbose: bool = False) -> str:
    """A paragraph for each answer, below a line with the verdict of each question."""
    names = {address: node.name for node in policy.cluster.nodes for address in node.addresses}
    return "\n".join(_Telling(policy, one, names, verbose).text() for one in told)


def verdict(answers: Answers) -> str:
    """`all`, `part` or `none`."""
    return "all" if answers.passes else "part" if answers.partly else "none"


def nothing_asked(policy: Policy, question: Question) -> str:
    """Why a question has no packet: one side is empty, or all share no family."""
    for side in (question.who, question.whom):
        if not side:
            return f"`{side.text}` selects nothing in this cluster: no node holds it, or it has no address"
    return "who, whom and what share no family in this cluster"


@dataclass(frozen=True, slots=True)
class _Telling:
    policy: Policy
    told: Told
    names: Mapping[Address, str]
    verbose: bool

    def text(self) -> str:
        """The whole, a line break at its end."""
        answers = self.told.answers
        lines = [self.headline()]
        lines += [f"  Note: {note}." for note in answers.question.notes]
        for answer, lacking in zip(answers.found, self.told.lacking, strict=True):
            lines += ["", *self.answer(answer, lacking)]
        if answers.left_out:
            more = "1 more answer" if answers.left_out == 1 else f"{answers.left_out} more answers"
            lines += ["", f"… and {more}; `--format json` tells more."]
        if self.brief:
            lines += ["", "`--verbose` shows rules, witnesses and what is missing."]
        return "\n".join(lines) + "\n"

    def headline(self) -> str:
        answers = self.told.answers
        asked = answers.question.text
        if not answers.found:
            return f"No: nothing of `{asked}` can pass, since {nothing_asked(self.policy, answers.question)}."
        if all(one.strange for one in answers.found):
            return f"No answer: neither end of `{asked}` is a node, so no rule of this cluster judges it."
        words = {
            "all": f"Yes: `{asked}` passes.",
            "part": f"Partly: of `{asked}` some passes and some does not.",
            "none": f"No: `{asked}` does not pass.",
        }
        return words[verdict(answers)]

    @property
    def brief(self) -> bool:
        """True when there is so much to tell that it has to be short."""
        return not self.verbose and sum(len(one.parts) for one in self.told.answers.found) > MOST_IN_FULL

    # Answers.

    def answer(self, answer: Answer, lacking: Lacking | None) -> Iterator[str]:
        """The ends, then each part."""
        families = answer.families
        over = f" over IPv{families[0].value}" if len(self.policy.nodes.families()) > len(families) else ""
        for sender, receiver in answer.pairs[:MOST_PAIRS]:
            yield f"From {self.side(families, sender)} to {self.side(families, receiver, sender)}{over}:"
        if len(answer.pairs) > MOST_PAIRS:
            yield f"(and {len(answer.pairs) - MOST_PAIRS} more pairs of ends)"
        if answer.strange:
            return
        ordered = sorted(answer.parts, key=lambda part: (not part.fate.passes, part.fate.baseline))
        for part in ordered[:MOST_PARTS]:
            yield from (f"  {line}" for line in self.part(answer, part))
        if len(ordered) > MOST_PARTS:
            left = [part.fate.ports for part in ordered[MOST_PARTS:]]
            yield f"  … and {len(left)} more parts; `--format json` has them."
        if lacking is not None and not self.brief:
            yield from (f"  {line}" for line in self.lacking(lacking))

    def part(self, answer: Answer, part: Part) -> Iterator[str]:
        fate = part.fate
        ports = service_text(fate.ports, fate.ports.families())
        if self.brief:
            yield self.short(answer, part, ports)
            return
        if fate.passes:
            yield f"{ports} passes{self.cause(answer, part)}."
        else:
            why = "a deny takes it" if fate.denies else "no statement allows it"
            yield f"{ports} does not pass: {why}."
            yield from self.leased(answer, part)
        for one in fate.denies[:MOST_STATEMENTS]:
            yield f"  Denied by {self.statement(one)}."
        for one in fate.allows[:MOST_STATEMENTS]:
            yield f"  {'Allowed' if fate.passes else 'It would be allowed'} by {self.statement(one)}."
        yield from (f"  {line}" for line in self.rules(answer, part))

    def leased(self, answer: Answer, part: Part) -> Iterator[str]:
        """That a server's answers do pass to nodes which ask for their addresses."""
        named = {name for _, receiver in answer.pairs for name in receiver.nodes}
        for family, (server, client) in DHCP_PORTS.items():
            key = int(Protocol.UDP) << VALUE_BITS | client
            leased = (one for one in self.policy.cluster.nodes if one.addresses_are is not AddressesAre.STATIC)
            if (family, key) in part.fate.ports and any(one.name in named for one in leased):
                yield f"  DHCP answers, from port {server}, are baseline where addresses are leased."

    def short(self, answer: Answer, part: Part, ports: str) -> str:
        """One line, with the statement that decides."""
        fate = part.fate
        deciding = fate.allows if fate.passes else fate.denies
        more = f" and {len(deciding) - 1} more" if len(deciding) > 1 else ""
        named = [f"{place_of(one.span)} `{one.verb.value} {one.text}` [{one.id}]{more}" for one in deciding[:1]]
        if fate.passes:
            return f"{ports} passes: {named[0]}." if named else f"{ports} passes{self.cause(answer, part)}."
        return f"{ports} does not pass: {named[0] if named else 'no statement allows it'}."

    def cause(self, answer: Answer, part: Part) -> str:
        if answer.loop:
            return ": a node reaches itself over loopback, which is baseline"
        if part.fate.baseline:
            return ": it is baseline, open on every node"
        if Where.RECEIVER not in answer.judged_by and not part.fate.allows:
            return ": egress is open, and no node receives it"
        return ""

    def statement(self, one: Statement) -> str:
        """Its text and place, and what it says about itself."""
        noted = one.attributes
        more = [f'because "{noted.because}"'] if noted.because else []
        more += [f"source {', '.join(noted.sources)}"] if noted.sources else []
        more += [f'owner "{noted.owner}"'] if noted.owner else []
        more += [f"ticket {noted.ticket}"] if noted.ticket else []
        said = f" ({', '.join(more)})" if more else ""
        return f"{place_of(one.span)} `{one.verb.value} {one.text}` [{one.id}]{said}"

    # Rules.

    def rules(self, answer: Answer, part: Part) -> Iterator[str]:
        """Each end with its rule, of the first family; that of the other in a word."""
        first = part.judged[0].passage.packet.family
        there = [one for one in part.judged if one.passage.packet.family is first]
        for one in there:
            yield from self.rule(part, one)
        if part.fate.passes and not answer.loop:
            yield from self.replies(there)
        families = [f"IPv{family.value}" for family in part.fate.ports.families()]
        if len(families) > 1:
            yield f"The same is true of {families[1]}, with rules of its own."
        yield f"Witness: {self.witness(there)}."

    def rule(self, part: Part, one: Judged) -> Iterator[str]:
        where, node = one.passage.where, one.passage.node
        if one.ruled is None or where in (Where.REPLY_SENT, Where.REPLY_RECEIVED):
            return
        verbs = _VERBS[where]
        does = verbs[0] if one.ruled.admitted else verbs[1]
        if not one.ruled.line:
            open_ = where is Where.SENDER and self.policy.egress is Egress.OPEN
            why = "egress is open" if open_ else "no rule stops it"
            yield f"{node} {does}: {why}."
        else:
            yield f"{node} {does} by {one.ruled.file}:{one.ruled.line}"
            shown = one.ruled.way if self.verbose else ((one.ruled.line, one.ruled.text),)
            yield from (f"    {text}" for _, text in shown)
        for cloud in one.clouds:
            if cloud.admitted:
                yield f"{cloud.cloud}: the group {cloud.group} of {node} {verbs[0]} by"
                yield f"    {cloud.rule}"
            elif part.fate.baseline:
                yield f"{cloud.cloud} lets it pass by itself."
            else:
                yield f"{cloud.cloud}: no rule of the groups of {node} admits it."

    def replies(self, there: Sequence[Judged]) -> Iterator[str]:
        """Where the reply passes; it does by a rule, or since egress is open."""
        back = [one for one in there if one.passage.where in (Where.REPLY_SENT, Where.REPLY_RECEIVED)]
        told = [f"{one.ruled.file}:{one.ruled.line}" for one in back if one.ruled is not None and one.ruled.line]
        if back:
            yield "Its reply passes as established traffic" + (f" ({', '.join(told)})." if told else ".")

    def witness(self, there: Sequence[Judged]) -> str:
        shown = next((one for one in there if one.passage.where is Where.RECEIVER), there[0])
        packet = shown.passage.packet
        return f"{self.name(packet, packet.source)} -> {self.name(packet, packet.destination)}, {describe(packet)}"

    def name(self, packet: Packet, address: int) -> str:
        return self.names.get((packet.family, address)) or f"{address_text(packet.family, address)} (no node's)"

    # Ends.

    def side(self, families: Sequence[Family], side: Side, other: Side | None = None) -> str:
        words = []
        if side.nodes:
            words.append("each other of " * (side == other) + self.nodes(families, side, same=side == other))
        if side.virtual:
            words[-1] += f" at {', '.join(address_text(*one) for one in side.virtual)}, which they receive"
        if side.strangers:
            text = strangers_text(self.policy, side.strangers)
            if text:
                words.append(f"{text} ({'addresses' if side.strangers.size() > 1 else 'an address'} of no node)")
            else:
                words.append("other addresses of no node")
        return " and ".join(words)

    def nodes(self, families: Sequence[Family], side: Side, *, same: bool) -> str:
        """The nodes, and which of their addresses are meant if not all."""
        nodes = side.nodes
        name = name_of(self.policy, nodes)
        partly = not side.virtual and not is_whole(self.policy, side, families)
        if len(nodes) == 1:
            held = [
                address_text(f, at) for f in families for first, last in side.addresses.of(f) for at in (first, last)
            ]
            return f"{nodes[0]} ({', '.join(dict.fromkeys(held))})" if partly else nodes[0]
        if same:
            return name or "these"
        shown = ", ".join(nodes[:MOST_NAMES]) + (f" and {len(nodes) - MOST_NAMES} more" if nodes[MOST_NAMES:] else "")
        told = f"{name} ({len(nodes)} nodes: {shown})" if name else f"{len(nodes)} nodes ({shown})"
        return f"{told}, with some of their addresses" if partly else told

    # What is missing.

    def lacking(self, lacking: Lacking) -> Iterator[str]:
        if lacking.allow:
            yield f"To allow {'it' if lacking.exact else 'all that is asked'}, add: {lacking.allow}"
        else:
            yield "To allow it, narrow the deny."
        for text, one in (
            ("The same ends may use other ports", lacking.other_ports),
            ("Others may send the same", lacking.other_senders),
            ("The same may be sent to others", lacking.other_receivers),
        ):
            if one is not None:
                yield f"{text}: {place_of(one.span)} `{one.verb.value} {one.text}` [{one.id}]."
        for idle in lacking.idle:
            yield f"{place_of(idle.span)} `allow {idle.text}` would allow it, but {idle.why}."


_VERBS = {
    Where.SENDER: ("lets it out", "does not let it out"),
    Where.RECEIVER: ("lets it in", "refuses it"),
    Where.PUBLISHED: ("sends it on behind DNAT", "does not send it on behind DNAT"),
}


def packet_value(packet: Packet) -> dict[str, object]:
    """A packet as JSON has it."""
    family: Family = packet.family
    return {
        "family": family.value,
        "source": address_text(family, packet.source),
        "destination": address_text(family, packet.destination),
        "protocol": packet.protocol,
        "port": packet.port,
        "source_port": packet.source_port,
        "in_interface": packet.in_interface,
        "out_interface": packet.out_interface,
        "state": packet.state.value.lower(),
        "text": describe(packet),
    }
