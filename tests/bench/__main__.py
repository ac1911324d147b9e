"""`make bench`: whole-process CPU, wall and memory of the product's commands, as Markdown tables and a picture.

`python -m tests.bench --write` writes results.md and growth.svg here, too. CPU is user and system time of the process
and its children, from the operating system; a table gives the median of the runs. `--runs N` runs a job N times at
most.
"""

from __future__ import annotations

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path

from netpolicy.cli.rehearse import BACKENDS
from tests.bench import aerleon, growth, on_node
from tests.bench.clusters import DISTINCT_POLICY, cluster, distinct
from tests.bench.measure import FailedError, Figures, median

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.md")
PICTURE = Path(__file__).with_name("growth.svg")
NETPOLICY = str(Path(sys.executable).with_name("netpolicy"))
LARGE = ((20, 5), (200, 5), (1000, 5), (5000, 5), (50000, 3))
"""Nodes of a cluster, and the runs."""

BESIDE = (20, 200, 1000)
"""Nodes of the clusters that Aerleon compiles, too."""


class Bench:
    """The jobs of one run of the bench, and the lines that tell of them."""

    def __init__(self, scratch: Path, most_runs: int) -> None:
        self.scratch = scratch
        self.most_runs = most_runs
        self.lines: list[str] = []
        self.series: growth.Series = {"netpolicy lint": [], "netpolicy compile": []}
        self.compiled: dict[int, Figures] = {}

    def tell(self, *lines: str) -> None:
        self.lines += lines
        print(*lines, sep="\n", file=sys.stderr)

    def job(self, name: str, command: list[str], runs: int, fine: tuple[int, ...] = (0,)) -> Figures:
        figures = median(command, min(runs, self.most_runs), fine)
        self.tell(f"| `{name}` {_columns(figures)} {figures.runs} |")
        return figures

    def commands(self) -> None:
        """Every command on the 20-node cluster, and lint and compile as clusters grow."""
        self.tell("A compile includes its proof; of many nodes it writes many files, and disks differ.")
        self.tell("", "| command | CPU s | wall s | peak MiB | runs |", "|---|---|---|---|---|")
        self.job("python -c pass", [sys.executable, "-c", "pass"], 9)
        self.job("netpolicy --help", [NETPOLICY, "--help"], 9)
        twenty = str(ROOT / "rules/clusters/twenty.yaml")
        self.job("netpolicy lint twenty.yaml", [NETPOLICY, "lint", twenty], 9)
        self.job("netpolicy compile twenty.yaml", [NETPOLICY, "compile", twenty, "-o", str(self.scratch / "twenty")], 5)
        for nodes, runs in LARGE:
            path = self.scratch / f"{nodes}.yaml"
            path.write_text(cluster(nodes), encoding="utf-8")
            for command in ("lint", "compile"):
                figures = self.one(command, path, f"{nodes:,} nodes", runs)
                self.series[f"netpolicy {command}"].append((nodes, figures.cpu, figures.memory))
                if command == "compile":
                    self.compiled[nodes] = figures
        path = self.scratch / "distinct.yaml"
        path.write_text(distinct(1000), encoding="utf-8")
        (self.scratch / DISTINCT_POLICY.name).write_bytes(DISTINCT_POLICY.read_bytes())
        for command in ("lint", "compile"):
            self.one(command, path, "1,000 nodes in 1,000 classes", 5)

    def one(self, command: str, path: Path, what: str, runs: int) -> Figures:
        output = ["-o", str(self.scratch / f"b{path.stem}")] if command == "compile" else []
        return self.job(f"netpolicy {command}, {what}", [NETPOLICY, command, str(path), *output], runs)

    def rehearsals(self) -> None:
        """Real packets, with one backend: the 20-node cluster, and 100 nodes."""
        self.tell("", "## Rehearsal", "")
        if not on_node.possible():
            self.tell("These figures need root: namespaces are made. They were not taken.")
            return
        self.tell("| command | CPU s | wall s | peak MiB | runs |", "|---|---|---|---|---|")
        hundred = self.scratch / "hundred.yaml"
        hundred.write_text(cluster(100), encoding="utf-8")
        for path, runs in ((ROOT / "rules/clusters/twenty.yaml", 5), (hundred, 3)):
            for backend in BACKENDS:
                command = [NETPOLICY, "rehearse", str(path), "--backend", backend, "--quiet"]
                self.job(f"netpolicy rehearse, {path.stem}, {backend}", command, runs)

    def questions(self) -> None:
        """What else is asked of a policy: of the 20-node cluster, and of 5,000 nodes."""
        self.tell("", "## Questions", "", "| command | CPU s | wall s | peak MiB | runs |", "|---|---|---|---|---|")
        more = self.scratch / "5001.yaml"
        more.write_text(cluster(5001), encoding="utf-8")
        flow = "dea1 -> core : tcp 4222"
        for name, path, runs in (
            ("twenty.yaml", ROOT / "rules/clusters/twenty.yaml", 5),
            ("5,000 nodes", self.scratch / "5000.yaml", 3),
        ):
            self.job(f"netpolicy verify, {name}", [NETPOLICY, "verify", str(path)], runs)
            self.job(f"netpolicy verify --coverage, {name}", [NETPOLICY, "verify", str(path), "--coverage"], runs)
            self.job(f"netpolicy why, {name}", [NETPOLICY, "why", str(path), flow], runs, (0, 1))
            self.job(f"netpolicy matrix, {name}", [NETPOLICY, "matrix", str(path)], runs)
            self.job(f"netpolicy diff, {name}, itself", [NETPOLICY, "diff", str(path), str(path)], runs)
            strict = [NETPOLICY, "lint", str(path), "--profile", "production", "--quiet"]
            self.job(f"netpolicy lint --profile production, {name}", strict, runs, (0, 1))
            page = ["--format", "html", "--output", str(self.scratch / f"{path.stem}.html")]
            self.job(f"netpolicy audit --format html, {name}", [NETPOLICY, "audit", str(path), *page], runs)
        small = str(self.scratch / "5000.yaml")
        self.job("netpolicy diff, 5,000 nodes, one node more", [NETPOLICY, "diff", small, str(more)], 3, (1,))

    def engine(self) -> None:
        """What is shadowed in lists of rules, beside other engines."""
        self.tell("", "## Shadowed rules", "")
        command = [sys.executable, "-m", "tests.bench.engine", "--runs", str(self.runs(3))]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
        self.tell(*ended.stdout.splitlines())
        if ended.returncode:
            raise FailedError(" ".join(command))

    def growth(self) -> None:
        """Time and memory of a compile as the nodes grow: ten times the nodes, how many times the cost."""
        self.tell("", "## Growth", "", "| compile, nodes | CPU ms a node | KiB a node | CPU, against the row above |")
        self.tell("|---|---|---|---|")
        before: tuple[int, Figures] | None = None
        for nodes, _ in LARGE:
            now = self.compiled[nodes]
            times = f"{nodes / before[0]:g} x nodes: {now.cpu / before[1].cpu:.1f} x CPU" if before else ""
            self.tell(f"| {nodes:,} | {now.cpu / nodes * 1000:.2f} | {now.memory * 1024 / nodes:.1f} | {times} |")
            before = (nodes, now)

    def rules(self) -> None:
        """The most rules on a node (IPv4 and IPv6), by the size of the cluster."""
        self.tell("", "## Rules", "", "| cluster | most rules on a node, IPv4 | IPv6 |", "|---|---|---|")
        for name in ("twenty", *(f"b{nodes}" for nodes, _ in LARGE), "bdistinct"):
            v4, v6 = (self.most(name, family) for family in ("v4", "v6"))
            self.tell(f"| {name.removeprefix('b')} | {v4} | {v6} |")

    def most(self, build: str, family: str) -> int:
        files = (self.scratch / build / "classes").glob(f"*/rules.{family}")
        return max(path.read_text(encoding="utf-8").count("\n-A ") for path in files)

    def on_node(self) -> None:
        """An apply, one that has nothing to do, and a drift, on the core of two clusters."""
        self.tell("", "## On a node", "")
        if not on_node.possible():
            self.tell("These figures need root: rules are loaded in namespaces. They were not taken.")
            return
        self.tell("| command | CPU s | wall s | peak MiB | runs |", "|---|---|---|---|---|")
        twenty = (ROOT / "rules/clusters/twenty.yaml").read_text(encoding="utf-8")
        texts = {"twenty": twenty, "10,000 nodes": cluster(10_000)}
        pairs = [on_node.compiled(NETPOLICY, name, text, self.scratch) for name, text in texts.items()]
        for name, figures in on_node.measured(Path(NETPOLICY).parent, pairs, self.runs(9)):
            self.tell(f"| `{name}` {_columns(figures)} {figures.runs} |")

    def beside(self) -> None:
        """The same port table for the same nodes, compiled by Aerleon."""
        self.tell("", "## Beside Aerleon", "")
        program = aerleon.install(ROOT / "build" / "aerleon")
        if program is None:
            self.tell("Aerleon could not be installed from the package index, so it was not run.")
            return
        self.tell(
            f"Aerleon {aerleon.VERSION}, target `speedway`, IPv4, its input written from the same cluster file. "
            "netpolicy writes both families and judges its promises.",
            f"`*` is an estimate: {aerleon.SAMPLE} of the files were compiled, "
            "and the CPU time beyond the program's start is scaled to all.",
            "",
            "| tool | mode | nodes | CPU s | wall s | peak MiB | most rules on a node, IPv4 |",
            "|---|---|---|---|---|---|---|",
        )
        for nodes in BESIDE:
            columns, rules = _columns(self.compiled[nodes]), self.most(f"b{nodes}", "v4")
            self.tell(f"| netpolicy | a class of nodes | {nodes:,} {columns} {rules} |")
            ways = aerleon.compiled(program, self.scratch / f"{nodes}.yaml", self.scratch / f"a{nodes}", self.runs(3))
            for one in ways:
                self.other(one)

    def runs(self, wanted: int) -> int:
        return min(wanted, self.most_runs)

    def other(self, one: aerleon.Compiled) -> None:
        star = "*" if one.of > one.files else ""
        mode = f"{one.mode}, {one.files} of {one.of:,} files" if star else f"{one.mode}, {one.files} files"
        self.tell(f"| Aerleon | {mode} | {one.nodes:,} {_columns(one.figures)} {one.rules} |")
        if star:
            self.tell(f"| Aerleon | {one.mode}, all {one.of:,} files{star} | {one.nodes:,} | {one.whole:.1f} | | | |")
        name = f"Aerleon, {one.mode}" + (" *" if one.mode.endswith("node") else "")
        self.series.setdefault(name, []).append((one.nodes, one.whole, one.figures.memory))


