"""Files as a revision of a git repository has them; what the working folder holds is not looked at."""

from __future__ import annotations

import hashlib
import subprocess
from pathlib import Path

from netpolicy.cli.files import LARGEST, read
from netpolicy.policy.load import Place, Reader, Unreadable
from netpolicy.source import Source

_PATIENCE = 60


class RevisionError(Exception):
    """There is no such revision, or no git; `hint` says what to do."""

    def __init__(self, why: str, hint: str) -> None:
        super().__init__(why)
        self.hint = hint


def at_revision(revision: str, path: str) -> Reader:
    """Reads files as of that revision of the repository that the path lies in; shipped policies come with the product.

    A revision that is not there, or no git, is a RevisionError.
    """
    root = Path(_asked(_folder(path), "rev-parse", "--show-toplevel", about=path))
    wanted = f"{revision}^{{commit}}"
    try:
        commit = _asked(root, "rev-parse", "--verify", "--quiet", "--end-of-options", wanted, about=path)
    except RevisionError:
        hint = "such as `git:HEAD`, `git:main` or `git:v1.2:cluster.yaml`"
        raise RevisionError(f"there is no revision `{revision}` in `{root}`", hint) from None

    def reading(place: Place) -> Source | Unreadable:
        if place.shipped:
            return read(place)
        return _read(root, commit, revision, place)

    return reading


def _folder(path: str) -> Path:
    """The nearest folder above the path that there is now."""
    return next((folder for folder in Path(path).absolute().parents if folder.is_dir()), Path("/"))


def _asked(folder: Path, *words: str, about: str) -> str:
    answer = _git(folder, *words)
    if answer.returncode:
        why = answer.stderr.decode("utf-8", "replace").strip().partition("\n")[0].removeprefix("fatal: ")
        raise RevisionError(f"`{about}` is in no git repository: {why or 'git says no more'}", "name a file in one")
    return answer.stdout.decode("utf-8", "surrogateescape").rstrip("\n")


def _git(folder: Path, *words: str) -> subprocess.CompletedProcess[bytes]:
    command = ("git", "-C", str(folder), *words)
    try:
        return subprocess.run(command, capture_output=True, check=False, timeout=_PATIENCE, stdin=subprocess.DEVNULL)
    except FileNotFoundError:
        raise RevisionError("there is no `git` here", "install git, or name files") from None
    except subprocess.TimeoutExpired:
        raise RevisionError("git does not answer", "does the repository lie on a disk that answers?") from None


def _read(root: Path, commit: str, revision: str, place: Place) -> Source | Unreadable:
    shown = f"git:{revision}:{place.path}"
    path = Path(place.path).absolute()
    try:
        inside = (path.parent.resolve() / path.name).relative_to(root.resolve())
    except ValueError:
        return Unreadable(f"`{place.path}` lies outside of the repository `{root}`", "a revision holds its files alone")
    answer = _git(root, "cat-file", "blob", f"{commit}:{inside.as_posix()}")
    if answer.returncode:
        return Unreadable(
            f"revision `{revision}` has no file `{place.path}`", f"`git show {revision}` says what it has"
        )
    if len(answer.stdout) > LARGEST:
        return Unreadable(f"`{shown}` is larger than {LARGEST >> 20} MiB", "is this the right file?", "NP903")
    try:
        text = answer.stdout.decode("utf-8-sig")
    except UnicodeDecodeError:
        return Unreadable(f"`{shown}` is not a text file", "name a policy or a cluster", "NP902")
    return Source(shown, text, hashlib.sha256(answer.stdout).hexdigest())
