"""Answers about small clusters: virtual addresses, denies, what is published, and what is missing."""

from __future__ import annotations

from netpolicy.cli.asking import Emitted
from netpolicy.packet.portwords import service_text
from netpolicy.policy.question import Asking
from netpolicy.report.why import Told, as_text
from netpolicy.verify.why.explain import Answer, Answers, explain
from netpolicy.verify.why.fates import Where
from netpolicy.verify.why.lacking import Lacking, lacking
from tests.compiling import compiled

CLUSTER = """\
cluster: small
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24, "2001:db8:ad::/48"], office: [203.0.113.0/24]}
nodes:
  web[1-3]: {roles: [web], address: ["10.0.0.[1-3]", "2001:db8::[1-3]"]}
  bad: {roles: [web], labels: [quarantined], address: [10.0.0.4, "2001:db8::4"]}
  db: {roles: [db], address: 10.0.0.9, addresses_are: leased}
  lb: {roles: [lb], interfaces: {eth0: [10.0.0.8], eth1: [192.0.2.8]}}
"""
HEAD = "policy small\nrole web, db, lb\nlabel quarantined\nnetwork admins, office\n"
MDNS = "allow all -> web@224.0.0.251 : udp 5353\n"


class Asked:
    """A question about the small cluster, answered."""

    def __init__(self, policy: str, question: str) -> None:
        pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": HEAD + policy})
        assert pipeline.policy is not None
        self.policy = pipeline.policy
        asking = Asking(pipeline.files, self.policy.cluster, self.policy.egress)
        (asked,), found = asking.read(question)
        assert not found, found
        classes = [plan.node_class for plan in pipeline.plans]
        self.answers: Answers = explain(self.policy, classes, asked, Emitted(pipeline).judge, 50)
        self.found: tuple[Answer, ...] = self.answers.found
        idle = tuple(asking.idle(pipeline.day))
        self.lacks: list[Lacking | None] = [
            lacking(self.policy, self.answers, one, idle) if one.refused else None for one in self.found
        ]

    @property
    def text(self) -> str:
        return as_text(self.policy, [Told(self.answers, tuple(self.lacks))])

    @property
    def said(self) -> list[tuple[str, str]]:
        """What passes and what does not, of each answer in order."""
        return [
            (service_text(one.passing, one.families), service_text(one.refused, one.families)) for one in self.found
        ]


def test_a_plain_whom_closes_a_virtual_address_but_opens_none() -> None:
    assert Asked(MDNS, "lb -> web@224.0.0.251 : udp 5353").answers.passes
    closed = Asked(
        MDNS + "option egress = enforced\ndeny lb -> 224.0.0.0/24 : any\n", "lb -> web@224.0.0.251 : udp 5353"
    )
    assert (closed.answers.passes, closed.answers.partly) == (False, False)
    (answer,) = closed.found
    assert answer.parts[0].fate.refusing == (Where.SENDER, Where.RECEIVER)
    opened = Asked("option egress = enforced\nallow lb -> 224.0.0.251 : udp 5353\n", "lb -> web@224.0.0.251 : udp 5353")
    assert [one.parts[0].fate.refusing for one in opened.found] == [(Where.RECEIVER,)]


def test_an_address_that_some_receive_on_other_ports_is_received_by_them() -> None:
    asked = Asked(MDNS, "lb -> 224.0.0.251 : udp 80")
    assert not asked.answers.passes
    assert asked.found[0].pairs[0][1].nodes == ("web1", "web2", "web3", "bad")
    assert Asked("", "lb -> 224.0.0.251 : udp 80").answers.passes, "egress is open, and nobody receives it"


def test_a_deny_is_blamed_and_the_rule_of_a_rejection_is_its_own() -> None:
    policy = "option refuse = reject\nallow web -> db : tcp 3306\ndeny quarantined -> all : any because 'x'\n".replace(
        "'", '"'
    )
    asked = Asked(policy, "web -> db : tcp 3306")
    refused, passing = asked.found
    assert [one.text for one in refused.parts[0].fate.denies] == ["quarantined -> all : any"]
    assert refused.pairs[0][0].nodes == ("bad",) and passing.pairs[0][0].nodes == ("web1", "web2", "web3")
    receiver = next(one for one in refused.parts[0].judged if one.passage.where is Where.RECEIVER)
    assert receiver.ruled is not None
    (deny,) = refused.parts[0].fate.denies
    assert f"np:{deny.id} -g NP-IN-" in receiver.ruled.text
    assert asked.lacks[0] == Lacking("", exact=False)
    assert asked.text.count("To allow it, narrow the deny.") == 1


