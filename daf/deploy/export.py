"""Export of a bundle's network as a program of torch.export or ONNX, which needs no other code."""

import importlib.util
import subprocess
from collections.abc import Callable
from pathlib import Path

from daf.config import ConfigError, short_json
from daf.deploy import isolated_exporter
from daf.deploy.archive import unpack_members
from daf.deploy.contents import Bundle
from daf.deploy.golden import FLOATS, describe_output_difference
from daf.deploy.isolated_process import (
    MAX_ERROR_BYTES,
    build_isolated_command,
    describe_code_failure,
)
from daf.deploy.verify import RESPONSE_MINUTES, verify_bundle
from daf.files.safe_write import copy_file
from daf.files.tensors import load_tensors
from daf.system.exit_status import ExitStatus
from daf.system.temporary_folder import scratch_folder

EXPORTERS = {".pt2": "torch.export", ".onnx": "torch.onnx"}
"""Exporter of each type of program, by suffix."""

ONNX_PACKAGES = ("onnx", "onnxruntime", "onnxscript")


def verify_and_export_network(
    bundle_file: str, program_file: str, trust_code: bool, print_line: Callable[[str], None] = print
) -> ExitStatus:
    """Verify a bundle and export its network; the program must reproduce the golden outputs.

    The program takes observations uint8 [N, T, 3] and recurrent state float32 [N, M], zeros at the
    start of an episode. It returns logits [N, K], values [N] and the next state; N is dynamic.

    Args:
        bundle_file: path of the bundle.
        program_file: path of the file to write, .pt2 for torch.export or .onnx.
        trust_code: true to run code of the bundle that differs from this DAF's.
        print_line: receiver of output lines.

    Returns:
        Exit status of the verification; nothing is written unless it is 0.

    Raises:
        ConfigError: the bundle is invalid, the export fails, or a package is missing; one line.
        OSError: the file cannot be written.
    """
    suffix = Path(program_file).suffix
    if suffix not in EXPORTERS:
        raise ConfigError(f"program: got {short_json(program_file)}; expected a .pt2 or .onnx file")
    exporter = EXPORTERS[suffix]
    missing = [name for name in ONNX_PACKAGES if importlib.util.find_spec(name) is None]
    if suffix == ".onnx" and missing:
        raise ConfigError(f"{exporter}: package '{missing[0]}' is missing; pip install 'daf[onnx]'")
    status = verify_bundle(bundle_file, trust_code=trust_code).print_verdict(print_line)
    if status:
        return status
    bundle = Bundle.read(bundle_file)
    with scratch_folder("daf-bundle-") as folder:
        unpack_members(bundle.members, f"{folder}/bundle")
        exported, output_file = f"{folder}/program{suffix}", f"{folder}/outputs.safetensors"
        try:
            process = subprocess.run(
                build_isolated_command(
                    isolated_exporter, f"{folder}/bundle", exported, output_file
                ),
                cwd=folder,
                capture_output=True,
                timeout=60 * RESPONSE_MINUTES,
            )
        except subprocess.TimeoutExpired:
            raise ConfigError(f"{exporter} takes longer than {RESPONSE_MINUTES:g} min") from None
        if process.returncode:
            raise ConfigError(
                f"{exporter}: {describe_code_failure(process.stderr[-MAX_ERROR_BYTES:])}"
            )
        outputs = load_tensors(output_file)
        for name in FLOATS:
            if difference := describe_output_difference(
                name, outputs.get(name), bundle.golden[name]
            ):
                raise ConfigError(f"{exporter}: outputs of the program differ: {difference}")
        copy_file(exported, program_file)
    print_line(f"{program_file}: written; it reproduces the golden outputs")
    return 0
