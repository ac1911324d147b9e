"""`netpolicy apply-rules` as an operator runs it: a process of its own, in the namespace of the node."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from tests.kernel.build import Build
from tests.kernel.faults import Tools
from tests.kernel.lab import Lab, Namespace

NODE = "core"
ADDRESSES = ("10.50.0.1/24", "2001:db8:50::1/64")


def addressed(space: Namespace, *addresses: str) -> None:
    """The namespace holds these addresses, or those of the node, on an interface that leads nowhere."""
    space.ip("link add eth0 type veth peer name far", "link set eth0 up", "link set far up")
    for address in addresses or ADDRESSES:
        space.ip(f"address add {address} dev eth0" + (" nodad" if ":" in address else ""))


def state_of(lab: Lab, space: Namespace) -> Path:
    """The state folder of a node, which goes with the lab."""
    folder = Path(lab.folder.name, f"{space.name}-state")
    folder.mkdir(exist_ok=True)
    return folder


def apply_rules(
    lab: Lab,
    space: Namespace,
    build: Build,
    node: str,
    *options: str,
    before: Sequence[str] = (),
    tools: Tools | None = None,
) -> subprocess.CompletedProcess[str]:
    """What `apply-rules apply` said of it; `before` are words to put before the command."""
    path = ("env", f"PATH={tools.path}") if tools else ()
    return asked_of(
        lab, space, "apply", "--build", str(build.folder), "--node", node, *options, before=(*before, *path)
    )


def asked_of(lab: Lab, space: Namespace, *words: str, before: Sequence[str] = ()) -> subprocess.CompletedProcess[str]:
    """What `apply-rules` said, asked with these words."""
    program = (sys.executable, "-m", "netpolicy", "apply-rules")
    done = space.run(*before, *program, *words, "--state", str(state_of(lab, space)), lock=lab.lock)
    assert "Traceback" not in done.stderr, done.stderr
    assert "internal error" not in done.stderr, done.stderr
    return done


def applied(lab: Lab, space: Namespace, build: Build, node: str, backend: str) -> None:
    """The rules of the node are in force, by `apply-rules`."""
    done = apply_rules(lab, space, build, node, "--backend", f"iptables-{backend}")
    assert done.returncode == 0, f"apply-rules ended with {done.returncode}: {done.stderr}"
