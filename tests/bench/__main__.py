"""`make bench`: whole-process CPU, wall and memory of the product's commands, as a Markdown table.

`python -m tests.bench --write` writes it to tests/bench/results.md too. CPU is user and system time of the process and
its children, from the operating system; the table gives the median of the runs.
"""

from __future__ import annotations

import os
import platform
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
RESULTS = Path(__file__).with_name("results.md")
NETPOLICY = Path(sys.executable).with_name("netpolicy")
# The proportions of the 20-node cluster: one core and one load balancer, the rest shared out like this.
SHARES = (
    ("controller", "controller", 1),
    ("router", "router", 2),
    ("files", "filesystem", 1),
    ("sql", "postgresql, mysql", 1),
    ("data", "mongodb, redis, rabbit, memcached", 1),
    ("dea", "dea", 12),
)


@dataclass(frozen=True, slots=True)
class Figures:
    """One run: seconds of CPU and wall, peak MiB, exit status."""

    cpu: float
    wall: float
    memory: float
    status: int


def run(command: list[str]) -> Figures:
    """Runs a command whose output is thrown away."""
    begun = time.monotonic()
    with open(os.devnull, "wb") as nothing:  # noqa: PTH123
        actions = [(os.POSIX_SPAWN_DUP2, nothing.fileno(), 1), (os.POSIX_SPAWN_DUP2, nothing.fileno(), 2)]
        child = os.posix_spawn(command[0], command, dict(os.environ), file_actions=actions)
        _, status, used = os.wait4(child, 0)
    cpu = used.ru_utime + used.ru_stime
    return Figures(cpu, time.monotonic() - begun, used.ru_maxrss / 1024, os.waitstatus_to_exitcode(status))


def cluster(nodes: int) -> str:
    """A cluster file with this many nodes, each written out, in the proportions of the 20-node cluster."""
    lines = ["cluster: bench", "policy: als/seed.netpol", "mbus: 10.0.0.10", "params: {log_streaming: true}"]
    lines += ["networks: {admins: [198.51.100.0/24], nas: [172.16.0.9]}", "nodes:"]
    lines += [*_node("core", "primary, controller, router", 0), *_node("lb", "load_balancer", 1)]
    lines.append("    labels: [public]")
    left, weight = nodes - 2, sum(share for _, _, share in SHARES)
    counts = [left * share // weight for _, _, share in SHARES]
    counts[-1] += left - sum(counts)
    at = 2
    for (name, roles, _), count in zip(SHARES, counts, strict=True):
        for number in range(count):
            lines += _node(f"{name}{number + 1}", roles, at)
            at += 1
    return "\n".join(lines) + "\n"


def _node(name: str, roles: str, at: int) -> list[str]:
    number = 3 * at + 10  # not neighbours, so that sets do not shrink to ranges
    return [f"  {name}:", f"    roles: [{roles}]", f"    address: 10.{number >> 16}.{number >> 8 & 255}.{number & 255}"]


def jobs(scratch: Path) -> Iterator[tuple[str, list[str], int]]:
    """What is measured: its name, the command, the number of runs."""
    twenty = str(ROOT / "rules/clusters/twenty.yaml")
    yield "python -c pass", [sys.executable, "-c", "pass"], 9
    yield "netpolicy --help", [str(NETPOLICY), "--help"], 9
    yield "netpolicy lint twenty.yaml", [str(NETPOLICY), "lint", twenty], 9
    yield "netpolicy compile twenty.yaml", [str(NETPOLICY), "compile", twenty, "-o", str(scratch / "twenty")], 5
    for nodes, runs in ((1000, 5), (5000, 5)):
        path = scratch / f"{nodes}.yaml"
        path.write_text(cluster(nodes), encoding="utf-8")
        yield f"netpolicy lint, {nodes:,} nodes", [str(NETPOLICY), "lint", str(path)], runs
        yield (
            f"netpolicy compile, {nodes:,} nodes",
            [str(NETPOLICY), "compile", str(path), "-o", str(scratch / f"b{nodes}")],
            runs,
        )


def rules_a_node(scratch: Path) -> list[str]:
    """The most rules on a node (IPv4 and IPv6), by the size of the cluster."""
    lines = ["", "| cluster | most rules on a node, IPv4 | IPv6 |", "|---|---|---|"]
    for name in ("twenty", "b1000", "b5000"):
        most = [
            max(
                path.read_text(encoding="utf-8").count("\n-A ")
                for path in (scratch / name / "classes").glob(f"*/rules.{family}")
            )
            for family in ("v4", "v6")
        ]
        lines.append(f"| {name.replace('b', '')} | {most[0]} | {most[1]} |")
    return lines


def main() -> int:
    """Prints the table; an unexpected exit status ends it."""
    system = f"{platform.system()} {platform.release()}, {platform.machine()}"
    where = f"{system}, {os.cpu_count()} cores, Python {platform.python_version()}"
    lines = [
        "# Figures",
        "",
        "`make bench`, medians; whole processes; nothing is asserted.",
        "",
        f"Machine: {where}; load average {os.getloadavg()[0]:.1f} at the start.",
        "",
    ]
    lines += ["| command | CPU s | wall s | peak MiB | runs |", "|---|---|---|---|---|"]
    with tempfile.TemporaryDirectory() as folder:
        scratch = Path(folder)
        for name, command, runs in jobs(scratch):
            run(command)
            figures = [run(command) for _ in range(runs)]
            if any(one.status for one in figures):
                print(f"`{name}` failed", file=sys.stderr)
                return 1
            cpu, wall, memory = (
                statistics.median(getattr(one, key) for one in figures) for key in ("cpu", "wall", "memory")
            )
            lines.append(f"| `{name}` | {cpu:.3f} | {wall:.3f} | {memory:.0f} | {runs} |")
            print(lines[-1], file=sys.stderr)
        lines += rules_a_node(scratch)
    print("\n".join(lines))
    if "--write" in sys.argv:
        RESULTS.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
