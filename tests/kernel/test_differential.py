"""Random policies mean in the kernel what they say.

Real packets between random clusters, on both backends: the specification, the meaning that rules are proved against,
`decide` on the rules as read back, and the kernel have to say the same of every packet.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given, settings

from netpolicy.lab.pairs import Way
from netpolicy.lab.rehearse import rehearsal
from netpolicy.node.backend import Backend
from tests.compiling import compiled
from tests.differential.agree import agreed
from tests.differential.case import Case, cases
from tests.differential.loading import odd_of
from tests.differential.saved import FOLDER, parsed
from tests.differential.tally import Tally
from tests.differential.trial import tried
from tests.properties.test_meaning import SLOW

# Thousands of packets, and a tracer at each line that sends one would take most of the time.
pytestmark = pytest.mark.no_cover

SAVED = sorted(FOLDER.glob("*.txt"))
POLICIES = 80


def test_random_policies_mean_what_they_say() -> None:
    total = Tally()

    @settings(max_examples=POLICIES, derandomize=True, database=None, suppress_health_check=SLOW)
    @given(cases())
    def each(case: Case) -> None:
        nonlocal total
        total += agreed(case)

    each()
    assert total.policies >= POLICIES
    assert total.passing > 0.3 * total.packets, str(total)
    # Some of every way pass, and some do not: what is never seen proves nothing.
    assert {(way.name, passes) for way in Way for passes in (True, False)} == set(+total.fates)


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_disagreement_stays_away(path: Path) -> None:
    saved = parsed(path.read_text(encoding="utf-8"))
    trial = tried(saved.case, saved.backends, most=None)
    assert not trial.disagreements, str(trial.disagreements[0])
    assert trial.packets.issuperset(saved.packets), "the packet is not asked any more"


POLICY = """
policy small "one of each kind of rule"
role dea, mysql
forwarded service apps = tcp 8080
option egress = enforced
option refuse = reject
allow outside -> mysql@10.0.0.200 : tcp 80
allow dea -> mysql : tcp 3306-3307, udp 53
allow outside -> dea : apps
deny dea -> mysql@eth1 : udp 53
""".lstrip()
CLUSTER = """
cluster: small
policy: ./policy.netpol
nodes:
  dea[1-2]: {roles: [dea], interfaces: {eth0: ["10.0.0.[1-2]", "2001:db8::[1-2]"]}}
  mysql: {roles: [mysql], interfaces: {eth0: ["10.0.0.3", "2001:db8::3"], eth1: [203.0.113.3]}}
""".lstrip()
WRONG = {
    "a widened port": (r"--dport 3306:3307", "--dport 3306:3308"),
    "source and destination swapped": (r"(-A NP-IN\S+ .*--match-set np\S+) src", r"\1 dst"),
    "a lost refusal of what comes in": (
        r"(-A NP-IN-[0-9a-f]+ -m comment --comment np:default) -g \S+-refuse",
        r"\1 -j RETURN",
    ),
    "a lost deny": (r"-A NP-.* -p udp .*-g \S+-refuse\n", ""),
    "a refusal for an address of nobody": (r"(-A NP-IN-[0-9a-f]+-virtual .*-j) DROP", r"\1 REJECT"),
    "a lost way out": (r"-A NP-OUT.* -p udp .*--comment np:[0-9a-f]{8} -j RETURN\n", ""),
    "any port of a container": (r" -m conntrack --ctorigdstport \d+", ""),
    "a lost member of a set": (r"\nadd .*", ""),
}


@pytest.mark.parametrize("backend", Backend)
@pytest.mark.parametrize("wrong", WRONG)
def test_packets_alone_notice(wrong: str, backend: Backend) -> None:
    pattern, instead = WRONG[wrong]
    pipeline = compiled({"cluster.yaml": CLUSTER, "policy.netpol": POLICY})
    assert pipeline.policy is not None
    built = [one for one, _ in pipeline.built()]
    whole = rehearsal(pipeline.policy, [one.node_class for one in built])
    files = {node: one.files for one in built for node in one.node_class.members}
    assert odd_of(whole, files, [backend]) == [(backend, [])]
    changed = {node: {name: re.sub(pattern, instead, text) for name, text in of.items()} for node, of in files.items()}
    assert changed != files
    assert odd_of(whole, changed, [backend])[0][1]
