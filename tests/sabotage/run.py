"""Runs the judges against mutants: each in a process of its own, forked from one that has imported no `netpolicy`."""

from __future__ import annotations

import contextlib
import importlib.abc
import importlib.machinery
import importlib.util
import json
import os
import resource
import select
import signal
import sys
import time
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from itertools import islice
from types import CodeType, ModuleType
from typing import Any

import pytest
from hypothesis import Phase, settings

from tests.sabotage.modules import JUDGES, ROOT, part_of, source_path
from tests.sabotage.mutate import Mutant

WORKERS = 2
CPU_SECONDS = 40
"""A mutant that takes longer for one judge hangs; time of the processor, so that a busy machine changes nothing."""
WALL_SECONDS = 600
MEMORY = 3 << 30
EXAMPLES = 25
"""Examples of a property that a mutant has to pass; a property that asks for fewer keeps its number."""
_WARM = ("hypothesis.strategies", "lark", "yaml", "tabulate", "tqdm", "_hypothesis_pytestplugin")

Judges = Mapping[str, Sequence[str]]


class End(Enum):
    """How it went with a mutant."""

    KILLED = "killed"
    TIMEOUT = "timeout"
    SURVIVED = "survived"


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the judges said of a mutant; no mutant stands for the code as it is."""

    mutant: Mutant | None
    end: End
    judge: str
    """The test that noticed, or the one that ran when time was over."""
    seconds: float

    @property
    def file(self) -> str:
        """The file of the test."""
        return self.judge.split("::")[0].split(" ")[0]


def run(mutants: Iterable[Mutant], judges: Judges = JUDGES) -> Iterator[Verdict]:
    """The verdict of every mutant, as they come; then what each judge that killed one says of the code as it is.

    Nothing of `netpolicy` may be imported here: a child would see it as it is.
    """
    assert not any(name.split(".")[0] == "netpolicy" for name in sys.modules), "the code is imported already"
    for name in _WARM:
        importlib.import_module(name)
    killers: dict[str, None] = {}
    for verdict in _all((one, judges[part_of(one.key.module)]) for one in mutants):
        if verdict.end is not End.SURVIVED:
            killers[verdict.file] = None
        yield verdict
    yield from _all((None, (killer,)) for killer in killers)


def _all(waiting: Iterator[tuple[Mutant | None, Sequence[str]]]) -> Iterator[Verdict]:
    """As many at a time as there are workers."""
    running: list[_Child] = []
    while True:
        for mutant, judges in islice(waiting, WORKERS - len(running)):
            running.append(_Child(mutant, judges))
        if not running:
            return
        select.select([child.pipe for child in running], [], [], 1)
        for child in list(running):
            verdict = child.verdict()
            if verdict:
                running.remove(child)
                yield verdict


class _Child:
    """A process that runs the judges of one mutant, and writes the name of each judge that it comes to."""

    def __init__(self, mutant: Mutant | None, judges: Sequence[str]) -> None:
        self.mutant = mutant
        self.began = time.monotonic()
        self.pipe, end = os.pipe()
        self.told = b""
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.pipe)
            _judge(mutant, judges, end)
        os.close(end)

    def verdict(self) -> Verdict | None:
        """What came out, once the process is at its end."""
        ended = False
        while select.select([self.pipe], [], [], 0)[0]:
            piece = os.read(self.pipe, 1 << 16)
            self.told += piece
            if not piece:
                ended = True
                break
        seconds = time.monotonic() - self.began
        if not ended and seconds < WALL_SECONDS:
            return None
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, signal.SIGKILL)
        os.waitpid(self.pid, 0)
        os.close(self.pipe)
        said = [json.loads(line) for line in self.told.decode().splitlines()]
        last = said[-1] if said else {"judge": "start"}
        if "error" in last:
            raise RuntimeError(f"the machine of {self.mutant and self.mutant.id} failed: {last['error']}")
        return Verdict(self.mutant, End(last.get("end", "timeout")), last["judge"], seconds)


def _judge(mutant: Mutant | None, judges: Sequence[str], pipe: int) -> None:
    """Never returns: the process ends here."""

    def tell(**said: str) -> None:
        os.write(pipe, (json.dumps(said) + "\n").encode())

    try:
        os.setpgid(0, 0)
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
        _silence(pipe)
        os.chdir(ROOT)
        if mutant:
            install(mutant.key.module, mutant.code())
        for judge in judges:
            tell(judge=judge)
            used = int(time.process_time())
            resource.setrlimit(resource.RLIMIT_CPU, (used + CPU_SECONDS, resource.RLIM_INFINITY))
            noticed = _noticed(judge)
            if noticed:
                tell(end=End.KILLED.value, judge=noticed)
                os._exit(0)
        tell(end=End.SURVIVED.value, judge=judges[-1] if judges else "")
    except BaseException:
        tell(error=traceback.format_exc())
    finally:
        os._exit(0)


def _silence(pipe: int) -> None:
    """What tests print goes nowhere, and no descriptor of the parent's stays open."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.closerange(3, pipe)
    os.closerange(pipe + 1, 256)
    sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115


def _noticed(judge: str) -> str:
    """The first test of a file or folder that fails, or nothing; a mutant that cannot be imported is noticed, too."""
    plugin = _Plugin()
    quiet = [
        *("-x", "-q", "--no-header", "--tb=no", "-rN", "--assert=plain"),
        *(f"-p no:{name}" for name in ("xdist", "cacheprovider")),
    ]
    status = pytest.main([*quiet, "-p", "no:cov", judge], plugins=[plugin])
    if status == pytest.ExitCode.OK:
        return ""
    if status in (pytest.ExitCode.TESTS_FAILED, pytest.ExitCode.INTERRUPTED):
        return plugin.failed or f"{judge} (stopped)"
    raise RuntimeError(f"pytest ended with {status!r} for {judge}")


class _Plugin:
    """Notes the first failure, and makes properties short and always the same."""

    failed = ""

    @pytest.hookimpl(trylast=True)
    def pytest_configure(self) -> None:
        settings.register_profile(
            "sabotage",
            deadline=None,
            derandomize=True,
            database=None,
            phases=(Phase.explicit, Phase.generate),  # a failure need not be made small
            max_examples=EXAMPLES,
        )
        settings.load_profile("sabotage")

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        for item in items:
            function: Any = getattr(item, "function", None)
            own = getattr(function, "_hypothesis_internal_use_settings", None)
            if own is not None and own.max_examples > EXAMPLES:
                function._hypothesis_internal_use_settings = settings(own, max_examples=EXAMPLES)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed and not self.failed:
            self.failed = f"{report.nodeid} (import)"


def install(module: str, code: CodeType) -> None:
    """From now on, importing the module runs this code."""
    sys.meta_path.insert(0, _Finder(module, _Loader(module, code)))


class _Loader(importlib.machinery.SourceFileLoader):
    def __init__(self, module: str, code: CodeType) -> None:
        super().__init__(module, str(source_path(module)))
        self.code = code

    def get_code(self, fullname: str) -> CodeType:
        return self.code


class _Finder(importlib.abc.MetaPathFinder):
    def __init__(self, module: str, loader: _Loader) -> None:
        self.module, self.loader = module, loader

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname != self.module:
            return None
        return importlib.util.spec_from_file_location(fullname, self.loader.path, loader=self.loader)
