"""What a node must load, from a build folder: every byte is checked against the manifest before it is believed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

from netpolicy.diagnostic import did_you_mean, error, one_line
from netpolicy.node.host import AS_ROOT, Host
from netpolicy.node.stopped import Ending, StoppedError
from netpolicy.policy.identity import Identity, from_dict
from netpolicy.policy.seal import KEY, is_whole
from netpolicy.source import Source
from netpolicy.targets.iptables.read import read
from netpolicy.targets.iptables.rules import Ruleset

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
NAMESPACE = "netpolicy"
"""What a signature is for, as `ssh-keygen -Y sign -n netpolicy` says it."""
FILES = ("rules.v4", "rules.v6", "sets.ipset")
_BROKEN = (ValueError, TypeError, LookupError, AttributeError, RecursionError)


@dataclass(frozen=True, slots=True)
class StatementText:
    """A statement of the policy as people read it, and where it stands."""

    id: str
    flow: str
    place: str = ""


@dataclass(frozen=True)
class Bundle:
    """A node's identity and ruleset. `statements` are those of the whole policy, by id."""

    identity: Identity
    files: Mapping[str, str] = field(repr=False)
    ruleset: Ruleset = field(repr=False)
    statements: Mapping[str, StatementText] = field(default_factory=dict, repr=False)


def class_digest(files: Mapping[str, str]) -> str:
    """The digest that names a class: sha256 over names and contents of its files."""
    listed = "".join(f"{name} {_digest(files[name].encode())}\n" for name in sorted(files))
    return _digest(listed.encode())


def bundle_of(identity: Identity, files: Mapping[str, str], statements: Mapping[str, StatementText]) -> Bundle:
    """The bundle of these files; what cannot be read as our ruleset stops us."""
    ruleset, found = read({name: Source(name, files[name]) for name in FILES})
    if ruleset is None:
        raise StoppedError(Ending.REFUSED, *found)
    return Bundle(identity, files, ruleset, statements)


