"""An explanation is what the policy means, read naively, and names the rule that decides in the emitted text."""

from __future__ import annotations

import re

from hypothesis import HealthCheck, Phase, given, settings

from netpolicy.cli.asking import Emitted
from netpolicy.packet.addresses import address_text
from netpolicy.packet.intervals import contains
from netpolicy.packet.packets import Packet, State, describe
from netpolicy.packet.ports import PortSet
from netpolicy.policy.question import Asking
from netpolicy.targets.iptables.decide import Verdict, decide
from netpolicy.targets.iptables.rules import Goto, Jump, Log, Mark, Reject, Return
from netpolicy.verify.why.explain import Answer, Answers, explain
from netpolicy.verify.why.fates import Where
from netpolicy.verify.why.lacking import lacking
from tests.compiling import compiled, rulesets
from tests.specification import Specification
from tests.strategies import Case, cases

SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example]
PHASES = (Phase.explicit, Phase.reuse, Phase.generate)  # a case takes its time, and is small as it is drawn
LEADS = (Jump, Goto, Log, Mark)
THERE = (Where.SENDER, Where.RECEIVER)


class Asked:
    """A case whose questions are answered, each but once."""

    def __init__(self, case: Case) -> None:
        self.pipeline = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": case.policy_text})
        self.emitted = Emitted(self.pipeline)
        self.specification = Specification([case.policy], case.cluster)
        self.loaded = rulesets(self.pipeline)
        self.known: dict[str, Answers] = {}

    def answers(self, question: str) -> Answers:
        if question not in self.known:
            policy = self.pipeline.policy
            assert policy is not None
            asked, found = Asking(self.pipeline.files, policy.cluster, policy.egress).read(question)
            assert not found, found
            classes = [plan.node_class for plan in self.pipeline.plans]
            self.known[question] = explain(policy, classes, asked[0], self.emitted.judge, 1000)
        return self.known[question]

    def card(self, node: str, packet: Packet, address: int) -> str:
        cards = self.specification.nodes[node].interfaces
        return next(
            (one.name for one in cards if (packet.family, address) in one.addresses), cards[0].name
        )  # that of a virtual address is any

    def admits(self, packet: Packet, answer: Answer) -> bool:
        """Both ends let it pass, as the policy is read naively."""
        (sender, receiver) = answer.pairs[0]
        passes = True
        for node in sender.nodes:
            card = self.card(node, packet, packet.source)
            passes &= self.specification.admits(node, moved(packet, going=card))
        for node in receiver.nodes:
            card = self.card(node, packet, packet.destination)
            passes &= self.specification.admits(node, moved(packet, coming=card))
        return passes


def moved(packet: Packet, *, coming: str = "", going: str = "") -> Packet:
    """The first packet of the same flow at another place."""
    port = 40000 if packet.protocol in (6, 17, 132) else 0
    ends = (packet.family, packet.source, packet.destination)
    return Packet(*ends, packet.protocol, packet.port, port, in_interface=coming, out_interface=going)


def question_of(packet: Packet) -> str:
    source, destination = (address_text(packet.family, one) for one in (packet.source, packet.destination))
    return f"{source} -> {destination} : any"


@settings(max_examples=80, suppress_health_check=SLOW, deadline=None, phases=PHASES)
@given(cases(count=12))
def test_a_port_passes_exactly_when_both_ends_admit_it(case: Case) -> None:
    asked = Asked(case)
    for _, packet in case.packets:
        for answer in asked.answers(question_of(packet)).found:
            if answer.loop or answer.strange:
                continue
            told = [part for part in answer.parts if contains(part.fate.ports.of(packet.family), packet.key)]
            assert len(told) == 1, "the parts are disjoint, and all that is asked"
            assert told[0].fate.passes is asked.admits(packet, answer), describe(packet)


@settings(max_examples=80, suppress_health_check=SLOW, deadline=None, phases=PHASES)
@given(cases(count=6))
def test_the_rule_that_is_named_decides_the_witness(case: Case) -> None:
    asked = Asked(case)
    for _, packet in case.packets:
        for answer in asked.answers(question_of(packet)).found:
            for part in answer.parts:
                for one in part.judged:
                    if one.ruled is None:
                        continue
                    decision = decide(asked.loaded[one.passage.node], one.passage.packet)
                    steps = [step.rule for step in decision.why if step.rule is not None]
                    assert one.ruled.admitted is (decision.verdict is Verdict.ALLOW)
                    assert [line for line, _ in one.ruled.way] == [rule.line for rule in steps]
                    assert one.passage.packet.state is State.NEW or one.ruled.admitted
                    deciding = [rule for rule in steps if not isinstance(rule.target, LEADS)]
                    if not deciding or isinstance(deciding[-1].target, Reject):
                        continue
                    assert one.ruled.line == deciding[-1].line
                    if isinstance(deciding[-1].target, Return) and one.passage.where in THERE and part.fate.allows:
                        ids = set(re.findall("[0-9a-f]{8}", deciding[-1].comment))
                        assert ids & {statement.id for statement in part.fate.allows}, one.ruled.text


@settings(max_examples=60, suppress_health_check=SLOW, deadline=None, phases=PHASES)
@given(cases(count=4))
def test_the_allow_that_is_proposed_opens_what_is_refused(case: Case) -> None:
    asked = Asked(case)
    for packet in [one for _, one in case.packets][:2]:
        before = asked.answers(question_of(packet))
        policy = asked.pipeline.policy
        assert policy is not None
        proposed = [lacking(policy, before, one, ()) for one in before.found if unsaid(one) and not one.strange]
        added = sorted({one.allow for one in proposed if one.allow})
        if not added:
            continue
        text = case.policy_text + "\n".join(added) + "\n"
        again = compiled({"cluster.yaml": case.cluster_text, "policy.netpol": text})
        assert again.policy is not None
        questions, _ = Asking(again.files, again.policy.cluster, again.policy.egress).read(question_of(packet))
        classes = [plan.node_class for plan in again.plans]
        after = explain(again.policy, classes, questions[0], Emitted(again).judge, 1000)
        assert not any(unsaid(one) for one in after.found), text


def unsaid(answer: Answer) -> PortSet:
    """The ports that no statement allows, and no deny takes."""
    fates = [part.fate for part in answer.parts]
    return PortSet.union_all([fate.ports for fate in fates if not fate.passes and not fate.denies])
