"""Does several pieces of work at once, each in a process of its own that does not outlive this one."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import traceback
from collections.abc import Callable, Sequence
from contextlib import ExitStack, suppress
from multiprocessing.connection import Connection, wait
from typing import Any, TypeVar

from netpolicy.lab.post import LostError
from netpolicy.lab.space import SpaceError
from netpolicy.node.stopped import StoppedError

T = TypeVar("T")
Progress = Callable[[int], object]
_DIE_WITH_PARENT = 1  # PR_SET_PDEATHSIG
_DONE, _PROGRESS, _STOPPED, _NO_SPACE, _LOST, _FAILED = range(6)


def apart(works: Sequence[Callable[[Progress], T]], progress: Progress) -> list[T]:
    """What each piece of work answers; `progress` hears of all of them. What stops one stops all, and is raised here.

    A single one is done in this process, and so are several on a machine with a single processor.
    """
    if len(works) == 1 or (os.cpu_count() or 1) == 1:
        return [work(progress) for work in works]
    context = multiprocessing.get_context("fork")
    with ExitStack() as stack:
        pipes: dict[Connection, int] = {}
        for place, work in enumerate(works):
            here, there = context.Pipe(duplex=False)
            child = context.Process(target=_work, args=(work, there), daemon=True)
            child.start()
            there.close()
            stack.callback(child.join)
            stack.callback(child.kill)
            pipes[here] = place
        answers: dict[int, T] = {}
        while pipes:
            for one in wait(list(pipes)):
                assert isinstance(one, Connection)
                kind, told = _heard(one)
                if kind == _PROGRESS:
                    progress(told)
                    continue
                _raise(kind, told)
                answers[pipes.pop(one)] = told
        return [answers[place] for place in range(len(works))]


def _heard(one: Connection) -> tuple[int, Any]:
    try:
        kind, told = one.recv()
    except EOFError:
        return _FAILED, ("a process of the rehearsal ended before its work was done", "")
    return int(kind), told


def _raise(kind: int, told: Any) -> None:
    match kind:
        case _ if kind == _STOPPED:
            raise StoppedError(*told)
        case _ if kind == _NO_SPACE:
            raise SpaceError(told)
        case _ if kind == _LOST:
            raise LostError(told)
        case _ if kind == _FAILED:
            failure = RuntimeError(told[0])
            failure.add_note(told[1])  # where it failed, for `--verbose`
            raise failure


def _work(work: Callable[[Progress], object], pipe: Connection) -> None:
    ctypes.CDLL(None).prctl(_DIE_WITH_PARENT, signal.SIGKILL)
    told: tuple[int, object]
    try:
        told = _DONE, work(lambda count: pipe.send((_PROGRESS, count)))
    except StoppedError as stopped:
        told = _STOPPED, (stopped.ending, *stopped.found)
    except SpaceError as failure:
        told = _NO_SPACE, str(failure)
    except LostError as failure:
        told = _LOST, str(failure)
    except KeyboardInterrupt:
        os._exit(130)
    except Exception as failure:  # it is raised again where somebody can tell it
        told = _FAILED, (f"{type(failure).__name__}: {failure}", traceback.format_exc())
    with suppress(BrokenPipeError):
        pipe.send(told)
