"""Reader of mettagrid bundles: a folder or zip with `policy_spec.json`, code and weights."""

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
from types import ModuleType
from typing import TYPE_CHECKING, Any

from daf.config import ConfigError, short_json
from daf.files import strict_json
from daf.files.safe_read import open_regular_file, read_bytes
from daf.policies.user_code import describe_error
from daf.provenance.hashing import digest, file_digest

if TYPE_CHECKING:
    from mettagrid.policy.policy_env_interface import PolicyEnvInterface

SPEC_FILE = "policy_spec.json"
MAX_SPEC_BYTES = 2**22
MAX_UNPACKED_BYTES = 4 * 1024**3

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class MettagridBundle:
    """Specification of an unpacked bundle.

    Attributes:
        path: folder or zip of the bundle, as in the class path.
        unpacked_folder: unpacked folder.
        class_path: dotted path of the policy class.
        init_kwargs: arguments of the class.
        weights_path: weights file of the policy, if any.
        interface: interface of the policy, if specified.
    """

    path: str
    unpacked_folder: Path
    class_path: str
    init_kwargs: dict[str, Any]
    weights_path: str | None
    interface: "PolicyEnvInterface | None"

    def load_policy_class(self) -> type:
        """Import the class of the policy; this executes its code.

        Raises:
            ConfigError: the import fails, or the class is no `MultiAgentPolicy`.
        """
        from mettagrid.policy.policy import MultiAgentPolicy

        source = f"bundle {short_json(self.path)}"
        module, _, name = self.class_path.replace(":", ".").rpartition(".")
        package = module.partition(".")[0]
        # Several bundles may contain packages of the same name; import the one of this bundle.
        if package in sys.modules and not _is_module_in_folder(
            sys.modules[package], self.unpacked_folder
        ):
            stale = [n for n in sys.modules if n == package or n.startswith(f"{package}.")]
            for module_name in stale:
                del sys.modules[module_name]
        nested = [
            str(path.parent)
            for path in sorted(self.unpacked_folder.rglob(package))
            if path.is_dir()
        ]
        for folder in [*nested[:1], str(self.unpacked_folder)]:
            sys.path[:] = [folder, *(entry for entry in sys.path if entry != folder)]
        try:
            cls = getattr(importlib.import_module(module), name)
        except (Exception, SystemExit) as error:  # user code may raise anything
            raise ConfigError(
                f"{source}: cannot import '{self.class_path}' ({describe_error(error)})"
            ) from None
        return require_policy_subclass(cls, MultiAgentPolicy, source)


def is_bundle_path(path_or_policy_name: str) -> bool:
    """Check whether the text after `mettagrid:` is the path of a bundle."""
    return path_or_policy_name.endswith(".zip") or "/" in path_or_policy_name


def read_bundle(path: str, error_subject: str) -> MettagridBundle:
    """Read a bundle without executing its code; its `setup_script` is never executed.

    Args:
        path: folder or zip; a zip is unpacked to a temporary folder.
        error_subject: subject of errors, "policy 'NAME'".

    Raises:
        ConfigError: the bundle is missing, invalid, unsafe or too large; one line.
    """
    from mettagrid.policy.submission import SubmissionPolicySpec

    try:
        root = (
            Path(path)
            if Path(path).is_dir()
            else _unpack_zip_once_per_process(path, bundle_digest(path), error_subject)
        )
        data = strict_json.loads(read_bytes(root / SPEC_FILE, MAX_SPEC_BYTES))
        spec = SubmissionPolicySpec.model_validate(data)
    except OSError as error:
        raise ConfigError(f"{error_subject}: {short_json(path)} is no bundle ({error})") from None
    except ValueError as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(
            f"{error_subject}: invalid {SPEC_FILE} in {short_json(path)} ({error})"
        ) from None
    if spec.setup_script is not None:
        _log.warning("%s: setup script %s is not executed", error_subject, spec.setup_script)
    root = root.resolve()
    weights = None
    if spec.data_path is not None:
        weights = (root / spec.data_path).resolve()
        if not weights.is_file() or not weights.is_relative_to(root):
            raise ConfigError(
                f"{error_subject}: no file {short_json(spec.data_path)} in {short_json(path)}"
            )
    return MettagridBundle(
        path=path,
        unpacked_folder=root,
        class_path=spec.class_path,
        init_kwargs=spec.init_kwargs,
        weights_path=None if weights is None else str(weights),
        interface=spec.policy_env_interface,
    )


def bundle_digest(path: str) -> str:
    """Hash the content of a bundle.

    Raises:
        OSError: the bundle cannot be read.
    """
    if not Path(path).is_dir():
        return file_digest(path)
    files = sorted(
        file for file in Path(path).rglob("*") if file.is_file() and "__pycache__" not in file.parts
    )
    return digest([[file.relative_to(path).as_posix(), file_digest(file)] for file in files])


def require_policy_subclass(candidate: Any, base_class: type, error_subject: str) -> type:
    """Check that a value is a policy class of mettagrid, and return it.

    Args:
        candidate: value to check.
        base_class: `MultiAgentPolicy`.
        error_subject: subject of errors.

    Raises:
        ConfigError: another value.
    """
    if not inspect.isclass(candidate) or not issubclass(candidate, base_class):
        name = getattr(candidate, "__name__", type(candidate).__name__)
        raise ConfigError(
            f"{error_subject}: '{name}' is no mettagrid.policy.policy.{base_class.__name__}"
        )
    return candidate


def _is_module_in_folder(module: ModuleType, folder: Path) -> bool:
    """Check whether an imported module is from a folder."""
    paths = [getattr(module, "__file__", None), *getattr(module, "__path__", [])]
    return any(path and Path(path).resolve().is_relative_to(folder) for path in paths)


@functools.cache
def _get_or_create_bundle_folder(content_digest: str) -> tempfile.TemporaryDirectory:
    """Create one folder per bundle content; the end of the process removes it."""
    return tempfile.TemporaryDirectory(prefix="daf-bundle-")


def _unpack_zip_once_per_process(zip_path: str, content_digest: str, error_subject: str) -> Path:
    """Unpack a zip, once per process, and return the folder.

    Args:
        zip_path: zip file.
        content_digest: hash of the zip file.
        error_subject: subject of errors.

    Raises:
        ConfigError: invalid zip, path outside the folder, link, or too much data.
    """
    folder = Path(_get_or_create_bundle_folder(content_digest).name)
    if any(folder.iterdir()):
        return folder
    try:
        with open_regular_file(zip_path) as file, zipfile.ZipFile(file) as archive:
            members = archive.infolist()
            for member in members:
                name = PurePosixPath(member.filename.replace("\\", "/"))
                is_link = stat.S_ISLNK(member.external_attr >> 16)
                if name.is_absolute() or ".." in name.parts or ":" in member.filename or is_link:
                    unsafe = short_json(member.filename)
                    raise ConfigError(
                        f"{error_subject}: {short_json(zip_path)}: unsafe member {unsafe}"
                    )
            if sum(member.file_size for member in members) > MAX_UNPACKED_BYTES:
                raise ConfigError(
                    f"{error_subject}: {short_json(zip_path)} unpacks to more than "
                    f"{MAX_UNPACKED_BYTES >> 30} GiB"
                )
            archive.extractall(folder)
    except (zipfile.BadZipFile, zlib.error, lzma.LZMAError, RuntimeError, EOFError) as error:
        raise ConfigError(
            f"{error_subject}: {short_json(zip_path)} is no readable zip ({error})"
        ) from None
    return folder
