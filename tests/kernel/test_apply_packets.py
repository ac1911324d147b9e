"""What `apply-rules` promises, judged by packets and by what the kernel holds."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.kernel.applying import addressed, applied, apply_rules, state_of
from tests.kernel.build import Build
from tests.kernel.events import events
from tests.kernel.faults import Fault, Tools, Way, full_disk, held, held_for
from tests.kernel.foreign import outline, seed
from tests.kernel.lab import BACKENDS, TABLE_OF, Lab, Namespace, Site
from tests.kernel.states import Start, legacy_tables, make, seen
from tests.kernel.stream import crossing
from tests.kernel.verdict import (
    ALLOWED,
    FORBIDDEN,
    NEW_CLUSTER,
    NODE,
    OLD_CLUSTER,
    PEER,
    ROUTE,
    State,
    verdict,
)

pytestmark = pytest.mark.alone

OLD, NEW = (dict.fromkeys(ROUTE, state) for state in (State.OLD, State.NEW))
FAMILIES = tuple(TABLE_OF.values())
APPLIES = int(os.environ.get("APPLIES", "20"))


@pytest.fixture
def builds(build: Callable[..., Build]) -> tuple[Build, Build]:
    """The old and the new."""
    return build(OLD_CLUSTER), build(NEW_CLUSTER)


@pytest.fixture
def node(lab: Lab, builds: tuple[Build, Build]) -> Namespace:
    """The node, on a switch with its peers; it has no rule."""
    Site(lab, builds[0].cluster)
    return lab.spaces[NODE]


def kernel(lab: Lab, space: Namespace, backend: str) -> list[str]:
    """All that the backend holds, and the sets."""
    said = [space.run(f"{table}-{backend}-save", lock=lab.lock) for table in FAMILIES]
    said.append(space.run("ipset", "save"))
    assert not any(done.returncode for done in said)
    return [re.sub(r"^#.*\n| \[\d+:\d+\]$", "", done.stdout, flags=re.MULTILINE) for done in said]


def counted(lab: Lab, space: Namespace, backend: str) -> list[str]:
    """The rules for ports with their counters: no packet but a test's own meets them."""
    saved = [space.run(f"{table}-{backend}-save", "-c", lock=lab.lock).stdout for table in FAMILIES]
    return [line for text in saved for line in text.splitlines() if "--dport" in line]


def asked(backend: str) -> tuple[str, str]:
    return "--backend", f"iptables-{backend}"