class Build:
    """A build folder: the manifest, and the nodes in it that are asked for."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest_bytes = self._bytes(MANIFEST)
        self.manifest = self._manifest()

    @property
    def names(self) -> tuple[str, ...]:
        """The nodes of the manifest, by name."""
        return tuple(sorted(self.manifest["nodes"]))

    @property
    def present(self) -> Iterator[str]:
        """The nodes whose folders are here: a node may have got its own alone."""
        # A name that no file can have is of no folder.
        return (name for name in self.names if os.path.exists(self.folder / "nodes" / name / "node.json"))  # noqa: PTH110

    @cached_property
    def statements(self) -> dict[str, StatementText]:
        return {one["id"]: _statement(one) for one in self.manifest["statements"]}

    def verify(self, host: Host, signers: Path, signer: str) -> None:
        """The manifest is known to bear the signature of `signer`, or we are stopped."""
        if not signers.is_file():
            hint = "give the file of allowed signers, one `NAME KEY` a line"
            found = error("NP758", f"there is no file of allowed signers `{signers}`", hint=hint)
            raise StoppedError(Ending.UNUSABLE, found)
        signature = self.folder / f"{MANIFEST}.sig"
        if not signature.exists():
            hint = f"sign it with `ssh-keygen -Y sign -n {NAMESPACE} -f KEY {MANIFEST}`"
            self._refuse("NP758", f"`{MANIFEST}` is not signed", hint)
        ask = ("ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", signer, "-n", NAMESPACE, "-s", str(signature))
        answer = host.run(*ask, text=self.manifest_bytes.decode("utf-8", "surrogateescape"))
        if answer.status:
            hint = f"who built it? `{signers}` must name the key of `{signer}`, and the namespace is `{NAMESPACE}`"
            why = one_line(" ".join(f"{answer.out} {answer.err}".split())) or answer.why
            self._refuse("NP758", f"the signature of `{MANIFEST}` is not one of `{signer}`: {why}", hint)

    def identity(self, name: str) -> Identity:
        """The identity of a node, checked against the manifest."""
        if name not in self.manifest["nodes"]:
            hint = did_you_mean(name, self.names) or f"it has others, such as `{self.names[0]}`"
            found = error("NP756", f"the build has no node `{name}` (build `{self.folder}`)", hint=hint)
            raise StoppedError(Ending.UNUSABLE, found)
        path = f"nodes/{name}/node.json"
        data = self._bytes(path)
        try:
            wanted, digest = self.manifest["identities"][name], self.manifest["nodes"][name]
            self._same(path, data, wanted)
            one = from_dict(json.loads(data))
        except _BROKEN:
            self._refuse("NP755", f"`{path}` is no identity of a node")
        if (one.node, one.digest, one.serial) != (name, digest, self.manifest["serial"]):
            self._refuse("NP755", f"`{path}` is of another node or build")
        return one

    def bundle(self, name: str) -> Bundle:
        """All that a node must load, checked against the manifest."""
        identity = self.identity(name)
        return bundle_of(identity, self.files(identity), self.statements)

    def files(self, identity: Identity) -> dict[str, str]:
        """The texts that a node must load, checked against the manifest."""
        name = identity.node
        try:
            digests = dict(self.manifest["classes"][identity.digest]["files"])
        except _BROKEN:
            self._refuse("NP755", f"`{MANIFEST}` does not know the class of `{name}`")
        files: dict[str, str] = {}
        for file in sorted({*digests, *FILES}):
            data = self._bytes(f"nodes/{name}/{file}")
            self._same(f"nodes/{name}/{file}", data, digests.get(file))
            try:
                files[file] = data.decode()
            except UnicodeDecodeError:
                self._refuse("NP755", f"`nodes/{name}/{file}` is no text")
        if class_digest(files) != identity.digest:
            self._refuse("NP755", f"the files of `{name}` are not those of its class")
        return files

    @property
    def cloud_files(self) -> dict[str, tuple[str, str]]:
        """The path and the text of each cloud's file by the name of the cloud, checked against the manifest."""
        found: dict[str, tuple[str, str]] = {}
        try:
            listed = {name: (one["file"], one["sha256"]) for name, one in self.manifest["cloud"].items()}
        except _BROKEN:
            self._refuse("NP755", f"`{MANIFEST}` does not say what it holds for clouds")
        for name, (path, digest) in listed.items():
            data = self._bytes(path)
            self._same(path, data, digest)
            found[name] = (path, data.decode("utf-8", "surrogateescape"))
        return found

    def _manifest(self) -> dict[str, Any]:
        try:
            manifest: dict[str, Any] = json.loads(self.manifest_bytes)
            ours = manifest["tool"]["name"] == "netpolicy" and manifest["format_version"] == FORMAT_VERSION
            whole = manifest["nodes"].keys() == manifest["identities"].keys() and int(manifest["serial"]) >= 0
            whole = whole and is_whole(self.manifest_bytes, manifest[KEY])
            if ours and whole and manifest["nodes"] and all(map(_statement, manifest["statements"])):
                return manifest
        except _BROKEN:
            pass  # told below, as is a manifest of another kind
        return self._refuse("NP755", f"`{MANIFEST}` is damaged, or of a version that this one does not understand")

    def _bytes(self, path: str) -> bytes:
        try:
            return (self.folder / path).read_bytes()
        except OSError as failure:
            why = (failure.strerror or "no reason given").lower()
            denied = failure.errno == errno.EACCES
            hint = AS_ROOT if denied else "name a folder that `netpolicy compile` wrote"
            found = error("NP755", f"`{path}` of build `{self.folder}` cannot be read: {why}", hint=hint)
            raise StoppedError(Ending.UNUSABLE, found) from None
        except ValueError:
            self._refuse("NP755", f"`{MANIFEST}` names a file that no folder can hold")

    def _same(self, path: str, data: bytes, digest: object) -> None:
        if _digest(data) != digest:
            self._refuse("NP755", f"`{path}` is not the file that the manifest names")

    def _refuse(self, code: str, message: str, hint: str = "copy the build again, or compile it again") -> NoReturn:
        raise StoppedError(Ending.REFUSED, error(code, f"{message} (build `{self.folder}`)", hint=hint))


def _statement(one: Mapping[str, Any]) -> StatementText:
    if not isinstance(one["id"], str):
        raise ValueError("no id of a statement")
    place = f"{one['file']}:{one['line']}" if "file" in one else ""
    return StatementText(one["id"], f"{one['who']} -> {one['whom']} : {one['what']}", place)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
