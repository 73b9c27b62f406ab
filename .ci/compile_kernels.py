"""Compile all kernels for CUDA without a GPU: `python .ci/compile_kernels.py [ARCHITECTURE]`."""

import sys
import tempfile

import warp as wp

from daf.learn import ppo_loss
from daf.policies.baseline import kernel
from daf.policies.ops import embedding, lstm, mingru
from daf.sim import observe, step

ARCHITECTURE = 90


def main() -> int:
    """Compile all kernels ahead of time; a failure raises an exception."""
    architecture = int(sys.argv[1]) if len(sys.argv) > 1 else ARCHITECTURE
    with tempfile.TemporaryDirectory() as folder:
        for module in (step, observe, embedding, lstm, mingru, kernel, ppo_loss):
            wp.compile_aot_module(module, arch=architecture, module_dir=folder, use_ptx=False)
            print(f"{module.__name__}: compiled for sm_{architecture}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
