"""Other processes of our own that do some of our work: one interpreter computes on one core only.

They begin when they are first needed, and stay, because to begin takes as long as some of the work does. Each reads
what to do from its input, writes what came of it, and ends when its input does: with whoever began it, even if killed.
"""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from threading import Lock
from typing import Any, TypeVar
from weakref import finalize

Done = TypeVar("Done")

#: Who looks at a page goes before.
_NICE = 5


class Crew:
    """Some processes, all alike."""

    def __init__(self) -> None:
        self._mates: list[_Mate] = []
        self._lock = Lock()

    def done(self, tasks: Sequence[Callable[[], Done]]) -> list[Done | None]:
        """Call all of these at the same time; return what each answers, None where one failed or its process ended.

        They are told by name: functions of modules, and values as arguments.
        """
        with self._lock:
            # Where the system has no room for another one, there are fewer.
            with suppress(OSError):
                while len(self._mates) < len(tasks):
                    self._mates.append(_Mate())
            busy = self._mates[: len(tasks)]
            try:
                for mate, task in zip(busy, tasks, strict=False):
                    mate.begin(task)
                came = [mate.end() for mate in busy]
            except BaseException:
                # What they have not told yet would be taken for an answer to what they are asked next.
                for mate in busy:
                    mate.dismiss()
                raise
            finally:
                self._mates = [mate for mate in self._mates if mate.is_there]
            return [*came, *[None] * (len(tasks) - len(came))]


def cores() -> int:
    """Return how many processes can compute at a time."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


class _Mate:
    """One of them. What it is told goes through a pipe that only it and we have: keys are among it."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(  # noqa: S603 - this module
            # Never of the folder that we happen to be in.
            [sys.executable, "-P", "-m", __name__],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            # Who ends us from a terminal means us; they end then as well.
            start_new_session=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
        )
        self.dismiss = finalize(self, _dismissed, self._process)

    def begin(self, task: Callable[[], Any]) -> None:
        assert self._process.stdin is not None, "a pipe, as it was begun"
        try:
            pickle.dump(task, self._process.stdin)
            self._process.stdin.flush()
        except BrokenPipeError:
            self.dismiss()

    def end(self) -> Any:
        """Return what came of the task; None where it failed, or the process ended before."""
        assert self._process.stdout is not None, "a pipe, as it was begun"
        try:
            return pickle.load(self._process.stdout) if self.is_there else None  # noqa: S301 - by our own process
        except Exception:  # noqa: BLE001 - an answer that was cut off, or is of another release, is none
            self.dismiss()
            return None

    @property
    def is_there(self) -> bool:
        return self.dismiss.alive


def _dismissed(process: subprocess.Popen[bytes]) -> None:
    """End it, whatever it does, and wait for that."""
    process.kill()
    # What could not be written is written once more when the pipe is closed.
    with suppress(BrokenPipeError):
        process.communicate()


def _serve() -> None:
    """Do what is read until there is nothing more."""
    os.nice(_NICE)
    # Answers alone go there: what anything else prints would be taken for one. Nor may it be unbuffered, as the
    # environment can have it: then what a pipe does not take at once is lost, and the other side waits for it.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    # Whoever asked may be gone, or of another release than what is read from the disk by now: they see us end.
    with suppress(Exception):
        while True:
            answers.write(_answer(pickle.load(sys.stdin.buffer)))  # noqa: S301 - by whoever began us
            answers.flush()


def _answer(task: Callable[[], Any]) -> bytes:
    try:
        return pickle.dumps(task())
    except Exception:  # noqa: BLE001 - who asked does it again, and tells of what is wrong
        return pickle.dumps(None)


if __name__ == "__main__":
    _serve()
