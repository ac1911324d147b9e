"""What docs/ansible.md shows is true: its files are those of an inventory here, its commands print what it says."""

import re
import shutil
from pathlib import Path

import pytest

from netpolicy.cli import main
from netpolicy.policy.inventory import CLUSTER_VARIABLES, VARIABLES

PAGE = Path(__file__).parents[2] / "docs" / "ansible.md"
INVENTORIES = Path(__file__).parents[1] / "inventories"
TEXT = PAGE.read_text(encoding="utf-8")


def test_the_example_of_the_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Ansible made small.json from the files that the page shows."""
    small = INVENTORIES / "small"
    *files, shown = re.findall(r"^```\w*\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
    names = ("hosts.ini", "group_vars/all.yml", "policy.netpol")
    assert files == [(small / name).read_text(encoding="utf-8") for name in names]
    monkeypatch.chdir(tmp_path)
    shutil.copy(INVENTORIES / "small.json", "cluster.json")
    shutil.copy(small / "policy.netpol", "policy.netpol")
    printed = "$ ansible-inventory -i hosts.ini --list > cluster.json\n"
    for command, blank in (("lint", "\n"), ("matrix", "")):
        assert main([command, "cluster.json", "--as-of", "2026-06-01"]) == 0
        printed += f"$ netpolicy {command} cluster.json\n{capsys.readouterr().out}{blank}"
    assert shown == printed


def test_the_page_lists_every_variable() -> None:
    """No other ones, and those of the cluster in a table of their own."""
    of_hosts, of_clusters = (
        set(re.findall(r"netpolicy_\w+", table)) for table in re.findall(r"(?:^\|.*\n)+", TEXT, re.M)[:2]
    )
    assert of_clusters == set(CLUSTER_VARIABLES)
    assert of_hosts == set(VARIABLES) - of_clusters


def test_the_page_links_to_what_exists() -> None:
    links = re.findall(r"\]\(([^)]+)\)", TEXT)
    assert len(links) == 5
    assert all((PAGE.parent / link).is_file() for link in links)
