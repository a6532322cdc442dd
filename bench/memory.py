"""How much memory a process takes at most, as Linux counts it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Answer = TypeVar("Answer")


def grown_mb(act: Callable[[], Answer]) -> tuple[Answer, float]:
    """Do something; return what it answers, and by how much this process grows at most meanwhile."""
    # Linux forgets the peak of before when told so; what was held then is still counted.
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")
    before = peak_mb()
    answer = act()
    return answer, round(peak_mb() - before, 1)


def peak_mb() -> float:
    """Return the most that this process has held so far."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0]) / 1024
