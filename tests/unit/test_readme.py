"""What README.md shows is what the commands print."""

import re
from pathlib import Path

import pytest

from netpolicy.cli import main

README = Path(__file__).parents[2] / "README.md"
PROOF = README.with_name("docs") / "proof.md"


def blocks() -> list[str]:
    """The fenced blocks, in order."""
    return re.findall(r"^```\w*\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


def test_the_example_of_the_readme(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    _, policy, cluster, shown, asked, quarantined, *_ = blocks()  # the others are tried in namespaces
    monkeypatch.chdir(tmp_path)
    Path("example.netpol").write_text(policy, encoding="utf-8")
    Path("cluster.yaml").write_text(cluster, encoding="utf-8")
    day = ["--as-of", "2026-06-01"]
    assert main(["fmt", "--check", "example.netpol", "--quiet"]) == 0
    capsys.readouterr()
    assert main(["compile", "cluster.yaml", "-o", "build/", *day]) == 0
    compiled = capsys.readouterr().out
    assert main(["matrix", "cluster.yaml", *day]) == 0
    matrix = capsys.readouterr().out
    rules = Path("build/nodes/sql/rules.v4").read_text(encoding="utf-8").splitlines(keepends=True)
    found = "".join(line for line in rules if "3306" in line)
    told = f"$ netpolicy compile cluster.yaml -o build/\n{compiled}\n$ netpolicy matrix cluster.yaml\n{matrix}"
    assert shown == f"{told}\n$ grep 3306 build/nodes/sql/rules.v4\n{found}"

    assert main(["verify", "cluster.yaml", *day]) == 0
    proved = capsys.readouterr().out
    assert f"```\n$ netpolicy verify cluster.yaml\n{proved}```" in PROOF.read_text(encoding="utf-8")

    question = "admins -> sql : tcp 3306"
    assert main(["why", "cluster.yaml", question, *day]) == 1
    why = capsys.readouterr().out
    Path("new.netpol").write_text(re.sub(": web$", ": web, tcp 8080", policy, flags=re.MULTILINE), encoding="utf-8")
    assert main(["diff", "example.netpol", "new.netpol", "--cluster", "cluster.yaml", *day]) == 1
    changed = "$ sed 's/: web$/: web, tcp 8080/' example.netpol > new.netpol\n"
    changed += f"$ netpolicy diff example.netpol new.netpol --cluster cluster.yaml\n{capsys.readouterr().out}"
    assert asked == f"$ netpolicy why cluster.yaml '{question}'\n{why}\n{changed}"

    command, _, printed = quarantined.partition("\n$ netpolicy lint cluster.yaml\n")
    added = re.fullmatch(r"\$ echo '(.*)' >> example.netpol", command)
    assert added is not None
    with Path("example.netpol").open("a", encoding="utf-8") as file:
        file.write(added[1] + "\n")
    assert main(["lint", "cluster.yaml", *day]) == 1
    outcome = capsys.readouterr()
    assert printed == outcome.err + outcome.out
