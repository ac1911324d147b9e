"""Why python-iptables could not do what it was asked, in words for people."""

from __future__ import annotations

import re

_BYTES = re.compile(r"""\bb(?P<quote>['"])(?P<text>.*?)(?P=quote)""")
_PACKAGE = "install this system's `iptables` package, which has the libraries, or leave python-iptables out"
_LIBRARIES = {"ip6tc_init": "libip6tc", "iptc_init": "libip4tc"}


class BackendUnavailableError(Exception):
    """The legacy tables cannot be reached by python-iptables: `reason` says why, `hint` what to do."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(f"{reason} ({hint})")
        self.reason = reason
        self.hint = hint


class WriteRefusedError(Exception):
    """Nothing was written: `reason` says which line is refused, by whom and why, `hint` what to do."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(f"{reason} ({hint})")
        self.reason = reason
        self.hint = hint


class WriteDiffersError(Exception):
    """The text was committed, and what is read back is another thing: one line in `differences` for each place."""

    def __init__(self, differences: tuple[str, ...]) -> None:
        super().__init__("; ".join(differences))
        self.differences = differences


def words(error: BaseException) -> str:
    """What the exception says, without the marks of a Python value."""
    shown = _BYTES.sub(lambda found: found["text"], str(error)).strip().rstrip(".")
    return shown or type(error).__name__


def not_loaded(error: BaseException) -> BackendUnavailableError:
    """Why the import of python-iptables failed: it tells a missing library in the words of ctypes."""
    said = str(error)
    if isinstance(error, ModuleNotFoundError):
        return BackendUnavailableError("python-iptables is not installed", "install `netpolicy[node]`")
    if "directory with extensions" in said:
        reason = "the folder `xtables` with the extensions of iptables is missing"
        return BackendUnavailableError(reason, f"{_PACKAGE}; `XTABLES_LIBDIR` names another folder")
    missing = next((name for sign, name in _LIBRARIES.items() if sign in said), "")
    if isinstance(error, TypeError) and "NoneType" in said:
        missing = "libxtables"
    if missing:
        return BackendUnavailableError(f"the library `{missing}` is missing", _PACKAGE)
    return BackendUnavailableError(f"python-iptables cannot be loaded: {words(error)}", _PACKAGE)


def not_opened(error: BaseException) -> BackendUnavailableError:
    """Why the filter table could not be opened."""
    said = words(error)
    if "Permission denied" in said:
        return BackendUnavailableError("this user may not open the filter table", "run it as root")
    if "Table does not exist" in said or "Protocol not available" in said:
        reason = "this kernel has no legacy filter table"
        return BackendUnavailableError(reason, "use `iptables-nft`, or load the kernel's module `iptable_filter`")
    return BackendUnavailableError(f"the filter table cannot be opened: {said}", "run it as root on a legacy host")