def _columns(figures: Figures) -> str:
    return f"| {figures.cpu:.3f} | {figures.wall:.3f} | {figures.memory:.0f} |"


def main() -> int:
    """Prints the tables; a command that fails ends it."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write results.md and growth.svg")
    parser.add_argument("--runs", type=int, default=9, metavar="N", help="runs of a job at most (default 9)")
    options = parser.parse_args()
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    where = f"{system}, {os.cpu_count()} cores, Python {platform.python_version()}"
    load = f"{os.getloadavg()[0]:.1f}"
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(Path(folder), options.runs)
        try:
            bench.commands()
            bench.questions()
            bench.rehearsals()
            bench.engine()
            bench.growth()
            bench.rules()
            bench.on_node()
            bench.beside()
        except FailedError as failure:
            print(f"`{failure}` failed", file=sys.stderr)
            return 1
    loads = f"load average {load} at the start, {os.getloadavg()[0]:.1f} at the end"
    head = ["# Figures", "", "`make bench`, medians; whole processes; nothing is asserted.", ""]
    head += [f"Machine: {where}; {loads}.", "", "![Time and memory by nodes](growth.svg)", ""]
    print("\n".join([*head, *bench.lines]))
    if options.write:
        RESULTS.write_text("\n".join([*head, *bench.lines]) + "\n", encoding="utf-8")
        growth.draw(bench.series, PICTURE)
    return 0


if __name__ == "__main__":
    sys.exit(main())
