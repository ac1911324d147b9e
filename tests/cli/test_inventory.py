"""Every command that takes a cluster file takes the output of `ansible-inventory --list`."""

import json
from pathlib import Path
from typing import Any

import pytest

from netpolicy.data import folder
from tests.cli.conftest import Run
from tests.cli.running import CLUSTER, netpolicy

INVENTORY = Path(__file__).parents[1] / "inventories" / "twenty.json"
TWENTY = folder("rules") / "clusters" / "twenty.yaml"
SMALL: dict[str, dict[str, Any]] = {
    "web1": {"netpolicy_roles": ["web"], "netpolicy_address": "10.0.0.1"},
    "web2": {"netpolicy_roles": ["web"], "netpolicy_address": "10.0.0.2"},
    "db": {
        "netpolicy_cluster": "small",
        "netpolicy_policy": "./policy.netpol",
        "netpolicy_networks": {"admins": ["198.51.100.0/24"]},
        "netpolicy_roles": ["db"],
        "netpolicy_interfaces": ["eth0"],
        "ansible_host": "10.0.0.9",
    },
}


def written(hosts: dict[str, dict[str, Any]]) -> str:
    return json.dumps({"_meta": {"hostvars": hosts}, "all": {"children": ["ungrouped"]}}, indent=4)


def generation(build: Path) -> str:
    return str(json.loads((build / "manifest.json").read_text(encoding="utf-8"))["generation"])


def test_an_inventory_and_a_cluster_file_give_the_same_build(run: Run, world: Path) -> None:
    """Every file that a node loads is the same; `make.sh` beside the inventory writes it anew."""
    for name, cluster in (("native", TWENTY), ("ansible", INVENTORY)):
        outcome = run("compile", str(cluster), "-o", name, "--as-of", "2026-06-01")
        assert (outcome.status, "error[" in outcome.err) == (0, False)
    native, ansible = world / "native", world / "ansible"
    assert generation(native) == generation(ansible)
    assert {path.relative_to(native) for path in native.rglob("*")} == {
        path.relative_to(ansible) for path in ansible.rglob("*")
    }


@pytest.mark.parametrize("command", ["matrix --by role", "matrix --by node --format csv", "lint"])
def test_commands_answer_the_same(command: str, run: Run, world: Path) -> None:
    """The policy stands beside the inventory as it does beside a cluster file."""
    native = run(*command.split(), "cluster.yaml")
    (world / "cluster.yaml").write_text(written(SMALL), encoding="utf-8")
    ansible = run(*command.split(), "cluster.yaml")
    assert native.status == 0
    assert ansible == native
    assert (world / "cluster.yaml").read_text(encoding="utf-8") != CLUSTER


def test_what_is_wrong_is_shown_where_it_stands(run: Run, world: Path) -> None:
    hosts = {**SMALL, "web1": {"netpolicy_roles": ["wbe"], "netpolicy_address": "10.0.0.1"}, "watch": {"a": 1}}
    (world / "inventory.json").write_text(written(hosts), encoding="utf-8")
    outcome = run("compile", "inventory.json", "-o", "build")
    assert (outcome.status, outcome.out) == (1, "")
    assert "error[NP112]: unknown role `wbe`\n  --> inventory.json:6:21\n" in outcome.err
    assert ' 6 |                     "wbe"\n   |                     ^^^^^\n' in outcome.err
    assert "error[NP221]: host `watch` has no `netpolicy_roles`\n   --> inventory.json:" in outcome.err
    assert outcome.err.endswith("inventory.json: 2 errors; nothing was written\n")
    assert not (world / "build").exists()


def test_a_large_inventory_is_read_in_one_go(world: Path) -> None:
    """Many hosts, each with the variables of its groups: as a process, which a minute ends."""
    whole = {key: value for key, value in SMALL["db"].items() if key not in ("netpolicy_roles", "ansible_host")}
    facts = {f"ansible_fact_{number}": {"a": ["b"] * 20} for number in range(20)}
    hosts: dict[str, dict[str, Any]] = {
        f"web{number}": {
            **whole,
            "netpolicy_roles": ["web"],
            "ansible_host": f"10.1.{number // 250}.{number % 250}",
            **facts,
        }
        for number in range(1500)
    }
    (world / "cluster.yaml").write_text(written(hosts | {"db": SMALL["db"]}), encoding="utf-8")
    outcome = netpolicy("lint", "cluster.yaml")
    assert (outcome.status, outcome.err) == (0, "")
    assert "1,501 nodes in 2 classes" in outcome.out
