"""Audits for tests: the tree of a cluster that is compiled in memory, its schema, and reports as nodes print them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import jsonschema

from netpolicy.cli.audited import Audited
from netpolicy.data import folder
from netpolicy.report.audit.document import document
from netpolicy.report.audit.model import Audit, Report
from netpolicy.report.audit.witness import asked
from tests.compiling import compiled

Tree = dict[str, Any]


def audit_of(texts: Mapping[str, str], **more: Any) -> Tree:
    """The tree of these texts, a cluster and its policy, by its schema; `more` are fields of the audit."""
    pipeline = compiled(texts)
    policy = pipeline.policy
    assert policy is not None
    one = Audited(pipeline, asked(policy, pipeline.plans), keep=False)
    one.all()
    audit = Audit(
        policy=policy,
        files=pipeline.files,
        day=pipeline.day,
        profile=pipeline.profile.value,
        inputs=tuple((source.name, "0" * 64) for source in pipeline.sources),
        compiled=one.compiled,
        asked=one.asked,
        proof=one.proof,
        baseline=("loopback",),
        form=pipeline.form[0],
        clouds=one.clouds,
        findings=pipeline.linted.findings,
        ignored=pipeline.linted.ignored,
        **more,
    )
    tree = document(audit)
    keep_schema(tree)
    return tree


def schema() -> Tree:
    """The schema that is shipped; it is one of the draft that it names."""
    text = (folder("schemas") / "audit.json").read_text(encoding="utf-8")
    found: Tree = json.loads(text)
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def keep_schema(tree: Any) -> None:
    """The tree is as the schema says, and holds no field that it does not describe; else an AssertionError."""
    strict = schema()
    for part in _parts(strict):
        if "properties" in part:
            part["additionalProperties"] = False
    wrong = [
        f"{one.json_path}: {one.message[:200]}" for one in jsonschema.Draft202012Validator(strict).iter_errors(tree)
    ]
    assert not wrong, "\n".join(wrong[:20])


def _parts(value: Any) -> Iterator[Tree]:
    """Every object of the schema that describes an object."""
    if isinstance(value, dict):
        if value.get("type") == "object":
            yield value
        for each in value.values():
            yield from _parts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _parts(each)


def report(node: str, digest: str, *, cluster: str = "small", drifted: bool = False, hits: Any = None) -> Report:
    """What a node printed, as `netpolicy drift --hits --format json` writes it."""
    finding: Tree = {
        "code": "NP801",
        "severity": "error",
        "message": "rule 6 is missing",
        "hint": "",
        "notes": [],
        "place": None,
        "consequence": "closes",
        "family": 4,
        "name": "NP-IN-01234567",
    }
    tree = {
        "format_version": 1,
        "tool": {"name": "netpolicy", "version": "1.0"},
        "cluster": cluster,
        "node": node,
        "class": digest,
        "serial": 0,
        "backend": "nft",
        "generation": {"v4": {"wanted": "01234567", "in_force": None if drifted else "01234567"}},
        "compared": {"families": 2, "chains": 12, "rules": 46, "sets": 4},
        "in_force": not drifted,
        "findings": [finding] if drifted else [],
        "hits": None if hits is None else {"lines": hits, "never": []},
        "no_hits": "no counters" if hits is None else None,
    }
    return Report(f"{node}.json", tree)


def line(packets: int, *statements: str) -> Tree:
    """The counters of a rule."""
    return {"statements": list(statements), "flow": "", "places": [], "packets": packets, "bytes": 60 * packets}
