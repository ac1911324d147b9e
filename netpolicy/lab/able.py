"""Whether this machine can hold a rehearsal: the privilege to make namespaces, and the programs that nodes need."""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import closing
from itertools import product

from netpolicy.diagnostic import Diagnostic, error
from netpolicy.lab.space import SpaceError, inside, make
from netpolicy.node.backend import Backend
from netpolicy.node.host import Host
from netpolicy.packet.family import FAMILIES

_HINT = "run it as root, or as root of namespaces of your own: `unshare --user --map-root-user --net netpolicy …`"
_PACKAGES = {"ip": "iproute2", "ipset": "ipset"}


def unable(backends: Sequence[Backend], host: Host | None = None) -> list[Diagnostic]:
    """All that is missing here; empty where a rehearsal with these backends can be held."""
    host = host or Host()
    tools = [one.tool(family, verb) for one, family, verb in product(backends, FAMILIES, ("restore", "save"))]
    missing = [tool for tool in ("ip", "ipset", *tools) if not host.has(tool)]
    packages = list(dict.fromkeys(_PACKAGES.get(tool, "iptables") for tool in missing))
    found = []
    if missing:
        named = ", ".join(f"`{tool}`" for tool in missing)
        hint = (
            f"install {'it' if len(missing) == 1 else 'them'}, for example with `apt-get install {' '.join(packages)}`"
        )
        found.append(error("NP324", f"a rehearsal needs {named}, which this machine does not have", hint=hint))
    try:
        with closing(make("trial")) as space, inside(space):
            socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW).close()
    except SpaceError as failure:
        found.append(error("NP324", str(failure), hint=_HINT))
    except OSError as failure:
        why = (failure.strerror or "no reason given").lower()
        found.append(error("NP324", f"a network namespace cannot be furnished: {why}", hint=_HINT))
    return found
