"""Where half precision is fast: on GPUs, and on processors that compute in it.

Does not know what is computed.
"""

import torch


def autocast(device: str) -> torch.autocast:
    """Compute in bfloat16 where that is faster; elsewhere change nothing.

    Processors without AVX-512 emulate bfloat16, tens of times slower than single precision.
    """
    kind = torch.device(device).type
    fast = kind != "cpu" or torch.backends.cpu.get_cpu_capability() == "AVX512"
    return torch.autocast(kind, torch.bfloat16, enabled=fast)
