"""Programs that answer one line of standard input with one line of JSON.

Every subject of a benchmark runs in a process of its own that stays alive, so
that subjects can take turns while each keeps its sessions, pools and threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import IO, Any

PATIENCE = 180.0  # seconds
Answer = dict[str, Any]


def serve(answer: Callable[[Answer], Answer]) -> None:
    """The program's side: a question a line, until the input ends."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not pass for an answer
    for line in sys.stdin:
        try:
            found = answer(json.loads(line))
        except Exception as error:  # whatever a library raises is an answer too
            found = {"error": f"{type(error).__name__}: {error}".splitlines()[0]}
        answers.write(json.dumps(found) + "\n")
        answers.flush()


class ServerError(RuntimeError):
    """The program ended, answered with an error, or did not answer in time."""


class Server:
    def __init__(
        self,
        command: list[str],
        *,
        environment: dict[str, str] | None = None,
        log: IO[str] | None = None,
        patience: float = PATIENCE,
    ) -> None:
        self.command, self.patience = command, patience
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            env=environment,
        )

    def ask(self, line: str) -> dict[str, Any]:
        """Sends the line and waits for the answer; kills a program that hangs."""
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.write(line + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            pass  # the exit status below says more
        timer = threading.Timer(self.patience, self.process.kill)
        timer.start()
        answer = self.process.stdout.readline()
        timer.cancel()
        if not answer:
            status = self.process.wait()
            raise ServerError(f"its process ended with status {status}")
        values: dict[str, Any] = json.loads(answer)
        if "error" in values:
            raise ServerError(values["error"])
        return values

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        try:
            self.process.stdin.close()
        except BrokenPipeError:
            pass
        try:
            self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self) -> Server:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
