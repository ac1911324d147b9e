"""Every file that is compiled loads, with every tool and twice, and what the kernel then holds means what we wrote."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from netpolicy.cli import main
from netpolicy.data import folder
from netpolicy.source import Source
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.rules import Ruleset
from tests.kernel.build import Build, told
from tests.kernel.lab import BACKENDS, TABLE_OF, Lab, Namespace

HERE = Path(__file__).parent
EVERYTHING = HERE / "everything.yaml"
CASES = {
    **{
        name: (folder("rules") / "clusters" / f"{name}.yaml", ())
        for name in (
            *("three", "five", "twenty", "five-closed-egress", "micro", "twenty-dual-stack"),
            *("rke2", "rke2-cilium", "cloud-foundry-small"),
        )
    },
    "five, both families": (HERE / "five-dual.yaml", ()),
    "everything": (EVERYTHING, ()),
    "everything, inline": (EVERYTHING, ("--sets=inline",)),
}


def understood(files: dict[str, str]) -> Ruleset:
    """The ruleset of these texts."""
    ruleset, found = read({name: Source(name, text) for name, text in files.items()})
    assert ruleset is not None, told(found)
    return ruleset


def kept(lab: Lab, space: Namespace, backend: str) -> dict[str, str]:
    """What the kernel holds, as the tools of a backend print it."""
    sets = space.run("ipset", "save")
    assert sets.returncode == 0, sets.stderr
    rules = {name: lab.saved(space, f"{table}-{backend}-save") for name, table in TABLE_OF.items()}
    return {**rules, "sets.ipset": sets.stdout}


@pytest.mark.parametrize("case", CASES)
def test_every_class_loads_twice_and_means_the_same(lab: Lab, build: Callable[..., Build], case: str) -> None:
    cluster, options = CASES[case]
    classes = build(cluster, *options).classes
    assert classes
    for number, files in enumerate(classes.values()):
        ours = understood(files)
        space = lab.space(f"class{number}")
        lab.restore(space, "ipset restore", files["sets.ipset"])
        for backend in BACKENDS:
            for name, table in TABLE_OF.items():
                lab.restore(space, f"{table}-{backend}-restore", files[name], "-w", "--test")
        empty = {name: lab.saved(space, f"{table}-nft-save") for name, table in TABLE_OF.items()}
        assert not any("-A" in text for text in empty.values()), "`--test` has left rules"
        for backend in BACKENDS:
            lab.load(space, files, backend)
            lab.load(space, files, backend)
            assert understood(kept(lab, space, backend)) == ours


@pytest.mark.parametrize("case", CASES)
def test_nodes_hold_the_files_of_their_class(build: Callable[..., Build], case: str) -> None:
    cluster, options = CASES[case]
    made = build(cluster, *options)
    assert set(made.nodes) == {node.name for node in made.cluster.nodes}
    assert all(files in made.classes.values() for files in made.nodes.values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_lost_rule_is_noticed_in_what_the_kernel_holds(lab: Lab, build: Callable[..., Build], backend: str) -> None:
    files = next(iter(build(EVERYTHING).classes.values()))
    ours = understood(files)
    lines = files["rules.v4"].splitlines(keepends=True)
    rules = [number for number, line in enumerate(lines) if line.startswith("-A NP-IN") and "-g" not in line]
    fewer = {**files, "rules.v4": "".join(lines[: rules[0]] + lines[rules[0] + 1 :])}
    space = lab.space("one")
    lab.load(space, fewer, backend)
    assert understood(kept(lab, space, backend)) != ours


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_the_kernel_holds_is_proved(lab: Lab, build: Callable[..., Build], backend: str, tmp_path: Path) -> None:
    """The saved rules of a node mean the policy, beside rules of others that decide nothing; one rule more, and not."""
    files = build(EVERYTHING).nodes["web1"]
    space = lab.space("one")
    lab.load(space, files, backend)
    assert space.run(f"iptables-{backend}", "-A", "FORWARD", "-m", "mark", "--mark", "7", "-j", "LOG").returncode == 0
    asked = [
        "verify",
        str(EVERYTHING),
        "--as-of",
        "2026-06-01",
        "--node",
        "web1",
        "--quiet",
        "--against",
        str(tmp_path),
    ]
    for name, text in kept(lab, space, backend).items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert main(asked) == 0
    added = ("-I", "INPUT", "-p", "tcp", "--dport", "8999", "-m", "mark", "--mark", "7", "-j", "ACCEPT")
    assert space.run(f"iptables-{backend}", *added).returncode == 0
    (tmp_path / "rules.v4").write_text(lab.saved(space, f"iptables-{backend}-save"), encoding="utf-8")
    assert main(asked) == 1
