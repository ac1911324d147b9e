"""A small cluster, and commands run as processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from netpolicy.cli import main

POLICY = """\
policy small "web servers before a database"

role    web, db
network admins

allow admins -> web : tcp 22
allow web    -> db  : tcp 3306
expect web   -> db  : tcp 3306
require exactly 1 db
"""
CLUSTER = """\
cluster: small
policy: ./policy.netpol
networks: {admins: [198.51.100.0/24]}
nodes:
  web[1-2]:
    roles: [web]
    address: "10.0.0.[1-2]"
  db:
    roles: [db]
    address: 10.0.0.9
"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command answered and printed."""

    status: int
    out: str
    err: str


def place(folder: Path, cluster: str, policy: str) -> None:
    """Writes the two files there."""
    (folder / "cluster.yaml").write_text(cluster, encoding="utf-8")
    (folder / "policy.netpol").write_text(policy, encoding="utf-8")


def spawn(*command: str, env: Mapping[str, str] | None = None) -> Outcome:
    """Runs a program in the current folder; more than a minute is an error."""
    # Output is buffered, as it is for people.
    around = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"} | dict(env or {})
    ended = subprocess.run(command, capture_output=True, check=False, timeout=60, stdin=subprocess.DEVNULL, env=around)
    return Outcome(ended.returncode, ended.stdout.decode("utf-8", "replace"), ended.stderr.decode("utf-8", "replace"))


def netpolicy(*arguments: str, env: Mapping[str, str] | None = None) -> Outcome:
    """Runs `netpolicy` as a process; no command ever shows a traceback."""
    outcome = spawn(sys.executable, "-m", "netpolicy", *arguments, env=env)
    assert "Traceback" not in outcome.out + outcome.err
    return outcome


def called(*arguments: str) -> Outcome:
    """Runs `netpolicy` in this process: what it prints holds no bytes that are no text."""
    out, err = StringIO(), StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        status = main(arguments)
    assert "internal error" not in err.getvalue()
    return Outcome(status, out.getvalue(), err.getvalue())


def contents(folder: Path) -> dict[str, bytes | str]:
    """Every file in it with its bytes, every link with its target, every folder as `/`."""
    found: dict[str, bytes | str] = {}
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = "/" if path.is_dir() else path.read_bytes()
    return found
