"""What an apply costs on a node: in network namespaces that are made here, with both backends."""

from __future__ import annotations

import os
import re
import statistics
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.measure import Figures, run
from tests.kernel.lab import BACKENDS, Lab, Namespace, inside

CORE = "core"


@dataclass(frozen=True, slots=True)
class Job:
    """Commands that are run in turn; `figures` are the medians of all runs."""

    name: str
    commands: tuple[tuple[str, ...], ...]
    runs: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two builds of a cluster whose core node has that address; one port of the core differs."""

    name: str
    address: str
    old: Path
    new: Path


def possible() -> bool:
    """True for root: namespaces are made and rules are loaded in them."""
    return os.geteuid() == 0


def measured(programs: Path, builds: Iterable[Pair], runs: int) -> Iterator[tuple[str, Figures]]:
    """The figures of each job, with each pair of builds and each backend."""
    with Lab() as lab:
        os.environ["XTABLES_LOCKFILE"] = lab.lock
        for backend in BACKENDS:
            for pair in builds:
                space = lab.space(f"{backend}{len(lab.spaces)}")
                space.ip("link add eth0 type veth peer name far", "link set eth0 up", "link set far up")
                space.ip(f"address add {pair.address}/8 dev eth0")
                state = Path(lab.folder.name, space.name)
                for job in _jobs(programs, pair, f"iptables-{backend}", state, runs):
                    yield job.name, _median(space, job)


def _jobs(programs: Path, pair: Pair, backend: str, state: Path, runs: int) -> Iterator[Job]:
    options = ("--node", CORE, "--backend", backend, "--state", str(state), "--quiet")
    old, new = (
        (str(programs / "apply-rules"), "apply", "--build", str(build), *options) for build in (pair.old, pair.new)
    )
    yield Job(f"apply-rules apply, {pair.name}, {backend}, a port changed", (new, old), runs)
    yield Job(f"apply-rules apply, {pair.name}, {backend}, nothing to do", (old,), runs)
    check = (str(programs / "netpolicy"), "drift", "--build", str(pair.old), "--node", CORE, "--backend", backend, "-q")
    yield Job(f"netpolicy drift, {pair.name}, {backend}", (check,), runs)


def _median(space: Namespace, job: Job) -> Figures:
    found: list[Figures] = []
    with inside(space):
        for command in job.commands:
            run(list(command))
        for number in range(job.runs):
            found.append(run(list(job.commands[number % len(job.commands)])))
    cpu, wall, memory = (statistics.median(getattr(one, key) for one in found) for key in ("cpu", "wall", "memory"))
    return Figures(cpu, wall, memory, len(found))


def compiled(program: str, name: str, text: str, folder: Path) -> Pair:
    """The builds of a cluster file that streams logs: as it is, and without them."""
    builds = []
    for streams in ("true", "false"):
        cluster = folder / f"{name}-{streams}.yaml"
        cluster.write_text(text.replace("log_streaming: true", f"log_streaming: {streams}"), encoding="utf-8")
        builds.append(folder / cluster.stem)
        command = (program, "compile", str(cluster), "-o", str(builds[-1]), "--cloud", "none")
        subprocess.run(command, check=True, capture_output=True)
    address = re.search(r"^mbus: (\S+)$|mbus: (\S+)", text, re.MULTILINE)
    assert address is not None
    return Pair(name, address[1] or address[2], *builds)
