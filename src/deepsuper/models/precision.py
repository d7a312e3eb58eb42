"""Whether this machine multiplies bf16 numbers faster than float32 ones."""

from __future__ import annotations

import platform

import torch

from deepsuper.config import Bf16


def use_bf16(asked: Bf16) -> bool:
    """What was asked for; `auto` is bf16 where the hardware has it."""
    return fast_bf16() if asked == "auto" else asked


def fast_bf16() -> bool:
    """Whether the GPU, or the CPU where there is none, has instructions for bf16.

    Without them torch computes bf16 products in software, several times slower than float32.
    """
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if platform.machine().lower() in ("x86_64", "amd64"):
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
