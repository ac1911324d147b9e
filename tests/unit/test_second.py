"""The second reader: it agrees, or the apply is taken back; where it cannot read, that is told and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from netpolicy.node.apply import Choices, apply
from netpolicy.node.backend import Backend, read_live
from netpolicy.node.drift import Held
from netpolicy.node.host import Answer
from netpolicy.node.journal import Journal
from netpolicy.node.legacy import BackendUnavailableError, LegacyChain, LegacyRule, LegacyTable, Voice
from netpolicy.node.second import Second, Seen, packets_seen
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.packet.addresses import FAMILIES, Family
from netpolicy.targets.iptables.normal import normal_table
from netpolicy.targets.iptables.rules import Accept, Rule
from tests.bundles import POLICY, bundle
from tests.machine import Machine, loaded

ONE = bundle(POLICY)
Tables = Mapping[Family, LegacyTable]


def reading() -> dict[Family, LegacyTable]:
    """What is read where all is as it must be; each rule has met its number of packets."""
    found = {}
    for family in FAMILIES:
        chains = [
            LegacyChain(
                chain.name, chain.policy, tuple(LegacyRule(at, rule, at, 60) for at, rule in enumerate(chain.rules, 1))
            )
            for chain in normal_table(ONE.ruleset.table(family)).chains
        ]
        found[family] = LegacyTable(family, tuple(chains))
    return found


def spoiled(tables: Tables, chain: LegacyChain) -> dict[Family, LegacyTable]:
    """The IPv4 table has one chain more."""
    v4 = tables[Family.V4]
    return {**tables, Family.V4: replace(v4, chains=(*v4.chains, chain))}


def edited(tables: Tables, count: int) -> dict[Family, LegacyTable]:
    """A chain of ours has so many rules more."""
    v4 = tables[Family.V4]
    more = tuple(LegacyRule(at, Rule((), Accept()), 0, 0) for at in range(count))
    chains = [replace(one, rules=(*one.rules, *more)) if one.name == "NETPOLICY-IN" else one for one in v4.chains]
    return {**tables, Family.V4: replace(v4, chains=tuple(chains))}


class Reads(Voice):
    """A reader without a process: it reads what it is told to, or fails."""

    def __init__(self, tables: Tables | None) -> None:
        self.tables = tables
        self.closed = False

    def read(self, *_: object) -> Tables:
        if self.tables is None:
            raise BackendUnavailableError("its words are no tables", "install it again")
        return self.tables

    def close(self) -> None:
        self.closed = True


class Heard(Machine):
    """A legacy machine with a second reader."""

    def __init__(self, tables: Tables | None) -> None:
        super().__init__(Backend.LEGACY)
        self.reader = Reads(tables)

    def voice(self) -> Voice:
        return self.reader


def test_a_reader_that_agrees_is_told_to_have_spoken(tmp_path: Path) -> None:
    machine = Heard(reading())
    done = apply(machine, ONE, Journal(tmp_path), Choices(Backend.LEGACY))
    assert (done.read_twice, done.found) == (True, ())
    assert machine.reader.closed


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (7, 5)])
def test_a_reader_that_reads_other_rules_has_the_apply_taken_back(tmp_path: Path, count: int, shown: int) -> None:
    machine = Heard(edited(reading(), count))
    before = machine.state
    with pytest.raises(StoppedError) as caught:
        apply(machine, ONE, Journal(tmp_path), Choices(Backend.LEGACY))
    assert [one.code for one in caught.value.found] == ["NP761", "NP762"]
    assert caught.value.ending is Ending.ROLLED_BACK
    assert caught.value.found[0].message.endswith(f"(differences: {count})")
    assert len(caught.value.found[0].notes) == shown
    assert machine.state == before


def test_a_chain_of_an_old_generation_is_no_difference(tmp_path: Path) -> None:
    old = LegacyChain("NP-IN-0123abcd", "", ())
    assert apply(Heard(spoiled(reading(), old)), ONE, Journal(tmp_path), Choices(Backend.LEGACY)).read_twice


def test_a_chain_that_is_missing_is_a_difference() -> None:
    tables = reading()
    v4 = tables[Family.V4]
    second = Second(Heard({**tables, Family.V4: replace(v4, chains=v4.chains[:-1])}), Backend.LEGACY)
    with pytest.raises(StoppedError) as caught:
        second.check(ONE.ruleset)
    assert "is missing" in caught.value.found[0].notes[0]


def test_a_reader_that_cannot_read_is_a_notice(tmp_path: Path) -> None:
    done = apply(Heard(None), ONE, Journal(tmp_path), Choices(Backend.LEGACY))
    assert (done.changed, done.read_twice) == (True, False)
    assert [(one.code, one.severity.value) for one in done.found] == [("NP767", "notice")]


def test_a_reader_that_was_not_asked_is_closed(tmp_path: Path) -> None:
    """The rules did not come into force: nobody waits for it."""
    machine = Heard(reading())
    failing = Backend.LEGACY.tool(Family.V4, "restore")
    machine.faults[failing, 1] = lambda: Answer(1, "", "line 2 failed")
    with pytest.raises(StoppedError):
        apply(machine, ONE, Journal(tmp_path), Choices(Backend.LEGACY))
    assert machine.reader.closed


def test_on_another_backend_nobody_is_asked() -> None:
    second = Second(Heard(None), Backend.NFT)
    second.check(ONE.ruleset)
    second.close()
    assert (second.spoke, second.found) == (False, [])


def test_packets_are_those_of_the_jumps_from_built_in_chains() -> None:
    tables = reading()
    jumps = {
        family: sum(len(chain.rules) for chain in tables[family].chains if chain.name in ("INPUT", "FORWARD", "OUTPUT"))
        for family in FAMILIES
    }
    machine = loaded(ONE, Backend.LEGACY)
    held = Held(read_live(machine, Backend.LEGACY), Backend.LEGACY.value)
    assert packets_seen(Heard(tables), held) == Seen("python-iptables", jumps)
    saved = packets_seen(Heard(None), held)
    assert saved == Seen("iptables-legacy-save", {family: 3 * count for family, count in jumps.items()})
    assert packets_seen(Heard(tables), replace(held, backend=Backend.NFT.value)).by == "iptables-nft-save"
