"""Who is measured next, where the time for all of it is limited."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import monotonic
from typing import Any

from server import ServerError


@dataclass
class Task:
    """One figure: how to take a sample of it, and those taken so far.

    Tasks of one kind take as long as they have frames.
    """

    case: str
    subject: str
    kind: Any
    frames: int
    sample: Callable[[], float]
    samples: list[float] = field(default_factory=list)
    spent: float = 0.0  # seconds, with what a sample needs beside what it times

    def each(self) -> float:
        return self.spent / len(self.samples)


LeaveOut = Callable[[str, str], None]  # a case, and what of it is missing


@dataclass
class Turns:
    """Every task once, in order; then whoever had least time, up to `most` times.

    No sample begins that would not end before `deadline`, as far as the tasks of
    its kind tell. A task that fails, or is never begun, goes to `leave_out`.
    """

    deadline: float  # on monotonic()'s clock
    most: int
    leave_out: LeaveOut

    def take(self, tasks: list[Task]) -> list[Task]:
        """The tasks that have samples."""
        measured: list[Task] = []
        for task in tasks:
            if self.fits(self.guess(task, measured)):
                self.attempt(task, measured)
            else:
                self.leave_out(task.case, f"{task.subject} (no time left)")
        while waiting := [task for task in measured if self.again(task)]:
            self.attempt(min(waiting, key=lambda task: task.spent), measured)
        return measured

    def fits(self, seconds: float) -> bool:
        return monotonic() + seconds < self.deadline

    def again(self, task: Task) -> bool:
        return len(task.samples) < self.most and self.fits(task.each())

    @staticmethod
    def guess(task: Task, measured: list[Task]) -> float:
        alike = [one for one in measured if one.kind == task.kind]
        return max((one.each() / one.frames for one in alike), default=0) * task.frames

    def attempt(self, task: Task, measured: list[Task]) -> None:
        start = monotonic()
        try:
            task.samples.append(task.sample())
        except ServerError as error:
            self.leave_out(task.case, f"{task.subject} ({error})")
            if task in measured:
                measured.remove(task)
            return
        task.spent += monotonic() - start
        if task not in measured:
            measured.append(task)
