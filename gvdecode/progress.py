"""Progress bars, by tqdm where it is installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

from gvdecode.errors import UnsupportedError

__all__ = ["bar_class"]


def bar_class(wanted: bool) -> Callable[..., Any] | None:
    """What makes a bar, which is a widget in a notebook; None if it is not wanted.

    `UnsupportedError` without tqdm: to be called before anything is started.
    """
    if not wanted:
        return None
    try:
        return importlib.import_module("tqdm.auto").tqdm  # type: ignore[no-any-return]
    except ImportError:
        raise UnsupportedError(
            "progress=True needs tqdm, which is not installed: pip install tqdm"
        ) from None
