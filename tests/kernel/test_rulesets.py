"""Random rulesets do in the kernel what we say of them.

Real packets cross a node whose rules are drawn, on both backends and in both families. `decide` and `admitted`, of the
ruleset as drawn and as read back from what the save tools print, and the kernel have to say the same of every packet.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings

from netpolicy.node.backend import Backend
from netpolicy.packet.family import Family
from tests.crossing.agree import Case, agreed, cases, clear, world
from tests.crossing.sampled import sample
from tests.crossing.saved import FOLDER, read_saved
from tests.crossing.voices import Voices, differing, disagreements, outcome, read
from tests.crossing.world import OPEN
from tests.differential.tally import Tally
from tests.properties.test_meaning import SLOW

# Thousands of packets, and a tracer at each line that sends one would take most of the time.
pytestmark = pytest.mark.no_cover

SAVED = sorted(FOLDER.glob("*.txt"))
RULESETS = {True: 70, False: 40}
"""How many are drawn, with conntrack and without."""
RULES = """
*filter
:INPUT DROP [0:0]
:FORWARD DROP [0:0]
:OUTPUT ACCEPT [0:0]
:user - [0:0]
-A INPUT -m conntrack --ctstate ESTABLISHED -j ACCEPT
-A INPUT -i eth1 -p tcp -m tcp --dport 22:80 -j user
-A INPUT -p udp -m udp ! --dport 80 -j REJECT
-A INPUT -p udp -j ACCEPT
-A FORWARD -m conntrack --ctstate DNAT -j ACCEPT
-A FORWARD -i docker0 -p tcp -m tcp --tcp-flags SYN,ACK SYN -g user
-A FORWARD -i docker0 -m conntrack --ctorigdstport 1:80 -j ACCEPT
-A user -m mac --mac-source 02:aa:00:00:00:11 -j RETURN
-A user -s 10.66.8.8/32 -j RETURN
-A user -p tcp -j ACCEPT
COMMIT
""".lstrip()


@pytest.fixture(scope="module", autouse=True)
def cleared(root: None) -> Iterator[None]:
    yield
    clear()


@pytest.mark.parametrize("tracked", RULESETS, ids=lambda tracked: "conntrack" if tracked else "fragments")
def test_random_rulesets_do_what_we_say(tracked: bool) -> None:
    total = Tally()

    @settings(max_examples=RULESETS[tracked], derandomize=True, database=None, suppress_health_check=SLOW)
    @given(cases(tracked=tracked))
    def each(case: Case) -> None:
        nonlocal total
        total += agreed(case)

    each()
    assert total.rulesets >= RULESETS[tracked]
    assert total.passing > 0.3 * total.packets, str(total)


@pytest.mark.parametrize("path", SAVED, ids=lambda path: path.stem)
def test_a_disagreement_stays_away(path: Path) -> None:
    saved = read_saved(path.read_text(encoding="utf-8"))
    place = world(saved.backend, saved.tracked)
    place.restore_sets(saved.sets)
    assert outcome(place.cross(saved.rules, [saved.probe])[0]) == saved.kernel
    odd, _, asked = disagreements(place, saved.rules, saved.sets, saved.ruleset, [saved.probe])
    assert not odd, str(odd[0])
    assert asked


WRONG = {
    "a widened port": ("--dport 22:80", "--dport 22:81"),
    "a lost negation": ("! --dport 80", "--dport 80"),
    "another side": ("--dport 22:80", "--sport 22:80"),
    "another interface": ("-i eth1 ", "-i eth1+ "),
    "a return for a goto": ("-g user", "-j user"),
    "another state": ("--ctstate ESTABLISHED", "--ctstate RELATED"),
    "a forgotten translation": ("--ctstate DNAT", "--ctstate INVALID"),
    "another address of Ethernet": (":00:11", ":00:10"),
    "other flags": ("SYN,ACK SYN", "SYN SYN"),
    "silence for an answer": ("-j REJECT", "-j DROP"),
    "an answer for silence": ("-A FORWARD -i docker0", "-A INPUT -j REJECT\n-A FORWARD -i docker0"),
    "another policy": (":FORWARD DROP", ":FORWARD ACCEPT"),
}


@pytest.mark.parametrize("backend", Backend)
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_reading_is_noticed(wrong: str, backend: Backend) -> None:
    """What the kernel has loaded is not what we say that it has."""
    old, new = WRONG[wrong]
    changed = RULES.replace(old, new)
    assert changed != RULES
    place, probes = world(backend, True), sample(1, 2000, tracked=True)
    probes = [one for one in probes if one.family is Family.V4]
    seen = place.cross({Family.V4: RULES, Family.V6: OPEN}, probes)
    right, false = (Voices(read((Family.V4, text), (Family.V6, OPEN), sets="")) for text in (RULES, changed))
    assert not list(differing(backend, right, [], probes, seen))
    assert list(differing(backend, false, [], probes, seen))
