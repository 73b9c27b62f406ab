"""Bundles of mettagrid: a folder or zip with `policy_spec.json`, the policy's code and weights."""

import functools
import importlib
import inspect
import logging
import lzma
import stat
import sys
import tempfile
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from daf.config import ConfigError, short_json
from daf.files import strict_json
from daf.files.safe_read import open_regular, read_bytes
from daf.policies.user_code import told
from daf.provenance.hashing import digest, file_digest

SPEC = "policy_spec.json"
MAX_SPEC = 2**22
MAX_BYTES = 4 * 1024**3
"""Of an unpacked bundle."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MettagridBundle:
    """What a bundle says, unpacked.

    Attributes:
        source: as it was given.
        root: the unpacked folder.
        class_path: of its policy, dotted.
        init_kwargs: arguments of the class.
        weights: the file that the policy reads, if any.
        interface: the `PolicyEnvInterface` that the policy was made for, if it says so.
    """

    source: str
    root: Path
    class_path: str
    init_kwargs: dict[str, Any]
    weights: str | None
    interface: Any

    def load(self) -> type:
        """The class of the policy; its code is run.

        Raises:
            ConfigError: it cannot be imported or is no `MultiAgentPolicy`.
        """
        from mettagrid.policy.policy import MultiAgentPolicy

        whose = f"bundle {short_json(self.source)}"
        module, _, name = self.class_path.replace(":", ".").rpartition(".")
        top = module.partition(".")[0]
        # Bundles may call their packages alike; each must get its own.
        if top in sys.modules and not _is_inside(sys.modules[top], self.root):
            for other in [n for n in sys.modules if n == top or n.startswith(f"{top}.")]:
                del sys.modules[other]
        nested = [str(found.parent) for found in sorted(self.root.rglob(top)) if found.is_dir()]
        for place in [*nested[:1], str(self.root)]:
            sys.path[:] = [place, *(other for other in sys.path if other != place)]
        try:
            found = getattr(importlib.import_module(module), name)
        except (Exception, SystemExit) as error:  # foreign code may raise anything
            raise ConfigError(
                f"{whose}: cannot import '{self.class_path}' ({told(error)})"
            ) from None
        return check_class(found, MultiAgentPolicy, whose)


def is_bundle(named: str) -> bool:
    """Whether what stands behind `mettagrid:` is the path of a bundle."""
    return named.endswith(".zip") or "/" in named


def read_bundle(path: str, whose: str) -> MettagridBundle:
    """Read a bundle; nothing in it is run, its `setup_script` never.

    Args:
        path: a folder or a zip, which is unpacked to a temporary folder.
        whose: the policy, named in errors.

    Raises:
        ConfigError: there is none, or it is broken, hostile or too large; one line.
    """
    from mettagrid.policy.submission import SubmissionPolicySpec

    try:
        root = Path(path) if Path(path).is_dir() else _unpacked(path, bundle_digest(path), whose)
        data = strict_json.loads(read_bytes(root / SPEC, MAX_SPEC))
        spec = SubmissionPolicySpec.model_validate(data)
    except OSError as error:
        raise ConfigError(f"{whose}: {short_json(path)} is no bundle ({error})") from None
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{whose}: {SPEC} of {short_json(path)} is wrong ({error})") from None
    if spec.setup_script is not None:
        _log.warning("%s: its %s is not run", whose, spec.setup_script)
    root = root.resolve()
    weights = None
    if spec.data_path is not None:
        weights = (root / spec.data_path).resolve()
        if not weights.is_file() or not weights.is_relative_to(root):
            raise ConfigError(
                f"{whose}: no file {short_json(spec.data_path)} in {short_json(path)}"
            )
    return MettagridBundle(
        source=path,
        root=root,
        class_path=spec.class_path,
        init_kwargs=spec.init_kwargs,
        weights=None if weights is None else str(weights),
        interface=spec.policy_env_interface,
    )


def bundle_digest(path: str) -> str:
    """Hash of the content of a bundle.

    Raises:
        OSError: it cannot be read.
    """
    if not Path(path).is_dir():
        return file_digest(path)
    files = sorted(
        file for file in Path(path).rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )
    return digest([[file.relative_to(path).as_posix(), file_digest(file)] for file in files])


def check_class(found: Any, base: type, whose: str) -> type:
    """A class that was named, if it is a policy of mettagrid for several agents.

    Raises:
        ConfigError: it is something else.
    """
    if not inspect.isclass(found) or not issubclass(found, base):
        what = getattr(found, "__name__", type(found).__name__)
        raise ConfigError(f"{whose}: '{what}' is no mettagrid.policy.policy.{base.__name__}")
    return found


def _is_inside(module: Any, root: Path) -> bool:
    places = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
    return any(place and Path(place).resolve().is_relative_to(root) for place in places)


@functools.cache
def _unpacked_folder(digested: str) -> tempfile.TemporaryDirectory:
    """One folder for each content, which goes with the process."""
    return tempfile.TemporaryDirectory(prefix="daf-bundle-")


def _unpacked(path: str, digested: str, whose: str) -> Path:
    """The folder that a zip is unpacked to, once in a process.

    Raises:
        ConfigError: it is no zip, or would write elsewhere, or too much.
    """
    folder = Path(_unpacked_folder(digested).name)
    if any(folder.iterdir()):
        return folder
    try:
        with open_regular(path) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            for member in members:
                name = PurePosixPath(member.filename.replace("\\", "/"))
                link = stat.S_ISLNK(member.external_attr >> 16)
                if name.is_absolute() or ".." in name.parts or ":" in member.filename or link:
                    raise ConfigError(
                        f"{whose}: {short_json(path)} holds {short_json(member.filename)}"
                    )
            if sum(member.file_size for member in members) > MAX_BYTES:
                raise ConfigError(
                    f"{whose}: {short_json(path)} holds more than {MAX_BYTES >> 30} GiB"
                )
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, EOFError) as error:
        raise ConfigError(f"{whose}: {short_json(path)} is no readable zip ({error})") from None
    return folder
