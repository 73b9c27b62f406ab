"""Compile every kernel for CUDA without a GPU: `python -m daf.cuda_compile [ARCH]`."""

import sys
import tempfile

import warp as wp

from daf.learn import surrogate
from daf.policies import baseline, recurrence, token_sums
from daf.sim import observe, step

ARCHITECTURE = 90


def main() -> int:
    """Compile ahead of time; the exit status tells whether all kernels compiled."""
    architecture = int(sys.argv[1]) if len(sys.argv) > 1 else ARCHITECTURE
    with tempfile.TemporaryDirectory() as folder:
        for module in (step, observe, token_sums, recurrence, baseline, surrogate):
            wp.compile_aot_module(module, arch=architecture, module_dir=folder, use_ptx=False)
            print(f"{module.__name__}: compiled for sm_{architecture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
