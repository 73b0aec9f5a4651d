"""A child process dies with its parent: nothing of ours is left behind by a kill -9 of the supervisor."""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(parent: int) -> None:
    """Ask the kernel to kill this process when ``parent``, which started it, is gone.

    SIGKILL, not a request: a half-dead web process would keep the port from the next supervisor, and whatever was
    answered is committed anyway. Only Linux can do this; elsewhere an orderly stop is all there is.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    if os.getppid() != parent:  # it died before we asked
        os._exit(1)
