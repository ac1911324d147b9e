"""The audit as one page that needs nothing else: no network, no other file."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup, escape

from netpolicy.data import PACKAGE
from netpolicy.report.audit.heatmap import heat_map, idle_of
from netpolicy.report.audit.rolegraph import role_graph
from netpolicy.report.counts import many

_TEMPLATES = PACKAGE / "report" / "audit" / "templates"
_STYLES = ("page.css", "pictures.css", "print.css")
_SCRIPTS = ("dom.js", "tables.js", "views.js", "register.js", "nodes.js", "pictures.js", "routes.js")
_ESCAPES = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&"}


def as_html(tree: Mapping[str, Any]) -> str:
    """The page of an audit document, as text of one HTML file."""
    environment = Environment(
        loader=FunctionLoader(_read),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"fragment": _fragment, "many": many, "marked": _marked, "number": _number}
    style = "".join(map(_read, _STYLES))
    script = f'"use strict";(() => {{\n{"".join(map(_read, _SCRIPTS))}}})();\n'
    return environment.get_template("audit.html.j2").render(
        audit=tree,
        map=heat_map(tree),
        graph=role_graph(tree),
        idle=idle_of(tree),
        policy=f"default-src 'none'; style-src {_source(style)}; script-src {_source(script)}; "
        "base-uri 'none'; form-action 'none'",
        style=Markup(style),
        script=Markup(script),
        document=Markup(_embedded(tree)),
    )


def _read(name: str) -> str:
    return (_TEMPLATES / name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """What the page's content security policy calls an inline text: the browser runs this one and no other."""
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


def _embedded(tree: Mapping[str, Any]) -> str:
    """JSON that no text in it can end: all but ASCII is escaped, and so is what HTML gives a meaning."""
    return json.dumps(tree, separators=(",", ":")).translate(_ESCAPES)


def _fragment(text: str) -> str:
    """The text as a part of a link's fragment."""
    return quote(text, safe="")


def _marked(text: str) -> Markup:
    """The text, with what stands in backticks set as code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return escape(text)
    return Markup().join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in enumerate(parts))


def _number(count: int) -> str:
    return f"{count:,}"
