"""Compiles texts in memory, through the same stages as the command line, down to what is read back from the text."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path

from netpolicy.data import folder
from netpolicy.diagnostic import has_errors, render
from netpolicy.pipeline import Built, Pipeline
from netpolicy.policy.load import Place, Unreadable
from netpolicy.source import Source
from netpolicy.targets import Options
from netpolicy.targets.iptables.read import read as read_ruleset
from netpolicy.targets.iptables.rules import Ruleset

DAY = date(2026, 6, 1)


def compiled(texts: Mapping[str, str], *, cluster: str = "cluster.yaml", inline: bool = False) -> Pipeline:
    """The pipeline of a cluster among these texts; shipped policies are found too. Errors are an AssertionError."""

    def read(place: Place) -> Source | Unreadable:
        if place.path in texts and not place.shipped:
            return Source(place.path, texts[place.path])
        path = (folder("rules") if place.shipped else Path()) / place.path
        return Source(place.path, path.read_text(encoding="utf-8"))

    pipeline = Pipeline(cluster, read, DAY, options=Options(inline_sets=inline))
    found = pipeline.diagnostics
    assert not has_errors(found), "\n".join(render(one) for one in found)
    return pipeline


def read_back(built: Built) -> Ruleset:
    """The ruleset that the text of a class says; an AssertionError when it cannot be read."""
    ruleset, found = read_ruleset({name: Source(name, text) for name, text in built.files.items()})
    assert ruleset is not None, "\n".join(render(one) for one in found)
    return ruleset


def rulesets(pipeline: Pipeline) -> dict[str, Ruleset]:
    """The ruleset of every node, read back from the text."""
    found: dict[str, Ruleset] = {}
    for built, diagnostics in pipeline.built():
        assert not has_errors(diagnostics)
        ruleset = read_back(built)
        found.update(dict.fromkeys(built.node_class.members, ruleset))
    return found