@pytest.mark.parametrize("backend", BACKENDS)
def test_each_apply_brings_both_families_to_its_build_and_leaves_others_rules_alone(
    lab: Lab, node: Namespace, builds: tuple[Build, Build], backend: str
) -> None:
    old, new = builds
    seed(lab, node, backend)
    before = outline(lab, node, backend)
    held_of_old: list[str] = []
    for build, state in ((old, OLD), (old, OLD), (new, NEW), (old, OLD)):
        applied(lab, node, build, NODE, backend)
        assert verdict(lab.spaces) == state
        assert outline(lab, node, backend) == before
        if build is old:
            held_of_old = held_of_old or kernel(lab, node, backend)
            assert sorted(kernel(lab, node, backend)[0].splitlines()) == sorted(held_of_old[0].splitlines())


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_packet_leaks_and_none_is_lost_through_many_applies(
    lab: Lab, node: Namespace, builds: tuple[Build, Build], backend: str
) -> None:
    old, new = builds
    applied(lab, node, old, NODE, backend)

    def there_and_back() -> None:
        for build in (new, old) * (APPLIES // 2):
            applied(lab, node, build, NODE, backend)

    found = crossing(lab.spaces[PEER], node, ROUTE, there_and_back, allowed=ALLOWED, forbidden=FORBIDDEN)
    print(found)
    assert found.overrun == 0, str(found)
    assert found.clean, str(found)
    assert verdict(lab.spaces) == OLD


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_equal_ruleset_writes_nothing_and_keeps_the_counters(
    lab: Lab, node: Namespace, builds: tuple[Build, Build], backend: str
) -> None:
    old, _ = builds
    applied(lab, node, old, NODE, backend)
    assert verdict(lab.spaces) == OLD
    before = counted(lab, node, backend)
    assert sum(line.startswith("[1:") for line in before) == 4, "each family let two probes pass"
    tools = Tools(Path(lab.folder.name) / "tools")
    with events(lab, node) as told:
        done = apply_rules(lab, node, old, NODE, *asked(backend), tools=tools)
    assert done.returncode == 0, done.stderr
    assert tools.calls, "it looked by other tools than those that are watched"
    assert (tools.writes, told) == ((), [])
    assert counted(lab, node, backend) == before


@pytest.mark.parametrize("start", Start)
def test_one_backend_is_named_and_rules_in_the_other_are_refused(
    lab: Lab, builds: tuple[Build, Build], start: Start
) -> None:
    old, _ = builds
    for wanted in (*BACKENDS, None):
        space = lab.space(f"node-{wanted}")
        addressed(space)
        make(lab, space, start)
        before = seen(lab, space)
        done = apply_rules(lab, space, old, NODE, *(asked(wanted) if wanted else ()))
        after = seen(lab, space)
        if len(start.holding) > 1 or (wanted and start.holding - {wanted}):
            assert done.returncode == 1, done.stderr
            assert "hint" in done.stderr
            assert after == before
            continue
        assert done.returncode == 0, done.stderr
        ours = {backend for backend in BACKENDS if "NETPOLICY-IN" in after.saved[backend]}
        assert len(ours) == 1
        assert ours >= ({wanted} if wanted else start.holding)
        for other in set(BACKENDS) - ours:
            assert after.saved[other] == before.saved[other]
        if "legacy" not in ours:
            assert legacy_tables(space) == before.legacy_tables, "a legacy table was opened"


def test_a_lock_held_by_another_ends_in_time_with_the_old_rules(
    lab: Lab, node: Namespace, builds: tuple[Build, Build]
) -> None:
    old, new = builds
    applied(lab, node, old, NODE, "legacy")
    before = kernel(lab, node, "legacy")
    for seconds in ("1", "0"):
        with held(lab.lock):
            done = apply_rules(lab, node, new, NODE, *asked("legacy"), "--wait", seconds)
        assert done.returncode == 1, done.stderr
        assert "lock" in done.stderr
        assert kernel(lab, node, "legacy") == before
    assert verdict(lab.spaces) == OLD
    with held_for(lab.lock, 1):
        done = apply_rules(lab, node, new, NODE, *asked("legacy"), "--wait", "60")
    assert done.returncode == 0, done.stderr
    assert verdict(lab.spaces) == NEW


WAYS: tuple[Way, ...] = ("fails", "fails after all", "is silent", "is killed")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("way", WAYS)
def test_when_the_second_family_fails_the_first_is_flipped_back(
    lab: Lab, node: Namespace, builds: tuple[Build, Build], way: Way, backend: str
) -> None:
    old, new = builds
    applied(lab, node, old, NODE, backend)
    before = kernel(lab, node, backend)
    tools = Tools(Path(lab.folder.name) / "tools", {f"ip6tables-{backend}-restore": Fault(2, way, about="--noflush")})
    done = apply_rules(lab, node, new, NODE, *asked(backend), tools=tools)
    assert tools.struck
    assert done.returncode == 3, done.stderr
    assert verdict(lab.spaces) == OLD
    assert kernel(lab, node, backend) == before
    applied(lab, node, new, NODE, backend)
    assert verdict(lab.spaces) == NEW


def faults(backend: str) -> list[tuple[str, Fault]]:
    """One call of one tool goes wrong, and the tool works again at the next."""
    silent: Way
    half: Way
    fails: Way
    after: Way
    silent, half, fails, after = "is silent", "prints half", "fails", "fails after all"
    ways: dict[str, tuple[tuple[int, Way], ...]] = {
        f"iptables-{backend}-restore": ((1, silent), (2, fails), (2, after)),
        f"ip6tables-{backend}-restore": ((1, fails), (1, silent), (1, after)),
        f"iptables-{backend}-save": ((1, silent), (1, half), (2, silent), (2, half), (3, half)),
        f"ip6tables-{backend}-save": ((1, silent), (3, silent)),
        "ipset": ((1, fails), (1, silent), (2, fails)),
    }
    return [(tool, Fault(*one)) for tool, listed in ways.items() for one in listed]


@pytest.mark.parametrize("backend", BACKENDS)
def test_whatever_call_fails_both_families_are_old_or_both_are_new_and_the_status_says_which(
    lab: Lab, node: Namespace, builds: tuple[Build, Build], backend: str
) -> None:
    old, new = builds
    wrong: list[str] = []
    for number, (tool, fault) in enumerate(faults(backend)):
        applied(lab, node, old, NODE, backend)
        tools = Tools(Path(lab.folder.name) / str(number), {tool: fault})
        done = apply_rules(lab, node, new, NODE, *asked(backend), tools=tools)
        state = verdict(lab.spaces)
        if state != (NEW if done.returncode == 0 else OLD):
            told = {version: one.name for version, one in state.items()}
            wrong.append(f"{tool} {fault.way} at call {fault.call}: status {done.returncode}, {told}: {done.stderr}")
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_full_disk_is_an_error_and_the_kernel_is_untouched(
    lab: Lab, node: Namespace, builds: tuple[Build, Build], backend: str
) -> None:
    old, new = builds
    applied(lab, node, old, NODE, backend)
    before = kernel(lab, node, backend)
    with full_disk(state_of(lab, node)) as on_it, events(lab, node) as told:
        done = apply_rules(lab, node, new, NODE, *asked(backend), before=on_it)
    assert done.returncode in (1, 2), done.stderr
    assert "no space left" in done.stderr.lower()
    assert kernel(lab, node, backend) == before
    assert told == []
    assert verdict(lab.spaces) == OLD
