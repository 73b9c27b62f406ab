"""The network of a bundle as a program of torch.export, which runs without its code."""

import subprocess
from collections.abc import Callable
from pathlib import Path

from daf.config import ConfigError, short_json
from daf.deploy import isolated_exporter
from daf.deploy.archive import unpack
from daf.deploy.contents import Bundle
from daf.deploy.golden import FLOATS, output_difference
from daf.deploy.isolated_process import MAX_ERROR_BYTES, isolated_command, last_error_line
from daf.deploy.verify import MINUTES, verify
from daf.files.safe_write import copy
from daf.files.tensors import load_tensors
from daf.system.temporary_folder import scratch_folder


def run_export(path: str, program: str, trust: bool, report: Callable[[str], None] = print) -> int:
    """Verify a bundle, and write its network as a .pt2 file, whose outputs on the golden
    observations are those recorded, within the tolerance of the verification.

    The program takes observations uint8 [N, T, 3] and memory float32 [N, M], zeros at the start of
    an episode, and gives logits [N, K], values [N] and the next memory; N is free.

    Returns:
        the exit status of the verification; nothing is written if it is not 0.

    Raises:
        ConfigError: there is no such bundle, or torch.export cannot do it; one line.
        OSError: the file cannot be written.
    """
    if Path(program).suffix != ".pt2":
        raise ConfigError(f"{short_json(program)}: the name of a .pt2 file is needed")
    status = verify(path, trust=trust).print_lines(report)
    if status:
        return status
    bundle = Bundle.read(path)
    with scratch_folder("daf-bundle-") as folder:
        unpack(bundle.members, f"{folder}/bundle")
        made, outputs = f"{folder}/program.pt2", f"{folder}/outputs.safetensors"
        try:
            done = subprocess.run(
                isolated_command(isolated_exporter, f"{folder}/bundle", made, outputs),
                cwd=folder,
                capture_output=True,
                timeout=60 * MINUTES,
            )
        except subprocess.TimeoutExpired:
            raise ConfigError(f"torch.export takes longer than {MINUTES:g} minutes") from None
        if done.returncode:
            raise ConfigError(f"torch.export: {last_error_line(done.stderr[-MAX_ERROR_BYTES:])}")
        found = load_tensors(outputs)
        for name in FLOATS:
            if wrong := output_difference(name, found.get(name), bundle.golden[name]):
                raise ConfigError(f"torch.export: the program is another: {wrong}")
        copy(made, program)
    report(f"{program}: written; it gives the golden outputs")
    return 0
