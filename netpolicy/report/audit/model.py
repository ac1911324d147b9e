"""Everything that an audit tells of, as values: what was compiled and proved, and what lies outside of the compiler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from netpolicy.diagnostic import Diagnostic
from netpolicy.dsl.syntax import PolicyFile
from netpolicy.policy.model import Policy
from netpolicy.report.audit.compiled import Compiled
from netpolicy.report.audit.witness import Asked
from netpolicy.securitygroups.model import Form
from netpolicy.source import Span
from netpolicy.verify.diff.compare import Difference
from netpolicy.waivers.judge import Ignored

AGREES, DIFFERS, NOT_ASKED, REFERENCE = "agrees", "differs", "not asked", "reference"


@dataclass(frozen=True, slots=True)
class Voice:
    """One reading of the same rules, and what it says beside the policy's meaning."""

    name: str
    what: str
    result: str


@dataclass(frozen=True, slots=True)
class Proof:
    """What was proved by which voices; `counts` are nodes, classes, rules and interfaces."""

    counts: Mapping[str, int]
    voices: tuple[Voice, ...]
    premises: tuple[str, ...]
    findings: tuple[Diagnostic, ...] = ()


@dataclass(frozen=True, slots=True)
class CloudText:
    """The file of a cloud by its digest."""

    name: str
    file: str
    digest: str


@dataclass(frozen=True, slots=True)
class LastChange:
    """The newest commit of a statement's lines; empty where one of them is not committed."""

    commit: str = ""
    day: str = ""
    author: str = ""


@dataclass(frozen=True, slots=True)
class Revision:
    """The commit of the folder that holds the cluster; dirty where an input is not as committed."""

    commit: str
    dirty: bool


@dataclass(frozen=True, slots=True)
class Surplus:
    """What this policy admits beyond another one, which says what is needed."""

    needed: str
    difference: Difference


@dataclass(frozen=True, slots=True)
class Since:
    """What changed in meaning since a revision, and the policy that it had."""

    revision: str
    difference: Difference
    before: Policy


@dataclass(frozen=True, slots=True)
class Report:
    """A file that should be what `netpolicy drift --format json` printed; `why` it is not, where it cannot be read."""

    file: str
    tree: Any = field(default=None, compare=False)
    why: str = ""


@dataclass(frozen=True, slots=True)
class Audit:
    """The facts of an audit. `changes` are by the place of a statement; `reports` is None where nobody asked for nodes.

    `findings` are those of lint and of demands, `ignored` every suppression, `promises` what is broken, and
    `baseline` what is always open.
    """

    policy: Policy
    files: tuple[PolicyFile, ...]
    day: date
    profile: str
    inputs: tuple[tuple[str, str], ...]
    compiled: Compiled = field(compare=False)
    asked: tuple[Asked, ...]
    proof: Proof
    baseline: tuple[str, ...]
    form: Form | None = None
    clouds: tuple[CloudText, ...] = ()
    findings: tuple[Diagnostic, ...] = ()
    ignored: tuple[Ignored, ...] = ()
    promises: tuple[Diagnostic, ...] = ()
    revision: Revision | None = None
    changes: Mapping[Span, LastChange] = field(default_factory=dict)
    surplus: Surplus | None = None
    since: Since | None = None
    reports: tuple[Report, ...] | None = None