def test_the_nearest_allows() -> None:
    policy = "allow web -> db : tcp 1\nallow web -> db : tcp 3300-3301\nallow web -> db : tcp 9000-9999\n"
    policy += "allow admins -> db : tcp 3306\n"
    asked = Asked(policy + "allow web -> lb : tcp 3000-4000\n", "web -> db : tcp 3306")
    (one,) = asked.lacks
    assert one is not None and one.other_ports is not None
    assert (one.allow, one.exact) == ("allow web -> db : tcp 3306", True)
    assert one.other_ports.what == "tcp 3300-3301"
    assert one.other_senders is not None and one.other_senders.text == "admins -> db : tcp 3306"
    assert one.other_receivers is not None and one.other_receivers.text == "web -> lb : tcp 3000-4000"


def test_only_conditions_that_do_not_hold_are_told() -> None:
    policy = "param a = on\nparam b = off\n"
    policy += "when a {\n  allow web -> db : tcp 1\n  when b {\n    allow web -> db : tcp 2\n  }\n}\n"
    asked = Asked(policy, "web -> db : tcp 1-2")
    (one,) = asked.lacks
    assert one is not None
    assert [(idle.text, idle.why) for idle in one.idle] == [("web -> db : tcp 2", "`b` does not hold here")]
    assert [(one.text, one.why) for lack in Asked(policy, "web -> db : tcp 9").lacks if lack for one in lack.idle] == []


def test_families_are_told_apart_where_they_differ() -> None:
    asked = Asked("allow admins -> web : tcp 22\nallow office -> web : tcp 80\n", "admins, office -> web1 : tcp 80")
    assert asked.said == [("", "tcp 80"), ("tcp 80", "")]
    assert "From office (addresses of no node) to web1 (10.0.0.1) over IPv4:" not in asked.text
    only = Asked("allow 10.0.0.1 -> web : tcp 22\n", "web1 -> web2 : tcp 22")
    assert only.said == [("", "tcp 22"), ("tcp 22", "")]
    assert "From web1 to web2 over IPv6:\n" in only.text and "From web1 to web2 over IPv4:\n" in only.text
    assert only.lacks[0] is not None
    assert only.lacks[0].allow == "allow 2001:db8::1 -> 2001:db8::2 : tcp 22"


def test_an_interface_alone_is_proposed_as_its_address() -> None:
    asked = Asked("allow web -> lb@eth0 : tcp 80\n", "web -> lb : tcp 80")
    assert asked.said == [("", "tcp 80"), ("tcp 80", "")]
    assert "to lb (192.0.2.8) over IPv4:" in asked.text
    assert [one.allow for one in asked.lacks if one] == ["allow web -> 192.0.2.8 : tcp 80"]


def test_answers_of_a_server_to_nodes_with_leased_addresses() -> None:
    assert "DHCP answers, from port 67, are baseline" in Asked("", "world -> db : udp 68").text
    assert "DHCP" not in Asked("", "world -> web1 : udp 68").text


def test_published_ports_are_those_of_forwarded_services_that_no_deny_takes() -> None:
    policy = "forwarded service apps = tcp 8000-8010\nallow admins -> web : apps, tcp 80\n"
    asked = Asked(policy, "admins -> web1 : tcp 80, 8005")
    (answer,) = asked.found
    published = [service_text(part.fate.published, answer.families) for part in answer.parts]
    assert published == ["tcp 8005"]
    assert "web1 sends it on behind DNAT by nodes/web1/rules.v4:" in asked.text
    assert "--ctorigdstport 8000:8010" in asked.text


def test_a_deny_of_whole_nodes_closes_what_they_send_on_of_a_virtual_address() -> None:
    policy = (
        "forwarded service apps = tcp 8000-8010\nallow all -> web@224.0.0.251 : apps\ndeny all -> web : tcp 8000-8004\n"
    )
    (answer,) = Asked(policy, "lb -> web@224.0.0.251 : tcp 8000-8010").found
    published = [service_text(part.fate.published, answer.families) for part in answer.parts]
    assert (service_text(answer.passing), published) == ("tcp 8000-8010 (IPv4)", ["tcp 8005-8010"])


def test_a_group_is_answered_once_however_many_nodes_it_has() -> None:
    asked = Asked("allow all -> all : tcp 22\n", "all -> all : tcp 22")
    (answer,) = asked.found
    ((sender, receiver),) = answer.pairs[:1]
    assert sender == receiver and len(sender.nodes) == 6
