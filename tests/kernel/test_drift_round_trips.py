"""No false alarm: what kernels print of random rules, and print again once that was loaded, means what was loaded.

`ROUND_TRIPS` asks for more of them than a test run has time for.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from netpolicy.node.drift import of_kernel, of_texts
from netpolicy.node.host import Host
from netpolicy.packet.addresses import Family
from netpolicy.source import Source
from netpolicy.targets.iptables.drift import differences
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.render import table_text
from netpolicy.targets.iptables.rules import Ruleset, Table
from tests.drawn_rules import SETS, tables
from tests.kernel.build import told
from tests.kernel.lab import BACKENDS, Lab, Namespace, inside

TOOL = {Family.V4: "iptables", Family.V6: "ip6tables"}
KINDS = {Family.V4: "inet", Family.V6: "inet6"}
BOTH = st.tuples(tables(Family.V4), tables(Family.V6))
CREATED = "".join(
    f"create {name}-00000001 hash:ip family {KINDS[family]} maxelem 9\n"
    for family, names in SETS.items()
    for name in names
)
EXAMPLES = int(os.environ.get("ROUND_TRIPS", "50"))


def texts(drawn: tuple[Table, Table]) -> dict[Family, str]:
    """The tables with the names that a generation's chains bear, and policies that are nobody's drift."""
    found = {}
    for table in drawn:
        text = table_text(table).replace("NP-IN-", "NP-IN-0000000").replace("NP-END", "NP-IN-00000001-end")
        for name in SETS[table.family]:
            text = text.replace(f" {name} ", f" {name}-00000001 ")
        found[table.family] = text.replace(" DROP [", " ACCEPT [")
    return found


def ruleset(loaded: Mapping[Family, str]) -> Ruleset:
    files = {f"rules.v{family.value}": text for family, text in loaded.items()} | {"sets.ipset": CREATED}
    made, found = read({name: Source(name, text) for name, text in files.items()})
    assert made is not None, told(found)
    return made


def saved(lab: Lab, space: Namespace, backend: str) -> dict[Family, str]:
    return {family: lab.saved(space, f"{tool}-{backend}-save") for family, tool in TOOL.items()}


def load(lab: Lab, space: Namespace, backend: str, loaded: Mapping[Family, str]) -> None:
    for family, text in loaded.items():
        lab.restore(space, f"{TOOL[family]}-{backend}-restore", text, "-w")


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_loaded_is_no_drift_however_often_it_went_around(
    lab: Lab, backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XTABLES_LOCKFILE", lab.lock)
    space = lab.space("one")
    lab.restore(space, "ipset restore", CREATED)

    @settings(max_examples=EXAMPLES)
    @given(BOTH)
    def is_no_drift(drawn: tuple[Table, Table]) -> None:
        loaded = texts(drawn)
        wanted = ruleset(loaded)
        load(lab, space, backend, loaded)
        with inside(space):
            assert differences(of_kernel(Host()).live, wanted) == []
        load(lab, space, backend, saved(lab, space, backend))
        again = saved(lab, space, backend)
        v4, v6 = (Source("saved", again[family]) for family in Family)
        held, problems = of_texts(v4, v6, Source("sets", CREATED))
        assert not problems
        assert differences(held.live, wanted) == []

    is_no_drift()
