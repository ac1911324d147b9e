"""The configuration of a project: `netpolicy.toml`, or `[tool.netpolicy]` in pyproject.toml, here or in a folder above.

What the command line says goes before it. Paths in it are those of its own folder.
"""

from __future__ import annotations

import argparse
import os
import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any

from netpolicy.cli.files import read
from netpolicy.cli.options import CONFIG, SHARED_CONFIG
from netpolicy.diagnostic import Diagnostic, did_you_mean, error
from netpolicy.lint import Profile
from netpolicy.pages import codes
from netpolicy.policy.load import Place, Unreadable
from netpolicy.source import Source, Span
from netpolicy.waivers.comment import Waiver

KEYS = ("profile", "ignore", "lint")
OF_LINT = ("clusters", "fail-on", "baseline", "report")
OF_IGNORE = ("codes", "about", "until", "reason")
_PLACE = re.compile(r"\(at line (\d+), column (\d+)\)")


@dataclass(frozen=True, slots=True)
class Config:
    """What a project has chosen. `path` is empty where there is no such file."""

    path: str = ""
    profile: Profile = Profile.STANDARD
    waivers: tuple[Waiver, ...] = ()
    clusters: tuple[str, ...] = ()
    fail_on: str = "error"
    baseline: str = ""
    reports: tuple[str, ...] = ()


class ConfigError(Exception):
    """The configuration cannot be used; `found` says why."""

    def __init__(self, found: Sequence[Diagnostic]) -> None:
        super().__init__(f"{len(found)} findings")
        self.found = list(found)


def config(options: argparse.Namespace) -> Config:
    """The configuration that a command is to use; a ConfigError where it cannot be."""
    if options.no_config:
        return Config()
    if options.config:
        source = read(Place(options.config, shipped=False))
        if isinstance(source, Unreadable):
            raise ConfigError([error(source.code, source.why, hint=source.hint)])
        return _of(source)
    for folder in (Path.cwd(), *Path.cwd().parents):
        for name in (CONFIG, SHARED_CONFIG):
            path = folder / name
            if path.is_file():
                source = read(Place(os.path.relpath(path), shipped=False))
                if isinstance(source, Unreadable):
                    raise ConfigError([error(source.code, source.why, hint=source.hint)])
                if name == CONFIG or ("netpolicy" in source.text and _of_tool(_parsed(source)) is not None):
                    return _of(source)
        if (folder / ".git").exists():
            break
    return Config()


def _of(source: Source) -> Config:
    tree = _parsed(source)
    reading = _Reading(source)
    if Path(source.name).name == SHARED_CONFIG:
        tree = reading.table({"tool.netpolicy": _of_tool(tree) or {}}, "tool.netpolicy")
    found = reading.config(tree)
    if reading.wrong:
        raise ConfigError(reading.wrong)
    return found


def _of_tool(tree: Mapping[str, Any]) -> object:
    """What a shared configuration says about this tool; None where it says nothing."""
    tools = tree.get("tool")
    return tools.get("netpolicy") if isinstance(tools, Mapping) else None


def _parsed(source: Source) -> Mapping[str, Any]:
    try:
        return tomllib.loads(source.text)
    except tomllib.TOMLDecodeError as failure:
        place = _PLACE.search(str(failure))
        span = None
        if place is not None:
            start = source.line_starts[int(place[1]) - 1] + int(place[2]) - 1
            span = Span(source, start, start + 1)
        why = _PLACE.sub("", str(failure)).strip()
        raise ConfigError(
            [error("NP907", f"this is not TOML: {why[:1].lower()}{why[1:]}", span, hint="mend it")]
        ) from None
    except (ValueError, RecursionError):  # a number of thousands of digits, thousands of brackets
        raise ConfigError(
            [error("NP907", f"`{source.name}` holds what no configuration needs", hint="mend it")]
        ) from None


