"""Audit documents of any size, made without compiling anything."""

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

LEVELS = ("none", "low", "medium", "high")
SERVICES = (("tcp", 22), ("tcp", 4222), ("tcp", 3306), ("udp", 53), ("tcp", 9022), ("tcp", 443))
OPEN_TO_ALL = ("tcp", 7845)
DAY = "2026-11-27"

Tree = dict[str, Any]


def digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def audit(nodes: int = 20, roles: int = 12, names: Sequence[str] = (), reason: str = "queries") -> Tree:
    """The document of a cluster in which every third pair of roles has flows; `names` are its first roles."""
    named = [*names, *(f"role{number}" for number in range(1, roles + 1 - len(names)))]
    ends = [("outside", "outside"), ("admins", "network"), *((name, "role") for name in named)]
    register = [_statement(number, source, named, reason) for number, source in enumerate(["outside", *named])]
    owned = [name_of(number, named) for number in range(1, nodes + 1)]
    return {
        "format_version": 1,
        "tool": {"name": "netpolicy", "version": "1.2.3"},
        "kind": "audit",
        "inputs": [{"path": "site.yaml", "sha256": digest("site")}, {"path": "site.netpol", "sha256": digest("pol")}],
        "as_of": DAY,
        "revision": {"commit": digest("commit")[:40], "dirty": True},
        "cluster": _cluster(nodes, len(named)),
        "policy": {"name": "site", "description": "what the site allows", "params": {"web_ports": "80, 443"}},
        "generation": digest("generation"),
        "rulesets": [_ruleset(name, nodes // len(named)) for name in named],
        "cloud": [{"name": "aws", "file": "cloud/aws.json", "sha256": digest("aws")}],
        "proof": _proof(nodes, len(named)),
        "roles": [_role(name, kind, nodes // len(named)) for name, kind in ends],
        "matrix": _matrix(named, register),
        "exposed": [_exposed(named[0], register[0]["id"])],
        "register": register,
        "baseline": ["loopback", "established connections"],
        "promises": [_promise("kept"), _promise("broken")],
        "demands": [
            {
                "text": "role1 with role2",
                "message": None,
                "binding": True,
                "because": "x",
                "file": "a.netpol",
                "line": 3,
                "result": "holds",
            }
        ],
        "exceptions": _exceptions(register),
        "hygiene": [_finding("NP501") | {"title": "unused name", "standards": ["PCI DSS 1.2.7"]}],
        "groups": [_group(name, register[0]["id"]) for name in named],
        "surplus": {"needed": "needed.netpol", "flows": [_surplus(register[0]["id"])], "tuples": 12_000, "lacking": []},
        "nodes": _answers(owned, named),
        "since": _since(register[0]["id"]),
        "list_of_nodes": [_node(number, name, named) for number, name in enumerate(owned)],
    }


def name_of(number: int, named: Sequence[str]) -> str:
    return f"{named[number % len(named)]}-{number}"


def _cluster(nodes: int, classes: int) -> Tree:
    families = ["v4", "v6"]
    known = {"name": "site", "nodes": nodes, "classes": classes, "families": families, "egress": "open"}
    return known | {"refuse": "drop", "mbus": "10.5.31.10"}


def _ruleset(name: str, nodes: int) -> Tree:
    files = {f"rules.{family}": digest(family + name) for family in ("v4", "v6")}
    known = {"class": digest(name), "nodes": nodes, "roles": [name], "example": f"{name}-1"}
    return known | {"files": files, "rules": 24}


def _proof(nodes: int, classes: int) -> Tree:
    voices = [("iptables text, read back", "agrees"), ("kernel", "not asked")]
    return {
        "result": "proved",
        "counts": {"nodes": nodes, "classes": classes, "rules": 24 * classes, "interfaces": nodes},
        "voices": [{"name": name, "what": "every packet", "result": result} for name, result in voices],
        "premises": ["the kernel obeys its rules"],
        "not_checked": ["no packet was sent: see `netpolicy rehearse`"],
        "findings": [],
    }


def _role(name: str, kind: str, nodes: int) -> Tree:
    known = {"name": name, "kind": kind, "description": f"what {name} is for", "nodes": nodes if kind == "role" else 0}
    return known | {"members": [f"{name}-{number}" for number in range(1, 4)], "addresses": ["10.5.31.10/32"]}


def _text(protocol: str, first: int) -> str:
    return f"{protocol} {first}"


def _matrix(named: Sequence[str], register: Sequence[Mapping[str, Any]]) -> list[Tree]:
    cells = []
    for row, source in enumerate(["outside", "admins", *named]):
        for column, destination in enumerate(named):
            flows = [OPEN_TO_ALL] if row > 1 else []
            if (row * 7 + column * 5) % 9 == 0:
                flows += SERVICES[: 1 + (row + column) % 4]
            if flows:
                risk = LEVELS[(row + column) % 4 if row else 3]
                found = [_service(*flow, register[row % len(register)]["id"], risk) for flow in flows]
                cells.append({"source": source, "destination": destination, "risk": risk, "services": found})
    return cells


def _service(protocol: str, port: int, statement: str, risk: str) -> Tree:
    witness = {
        "packet": f"10.5.31.101:40000 -> 10.5.31.31:{port} {protocol}",
        "sender": "dea1",
        "receiver": "sql",
        "class": digest("role1"),
        "chain": "NP-IN-0",
        "node": "sql",
        "rule": 12,
        "line": f"-A NP-IN-0 -p {protocol} --dport {port} -j ACCEPT",
        "passes": True,
    }
    known = {"text": _text(protocol, port), "protocol": protocol, "first": port, "last": port, "witness": witness}
    return known | {"statements": [statement], "risk": risk, "reasons": ["many senders +2"]}


def _exposed(destination: str, statement: str) -> Tree:
    known = {"source": "outside", "destination": destination, "service": "tcp 443", "addresses": "all of IPv4"}
    return known | {"nodes": 2, "statements": [statement], "risk": "high", "reasons": ["from anywhere +5"]}


def _statement(number: int, source: str, named: Sequence[str], reason: str) -> Tree:
    protocol, port = SERVICES[number % len(SERVICES)]
    destination = named[(number * 5) % len(named)]
    compiled = {"class": digest(destination), "nodes": 2, "family": "v4", "chain": "NP-IN-0", "rule": number + 1}
    return {
        "id": digest(f"statement {number}")[:8],
        "verb": "allow",
        "from": source,
        "to": destination,
        "service": _text(protocol, port),
        "text": f"{source} -> {destination} : {_text(protocol, port)}",
        "both_ways": False,
        "ports": _text(protocol, port),
        "repeated": [],
        "more_classes": 0,
        "file": "site.netpol",
        "line": 10 + number,
        "owner": None if number % 4 == 3 else f"team{number % 3}",
        "because": None if number % 5 == 4 else reason,
        "sources": ["S1", "S2"],
        "ticket": f"NET-{number}",
        "tags": ["disputed"] if number == 2 else [],
        "log": number == 0,
        "last_change": {"commit": digest("commit")[:12], "date": "2026-05-04", "author": "A. Author"},
        "review": "2027-01-31",
        "expires": "2026-12-31" if number == 1 else None,
        "state": ["no owner"] if number % 4 == 3 else [],
        "risk": LEVELS[3 - number % 4],
        "score": 9 - number % 9,
        "reasons": ["from anywhere +5", "administration port +4"],
        "nodes": {"from": 12, "to": 2},
        "compiled": [compiled | {"text": f"-A NP-IN-0 -p {protocol} --dport {port} -j ACCEPT"}],
        "groups": [{"group": destination, "direction": "in", "rule": "r1", "text": f"{protocol} {port}"}],
        "hits": {"packets": 1200 * number, "bytes": 90_000 * number, "nodes": 2} if number % 2 else None,
        "suppressions": [0] if number == 1 else [],
    }


def _promise(result: str) -> Tree:
    known = {"verb": "never", "text": "outside -> role2 : tcp 3306", "file": "site.netpol", "line": 40}
    shown = "`192.0.2.1` reaches `role2`" if result == "broken" else None
    return known | {"because": "data stays inside", "result": result, "message": shown}


def _exceptions(register: Sequence[Mapping[str, Any]]) -> Tree:
    suppression = {
        "about": "outside -> role1",
        "code": "NP401",
        "until": "2027-06-30",
        "reason": "public by design",
        "place": "site.netpol:11",
    }
    return {
        "suppressions": [suppression | {"state": "used", "hides": [_finding("NP401")]}],
        "expiring": [one["id"] for one in register if one["expires"]],
        "review_due": [],
        "unjustified": [one["id"] for one in register if not one["because"]],
        "no_owner": [one["id"] for one in register if not one["owner"]],
        "left_out": [_left_out()],
        "disputed": [one["id"] for one in register if one["tags"]],
    }


def _left_out() -> Tree:
    known = {"text": "allow role1 -> role2 : tcp 21", "file": "site.netpol", "line": 60, "expires": "2026-01-31"}
    return known | {"owner": "team1", "because": "a migration"}


def _finding(code: str) -> Tree:
    known = {"code": code, "severity": "warning", "message": "`web` is never used", "hint": "remove it", "notes": []}
    return known | {"place": "site.netpol:4"}


def _group(name: str, statement: str) -> Tree:
    rule = {"family": "v4", "direction": "in", "service": "tcp 22", "peer": "outside", "statements": [statement]}
    return {"name": name, "interfaces": 3, "nodes": 3, "rules": [rule]}


def _surplus(statement: str) -> Tree:
    packet = "192.0.2.1:40000 -> 10.5.31.31:22 tcp"
    return {
        "text": "outside -> role1 : tcp 22",
        "nodes": {"from": 0, "to": 2},
        "statements": [statement],
        "witness": packet,
    }


def _answers(owned: Sequence[str], named: Sequence[str]) -> Tree:
    drifted = {owned[0]}
    answered = owned[: len(owned) * 9 // 10]
    return {
        "asked": len(owned),
        "answered": len(answered),
        "as_they_must_be": len(answered) - len(drifted),
        "drifted": len(drifted),
        "another_build": 0,
        "not_reached": list(owned[len(answered) :]),
        "reports": [
            {
                "node": name,
                "state": "drifted" if name in drifted else "as it must be",
                "more_findings": 0,
                "in_force": True,
                "backend": "nft",
                "generation": {"id": digest("generation")[:12], "state": "settled"},
                "expected": digest(named[number % len(named)]),
                "class_matches": name not in drifted,
                "findings": [_finding("NP801")] if name in drifted else [],
                "hits": False,
            }
            for number, name in enumerate(answered)
        ],
        "strangers": [],
        "unreadable": [{"file": "dea9.json", "why": "not JSON"}],
    }


def _since(statement: str) -> Tree:
    end = {"name": "outside", "addresses": ["0.0.0.0/0"]}
    cause = {"side": "new", "id": statement, "text": "allow outside -> role1 : tcp 22", "place": "site.netpol:10:1"}
    change = {"share": "kept", "way": "received", "source": end, "destination": {"name": "role1", "nodes": 2, "of": 2}}
    told = {
        "services": [],
        "text": "outside -> role1 : tcp 22",
        "witness": "192.0.2.1 -> 10.5.31.31",
        "statements": [cause],
    }
    return {
        "revision": "v1.0",
        "summary": "1 flow opened, 0 closed; 1 node touched",
        "opened": [change | told],
        "closed": [],
        "nodes": {"new": [], "gone": [], "touched": [{"name": "role1-1", "rules": True, "addresses": False}]},
        "rules_added": [statement],
        "rules_removed": [{"id": "0badcafe", "text": "allow role2 -> role1 : tcp 21"}],
    }


def _node(number: int, name: str, named: Sequence[str]) -> Tree:
    role = named[(number + 1) % len(named)]
    address = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"
    return {"name": name, "class": digest(role), "roles": [role], "addresses": [address]}


TREE = audit()
"""What most tests look at."""
