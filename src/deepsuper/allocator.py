"""How this process asks the system for memory: on a CPU that decides a third of a training step."""

from __future__ import annotations

import ctypes
import os
import sys

LARGE_BYTES = 2**22
"""Blocks from this size on go straight back to the system when they are freed."""
_M_MMAP_THRESHOLD = -3  # malloc.h


def settle() -> None:
    """Large pages for large tensors, and no heap that grows over batches of different lengths; before any tensor.

    glibc would raise its own threshold to 32 MiB and keep the fragments. Elsewhere than on Linux this does nothing.
    """
    # A gradient of a big vocabulary is new memory in each step; torch reads this when it first allocates.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    if sys.platform == "linux" and "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # musl has none
        if mallopt is not None:
            mallopt(_M_MMAP_THRESHOLD, LARGE_BYTES)
