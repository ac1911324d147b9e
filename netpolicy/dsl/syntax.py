"""The abstract syntax of a policy file. Names are in normal form (lower case, `_`); spans are carried, not compared."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import Enum

from netpolicy.dsl.expressions import (
    AllOf,
    AnyOf,
    Anything,
    AtAddress,
    Both,
    Broken,
    Builtin,
    Compared,
    Condition,
    Count,
    Either,
    Except,
    Exists,
    Icmp,
    IsSet,
    Literal,
    Named,
    Negation,
    NodeNamed,
    OnInterface,
    Ports,
    PortsOf,
    Quoted,
    Selector,
    ServiceNamed,
    Standard,
    What,
    WhatItem,
    WholeProtocol,
)
from netpolicy.source import Source, Span


def normal(name: str) -> str:
    """The form in which names are equal: case-insensitive, `-` and `_` alike."""
    return name.lower().replace("-", "_")


@dataclass(frozen=True, slots=True)
class Name:
    """A name in normal form."""

    text: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Text:
    """A quoted text, unescaped."""

    text: str
    span: Span = field(compare=False, repr=False)


class Verb(Enum):
    """What a flow statement says about its flows."""

    ALLOW = "allow"
    DENY = "deny"
    NEVER = "never"
    EXPECT = "expect"


@dataclass(frozen=True, slots=True)
class Attributes:
    """Why, by whom and until when; they travel to the last line of every output."""

    because: str = ""
    sources: tuple[str, ...] = ()
    owner: str = ""
    ticket: str = ""
    expires: date | None = None
    review: date | None = None
    tags: tuple[str, ...] = ()
    log: str = ""
    span: Span | None = field(default=None, compare=False, repr=False)
    expires_span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class PolicyName:
    """`policy NAME "description"`."""

    name: Name
    description: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Include:
    """`include "./x.netpol"`."""

    path: Text
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter's value as written: a flag, ports, or one or more choices."""

    flag: bool | None = None
    ports: tuple[tuple[int, int], ...] = ()
    choices: tuple[str, ...] = ()
    span: Span | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class SetParam:
    """`set NAME = VALUE`."""

    name: Name
    value: Value
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Option:
    """`option NAME = CHOICE`."""

    name: Name
    value: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Param:
    """`param NAME [: TYPE] [= VALUE]`."""

    name: Name
    kind: Name | None
    value: Value | None
    description: str
    span: Span = field(compare=False, repr=False)


class DeclarationKind(Enum):
    """What a `Declaration` names."""

    ROLE = "role"
    LABEL = "label"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Declaration:
    """`role`, `label` or `network` with one name and its description."""

    kind: DeclarationKind
    name: Name
    description: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Group:
    """`group NAME = role, role`."""

    name: Name
    members: tuple[Named | Quoted, ...]
    description: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Alias:
    """`alias "TEXT" = NAME`."""

    text: Text
    target: Name
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Service:
    """`service NAME = what`; forwarded ones end in containers behind DNAT."""

    name: Name
    what: What
    forwarded: bool
    description: str
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Flow:
    """`allow|deny|never|expect who -> whom : what`."""

    verb: Verb
    who: Selector
    whom: Selector
    both_ways: bool
    what: What
    attributes: Attributes = field(compare=True)
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class HalfFlow:
    """A flow with a wrong word, which is told; the names in its other parts are judged, and it means nothing."""

    selectors: tuple[Selector, ...]
    what: What | None
    span: Span = field(compare=False, repr=False)


class DemandKind(Enum):
    """What `require` and `advise` ask of the cluster."""

    EXACTLY = "exactly"
    AT_LEAST = "at least"
    NONE = "no"
    EXISTS = "exists"
    WITH = "with"
    ALONE = "alone"


@dataclass(frozen=True, slots=True)
class Requirement:
    """`require` (an error) or `advise` (a warning) about the cluster."""

    binding: bool
    kind: DemandKind
    selector: Selector
    number: int
    other: Selector | None
    attributes: Attributes
    span: Span = field(compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class When:
    """Statements under a condition."""

    condition: Condition
    statements: tuple[Statement, ...]
    span: Span = field(compare=False, repr=False)


Statement = (
    PolicyName
    | Include
    | SetParam
    | Option
    | Param
    | Declaration
    | Group
    | Alias
    | Service
    | Flow
    | HalfFlow
    | Requirement
    | When
)


@dataclass(frozen=True, slots=True)
class PolicyFile:
    """One file. `broken` holds names whose declarations could not be read, so that their uses are not blamed."""

    source: Source = field(compare=False, repr=False)
    statements: tuple[Statement, ...]
    broken: frozenset[str] = field(default=frozenset(), compare=False)


__all__ = [
    "Alias",
    "AllOf",
    "AnyOf",
    "Anything",
    "AtAddress",
    "Attributes",
    "Both",
    "Broken",
    "Builtin",
    "Compared",
    "Condition",
    "Count",
    "Declaration",
    "DeclarationKind",
    "DemandKind",
    "Either",
    "Except",
    "Exists",
    "Flow",
    "Group",
    "HalfFlow",
    "Icmp",
    "Include",
    "IsSet",
    "Literal",
    "Name",
    "Named",
    "Negation",
    "NodeNamed",
    "OnInterface",
    "Option",
    "Param",
    "PolicyFile",
    "PolicyName",
    "Ports",
    "PortsOf",
    "Quoted",
    "Requirement",
    "Selector",
    "Service",
    "ServiceNamed",
    "SetParam",
    "Standard",
    "Statement",
    "Text",
    "Value",
    "Verb",
    "What",
    "WhatItem",
    "When",
    "WholeProtocol",
    "normal",
]
