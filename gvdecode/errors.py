"""What can go wrong: `Error` and the classes below it.

A wrong argument is `ValueError`, `TypeError` or `IndexError` instead.
"""

from __future__ import annotations

import builtins

__all__ = [
    "ClosedError",
    "DecodeError",
    "Error",
    "FallbackWarning",
    "FileMissingError",
    "OpenError",
    "OutOfMemoryError",
    "TimeoutError",
    "UnsupportedError",
]


class Error(Exception):
    """Base of every error of this package's own."""


class OpenError(Error):
    """The source cannot be opened, or holds no video."""


class FileMissingError(OpenError, FileNotFoundError):
    """There is no such file. `errno` and `filename` are set."""

    def __str__(self) -> str:
        return str(self.strerror) if self.strerror else super().__str__()


class DecodeError(Error):
    """The stream broke while it was read, or nothing of it decodes."""


class UnsupportedError(Error):
    """A valid request that this machine, build or version cannot serve."""


class OutOfMemoryError(Error, MemoryError):
    """Host or device memory ran out."""


class ClosedError(Error, ValueError):
    """The decoder was closed, here or by another thread, or before a fork."""


class TimeoutError(Error, builtins.TimeoutError):
    """A source kept the decoder waiting for longer than `timeout` allows."""


class FallbackWarning(UserWarning):
    """A stream is decoded on the CPU although there is, or should be, a GPU."""
