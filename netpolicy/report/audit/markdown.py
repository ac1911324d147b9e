"""The audit as Markdown: what a reader of ten minutes needs, what asks most to be looked at first."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from netpolicy.report.audit.sections import MOST_ROWS, names, table
from netpolicy.report.counts import many
from netpolicy.report.gfm import escaped
from netpolicy.report.table import lines
from netpolicy.verify.reachability import Row

Tree = Mapping[str, Any]


def as_markdown(tree: Tree) -> str:
    """Head, what is exposed, matrix, rules, what departs from them, then nodes, changes and proof."""
    sections: tuple[Callable[[Tree], Iterable[str]], ...] = (
        *(_head, _exposed, _matrix, _register, _promises, _exceptions),
        *(_hygiene, _surplus, _nodes, _since, _proof, _digests),
    )
    text = "\n".join(line for section in sections for line in section(tree))
    return re.sub(r"\n{3,}", "\n\n", text).rstrip("\n") + "\n"


def _head(tree: Tree) -> Iterator[str]:
    cluster, policy, proof = tree["cluster"], tree["policy"], tree["proof"]
    yield from (f"# Audit of {escaped(cluster['name'])}", "")
    size = f"{many(cluster['nodes'], 'node')} in {many(cluster['classes'], 'class', 'classes')}"
    about = f": {escaped(policy['description'])}" if policy["description"] else ""
    verdict = "Proved" if proof["result"] == "proved" else "NOT proved"
    yield f"- **{verdict}**: {size}, {many(proof['counts']['rules'], 'iptables rule')} read back"
    yield f"- Policy {escaped(policy['name'])}{about}"
    refused = "dropped" if cluster["refuse"] == "drop" else "rejected"
    yield f"- As of {tree['as_of']}; egress is {cluster['egress']}; what is not allowed is {refused}"
    if tree["revision"] is not None:
        changed = " with changes that are not committed" if tree["revision"]["dirty"] else ""
        yield f"- Revision `{tree['revision']['commit']}`{changed}"
    yield f"- Generation `{tree['generation']}`, made by {tree['tool']['name']} {tree['tool']['version']}"
    yield ""
    yield from (f"- {words}" for words in _counts(tree))
    yield ""


def _counts(tree: Tree) -> Iterator[str]:
    """What a reader should know first, as far as there is any."""
    register, exceptions, nodes, surplus = (tree[key] for key in ("register", "exceptions", "nodes", "surplus"))
    broken = sum(one["result"] == "broken" for one in tree["promises"])
    failing = sum(one["result"] != "holds" for one in tree["demands"])
    high = sum(one["risk"] == "high" for one in register)
    found = [
        (broken, f"{many(broken, 'promise')} of {len(tree['promises']):,} **broken**"),
        (failing, f"{many(failing, 'demand')} on the cluster of {len(tree['demands']):,} not met"),
        (len(tree["exposed"]), f"{many(len(tree['exposed']), 'service')} open to somebody outside"),
        (high, f"{many(high, 'rule')} of {len(register):,} with a high risk"),
        *_of_rules(exceptions),
        (len(exceptions["suppressions"]), f"{many(len(exceptions['suppressions']), 'suppression')} of findings"),
    ]
    if surplus is not None:
        flows = many(len(surplus["flows"]), "flow")
        found.append((len(surplus["flows"]), f"{flows} beyond what {escaped(surplus['needed'])} needs"))
    if nodes is not None:
        for count, words in (
            (nodes["drifted"], "**drifted**"),
            (nodes["another_build"], "with **another build**"),
            (len(nodes["not_reached"]), "**not reached**"),
        ):
            found.append((count, f"{many(count, 'node')} of {nodes['asked']:,} {words}"))
    yield from (words for count, words in found if count)


def _of_rules(exceptions: Tree) -> Iterator[tuple[int, str]]:
    for key, words in (
        ("unjustified", "without a reason"),
        ("no_owner", "without an owner"),
        ("disputed", "with a doubtful source"),
        ("review_due", "due for review"),
    ):
        yield len(exceptions[key]), f"{many(len(exceptions[key]), 'rule')} {words}"


def _exposed(tree: Tree) -> Iterator[str]:
    yield from ("## Open to the outside", "")
    rows = [
        (
            one["risk"],
            one["source"],
            one["destination"],
            one["service"],
            one["addresses"],
            one["nodes"],
            one["reasons"],
            one["statements"],
        )
        for one in tree["exposed"]
    ]
    head = ("risk", "from", "to", "service", "addresses", "nodes", "why", "rules")
    yield from table(head, rows) if rows else ("Nothing is open to anybody who is no node.", "")


def _matrix(tree: Tree) -> Iterator[str]:
    yield from ("## Who may reach what", "")
    rows = [
        Row(cell["source"], cell["destination"], one["protocol"], one["first"], one["last"], ())
        for cell in tree["matrix"]
        for one in cell["services"]
    ]
    yield from table(("from", "to", "service"), lines(rows, _possible(tree), "role"))
    asked = [one["witness"] for cell in tree["matrix"] for one in cell["services"]]
    passed = sum(one is not None and one["passes"] for one in asked)
    yield f"Of {many(len(asked), 'service')} between two roles a packet was put to the rules: {passed:,} passed."
    yield from ("", "Always open: " + "; ".join(escaped(one) for one in tree["baseline"]) + ".", "")


def _possible(tree: Tree) -> frozenset[tuple[str, str]]:
    """Pairs of roles that two different nodes hold in one family."""
    held: dict[tuple[bool, str], set[str]] = {}
    for node in tree["list_of_nodes"]:
        for is_v6 in {":" in address for address in node["addresses"]}:
            for role in node["roles"] or ("(no role)",):
                held.setdefault((is_v6, role), set()).add(node["name"])
    return frozenset((a, b) for f, a in held for g, b in held if f is g and len(held[f, a] | held[g, b]) > 1)


def _register(tree: Tree) -> Iterator[str]:
    yield from ("## Rules", "")
    counted = any(one["hits"] is not None for one in tree["register"])
    head = ("risk", "rule", "what", "owner", "because", "changed", "review", "expires", "state", "place")
    rows = [
        (
            f"{one['risk']} ({one['score']})",
            one["id"],
            f"{one['verb']} {one['text']}" + (f" ({one['ports']})" if one["ports"] != one["service"] else ""),
            one["owner"],
            "; ".join((one["because"], *one["sources"])).strip("; "),
            one["last_change"]["date"] if one["last_change"] else "",
            one["review"] or "",
            one["expires"] or "",
            one["state"],
            f"{one['file']}:{one['line']}",
            *((_hits(one["hits"]),) if counted else ()),
        )
        for one in tree["register"]
    ]
    yield from table((*head, "packets") if counted else head, rows)
    listed = [one for one in tree["register"] if one["risk"] == "high"][:MOST_ROWS]
    if listed:
        yield from ("Why a risk is high:", "")
        yield from (f"- `{one['id']}`: {escaped(', '.join(one['reasons']))}" for one in listed)
        yield ""


def _hits(one: Mapping[str, Any] | None) -> str:
    if one is None:
        return "not counted"
    return f"{one['packets']:,}" + (" (with others)" if one["shared"] else "")


def _promises(tree: Tree) -> Iterator[str]:
    if not tree["promises"] and not tree["demands"]:
        return
    yield from ("## Promises and demands", "")
    rows = [
        (
            one["result"],
            f"{one['verb']} {one['text']}",
            one["because"],
            f"{one['file']}:{one['line']}",
            one["message"] or "",
        )
        for one in tree["promises"]
    ]
    rows += [
        (
            one["result"],
            f"{'require' if one['binding'] else 'advise'} {one['text']}",
            one["because"],
            f"{one['file']}:{one['line']}",
            one["message"] or "",
        )
        for one in tree["demands"]
    ]
    yield from table(("result", "what", "because", "place", "what shows it"), rows)


def _exceptions(tree: Tree) -> Iterator[str]:
    yield from ("## Exceptions", "")
    found = tree["exceptions"]
    by_id = {one["id"]: one for one in tree["register"]}
    rows = [
        (one["state"], one["code"], one["until"], one["reason"], one["place"], len(one["hides"]))
        for one in found["suppressions"]
    ]
    if rows:
        yield from table(("state", "suppressed", "until", "reason", "place", "findings"), rows)
    for key, words in (
        ("expiring", "Rules that expire"),
        ("review_due", "Due for review"),
        ("unjustified", "Without a reason"),
        ("disputed", "With a doubtful source"),
    ):
        if found[key]:
            yield from (f"{words}:", "")
            for name in found[key][:MOST_ROWS]:
                one = by_id[name]
                day = one["expires"] if key == "expiring" else one["review"] if key == "review_due" else ""
                tags = f" ({', '.join(one['tags'])})" if key == "disputed" else ""
                yield f"- `{name}` {escaped(one['text'] + tags)}" + (f", {day}" if day else "")
            yield ""
    for one in found["left_out"]:
        place = escaped(f"{one['file']}:{one['line']}")
        yield f"- expired on {one['expires']} and left out: {escaped(one['text'])} ({place})"
    if not rows and not any(found.values()):
        yield "None."
    yield ""


def _hygiene(tree: Tree) -> Iterator[str]:
    yield from ("## Hygiene", "")
    rows = [
        (one["severity"], one["code"], one["message"], one["place"] or "", one["standards"]) for one in tree["hygiene"]
    ]
    yield from table(("severity", "code", "finding", "place", "standards"), rows) if rows else ("No findings.", "")


def _surplus(tree: Tree) -> Iterator[str]:
    found = tree["surplus"]
    if found is None:
        return
    yield from (f"## Beyond what {escaped(found['needed'])} needs", "")
    if not found["flows"]:
        yield from ("Nothing.", "")
        return
    rows = [
        (one["text"], f"{one['nodes']['from']} → {one['nodes']['to']}", one["statements"], one["witness"])
        for one in found["flows"]
    ]
    yield from table(("flow", "nodes", "rules", "a packet"), rows)
    yield f"In all {found['tuples']:,} of sender, receiver and port between nodes."
    yield ""


def _nodes(tree: Tree) -> Iterator[str]:
    found = tree["nodes"]
    if found is None:
        return
    yield from ("## Nodes", "")
    parts = [
        f"{found['asked']:,} asked",
        f"{found['answered']:,} answered",
        f"{found['as_they_must_be']:,} as they must be",
        f"{found['drifted']:,} drifted",
        f"{found['another_build']:,} with another build",
        f"{len(found['not_reached']):,} not reached",
    ]
    yield from (f"{', '.join(parts)}.", "")
    if found["not_reached"]:
        yield from (f"Not reached: {escaped(names(found['not_reached']))}.", "")
    rows = [
        (one["node"], one["state"], one["backend"] or "", "; ".join(each["message"] for each in one["findings"]))
        for one in found["reports"]
        if one["state"] != "as it must be"
    ]
    if rows:
        yield from table(("node", "state", "backend", "findings"), rows)
    for one in found["strangers"]:
        yield f"- a report of `{escaped(one['node'])}` ({escaped(one['file'])}) does not count: {escaped(one['why'])}"
    for one in found["unreadable"]:
        yield f"- {escaped(one['file'])}: {escaped(one['why'])}"
    yield ""


def _since(tree: Tree) -> Iterator[str]:
    found = tree["since"]
    if found is None:
        return
    yield from (f"## Since {escaped(found['revision'])}", "", f"{found['summary']}.", "")
    by_id = {one["id"]: one for one in tree["register"]}
    rows = [(word, one["text"], one["witness"]) for word in ("opened", "closed") for one in found[word]]
    if rows:
        yield from table(("", "flow", "a packet"), rows)
    yield from (f"- rule added: `{name}` {escaped(by_id[name]['text'])}" for name in found["rules_added"])
    yield from (f"- rule removed: `{one['id']}` {escaped(one['text'])}" for one in found["rules_removed"])
    yield ""


def _proof(tree: Tree) -> Iterator[str]:
    proof = tree["proof"]
    yield from ("## What was proved", "")
    yield from table(
        ("voice", "result", "what"), [(one["name"], one["result"], one["what"]) for one in proof["voices"]]
    )
    for one in proof["findings"]:
        yield f"- **{one['severity']} {one['code']}**: {escaped(one['message'])}"
    if proof["not_checked"]:
        yield from ("", "Not checked:", "", *(f"- {escaped(one)}" for one in proof["not_checked"]))
    yield from ("", "Taken for granted:", "", *(f"- {escaped(one)}" for one in proof["premises"]), "")


def _digests(tree: Tree) -> Iterator[str]:
    yield from ("## Digests", "")
    rows: list[Sequence[object]] = [("input", one["path"], f"`{one['sha256']}`") for one in tree["inputs"]]
    rows += [("cloud", one["file"], f"`{one['sha256']}`") for one in tree["cloud"]]
    rows += [
        ("ruleset", f"{many(one['nodes'], 'node')}, such as {one['example']}", f"`{one['class']}`")
        for one in tree["rulesets"]
    ]
    yield from table(("what", "of", "sha256"), rows, code=True)
