"""The core's log lines, handed to `logging.getLogger("gvdecode")`.

The core prints nothing. Its workers write into a ring that is emptied here,
in the caller's thread.
"""

from __future__ import annotations

import logging

from gvdecode import _core

logger = logging.getLogger("gvdecode")
logger.addHandler(logging.NullHandler())


def drain() -> None:
    """Logs what the core has said since the last call."""
    for level, text in _core.log_drain():
        logger.log(level, "%s", text)