@dataclass
class _Reading:
    """Reads a tree of TOML, and remembers all that is wrong with it."""

    source: Source
    wrong: list[Diagnostic] = field(default_factory=list)

    def config(self, tree: Mapping[str, Any]) -> Config:
        self._known(tree, KEYS, "")
        lint = self.table(tree, "lint")
        self._known(lint, OF_LINT, "lint.")
        profile = self._choice(tree, "profile", [one.value for one in Profile], Profile.STANDARD.value)
        return Config(
            path=self.source.name,
            profile=Profile(profile),
            waivers=tuple(self._waivers(tree.get("ignore", []))),
            clusters=tuple(self._files(self._texts(lint, "clusters"))),
            fail_on=self._choice(lint, "fail-on", ["error", "warning", "notice"], "error"),
            baseline=self._path(self._text(lint, "baseline")),
            reports=tuple(self._reports(self._texts(lint, "report"))),
        )

    def fail(self, key: str, message: str, hint: str = "") -> None:
        """Remembers what is wrong about a key, at the place where the key first stands."""
        match = re.search(rf"^[ \t]*\[*(?:[\w.]*\.)?(?P<key>{re.escape(key)})\b", self.source.text, re.MULTILINE)
        span = Span(self.source, match.start("key"), match.end("key")) if match else None
        self.wrong.append(error("NP907", message, span, hint=hint))

    def _known(self, tree: Mapping[str, Any], keys: Sequence[str], prefix: str) -> None:
        for key in tree:
            if key not in keys:
                hint = did_you_mean(key, keys) or f"one of {', '.join(keys)}"
                self.fail(key, f"unknown key `{prefix}{key}`", hint)

    def table(self, tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
        """The table of a key, which is empty where there is none or something else."""
        value = tree.get(key, {})
        if isinstance(value, Mapping):
            return value
        self.fail(key, f"`{key}` is no table", f"write `[{key}]` above its keys")
        return {}

    def _choice(self, tree: Mapping[str, Any], key: str, choices: Sequence[str], default: str) -> str:
        value = tree.get(key, default)
        if value in choices:
            return str(value)
        self.fail(key, f"`{key}` cannot be `{value}`", f"one of {', '.join(choices)}")
        return default

    def _text(self, tree: Mapping[str, Any], key: str) -> str:
        value = tree.get(key, "")
        if isinstance(value, str):
            return value
        self.fail(key, f"`{key}` is no text", "write it in quotes")
        return ""

    def _texts(self, tree: Mapping[str, Any], key: str) -> list[str]:
        value = tree.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if isinstance(listed, list) and all(isinstance(one, str) for one in listed):
            return listed
        self.fail(key, f"`{key}` is no list of texts", f'such as `{key} = ["…"]`')
        return []

    def _path(self, text: str) -> str:
        return os.path.normpath(os.path.join(os.path.dirname(self.source.name), text)) if text else ""  # noqa: PTH118, PTH120

    def _reports(self, listed: Sequence[str]) -> Iterator[str]:
        """`FORMAT:FILE` with the file as this process names it; the formats are judged by the command."""
        for one in listed:
            name, colon, file = one.partition(":")
            yield f"{name}:{self._path(file)}" if colon else one

    def _files(self, patterns: Sequence[str]) -> Iterator[str]:
        """The files that each pattern names; one that names none is wrong."""
        from glob import glob

        for pattern in patterns:
            found = sorted(glob(self._path(pattern), recursive=True))  # noqa: PTH207
            if not found:
                self.fail("clusters", f"no file is `{pattern}`", "paths are those of the folder of this file")
            yield from found

    def _waivers(self, listed: object) -> Iterator[Waiver]:
        if not isinstance(listed, list) or not all(isinstance(one, Mapping) for one in listed):
            self.fail("ignore", "`ignore` is no list of tables", "write `[[ignore]]` above each")
            return
        heads = list(re.finditer(r"\[\[[\w.]*ignore\]\]", self.source.text))
        for number, one in enumerate(listed):
            before = len(self.wrong)
            head = heads[number] if number < len(heads) else None
            waiver = self._waiver(one, Span(self.source, head.start(), head.end()) if head else None)
            if len(self.wrong) == before:
                yield waiver

    def _waiver(self, tree: Mapping[str, Any], span: Span | None) -> Waiver:
        self._known(tree, OF_IGNORE, "ignore.")
        named, about, reason = self._texts(tree, "codes"), self._text(tree, "about"), self._text(tree, "reason").strip()
        if "about" in tree and not about:
            self.fail("about", "`about` is empty", "name what it is about, or leave it out to ignore all of the code")
        if not named:
            self.fail("ignore", "an `ignore` names no codes", 'such as `codes = ["NP506"]`')
        for code in named:
            if code not in codes():
                self.fail("codes", f"there is no code `{code}`", did_you_mean(code, codes()))
        if not reason:
            self.fail("ignore", "an `ignore` has no reason", "say who decided it, and why")
        until = tree.get("until")
        if not isinstance(until, date) or isinstance(until, datetime):
            self.fail("ignore", "an `ignore` has no last day", "such as `until = 2027-06-30`, without quotes")
            until = date.max
        return Waiver(tuple(named), until, reason, about=about, span=span)
