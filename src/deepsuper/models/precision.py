"""Whether this machine computes faster in bf16 than in float32."""

import platform

import torch

from deepsuper.config import Bf16


def use_bf16(asked: Bf16) -> bool:
    """Whether to use bf16: as asked, or for `auto` if the hardware supports it."""
    return fast_bf16() if asked == "auto" else asked


def fast_bf16() -> bool:
    """Whether the GPU, or else the CPU, has instructions for bf16; without them float32 is several times faster."""
    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    if platform.machine().lower() in ("x86_64", "amd64"):
        return bool(torch.cpu._is_avx512_bf16_supported())
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
