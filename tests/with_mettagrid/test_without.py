"""DAF without mettagrid: no module imports it, and functions that need it raise an error."""

import importlib.metadata
import pkgutil
import subprocess
import sys

import pytest

import daf
from daf.config import BenchmarkConfig, ConfigError
from daf.mettagrid.cross_check import compare_engines
from daf.mettagrid.translate import build_mettagrid_config
from daf.missions import load_mission
from daf.plan import make_plan
from daf.plan.names import class_label, foreign_code_digest
from daf.policies import import_policy_class
from daf.provenance.mettagrid_version import INSTALL_HINT, require_mettagrid

BUNDLED_PACKAGE = "daf.mettagrid.bundled."
"""Package of code for bundles; mettagrid imports it, DAF does not."""

ENVIRONMENTS = "daf.envs."
"""Package of modules that need the libraries of the extras."""

IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
packages = ("mettagrid", "pufferlib")
mettagrid_modules = [name for name in sys.modules if name.partition(".")[0] in packages]
print(sorted(mettagrid_modules))
"""


@pytest.fixture
def without_mettagrid(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_no_module_of_daf_imports_mettagrid():
    names = [
        module.name
        for module in pkgutil.walk_packages(daf.__path__, "daf.")
        if module.name not in ("daf.__main__", f"{BUNDLED_PACKAGE}policy")
        and not module.name.startswith(ENVIRONMENTS)
    ]
    assert "daf.mettagrid.importing" in names
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "call",
    [
        lambda: import_policy_class("mettagrid:random"),
        lambda: foreign_code_digest("mettagrid:random"),
        lambda: build_mettagrid_config(load_mission("assembler_1")),
        lambda: compare_engines(load_mission("assembler_1"), [0], 1),
        lambda: make_plan(
            BenchmarkConfig.parse(
                {"policies": ["mettagrid:random"], "missions": ["assembler_1"]}, "test"
            )
        ),
    ],
)
def test_functions_that_need_mettagrid_explain_how_to_install_it(without_mettagrid, call):
    with pytest.raises(ConfigError) as error:
        call()
    assert INSTALL_HINT in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("version", "is_supported"),
    [("0.26.21", True), ("0.26.22", True), ("0.26.20", False), ("0.27", False)],
)
def test_other_versions_raise(monkeypatch, version, is_supported):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    if is_supported:
        require_mettagrid("a test")
    else:
        with pytest.raises(ConfigError, match=f"a test needs another mettagrid than {version}"):
            require_mettagrid("a test")


@pytest.mark.parametrize(
    ("class_path", "label"),
    [
        ("mettagrid:random", "mettagrid-random"),
        ("mettagrid:package.module.Mine", "mettagrid-Mine"),
        ("mettagrid:package.module:Mine", "mettagrid-Mine"),
        ("mettagrid:bundles/v1.2.zip", "mettagrid-v1.2"),
        ("mettagrid:./folder", "mettagrid-folder"),
    ],
)
def test_labels_start_with_mettagrid(class_path, label):
    assert class_label(class_path) == label


def test_a_mettagrid_class_without_prefix_raises_with_its_class_path(tmp_path, monkeypatch):
    (tmp_path / "theirs.py").write_text("class Mine:\n    def agent_policy(self, agent): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"is a policy of mettagrid, 'mettagrid:theirs\.Mine'"):
        import_policy_class("theirs:Mine")
