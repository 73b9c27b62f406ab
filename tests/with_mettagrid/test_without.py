"""What holds where mettagrid is not installed: nothing imports it, and who needs it says so."""

import importlib.metadata
import pkgutil
import subprocess
import sys

import pytest

import daf
from daf.config import BenchmarkConfig, ConfigError
from daf.mettagrid.cross_check import cross_check
from daf.mettagrid.translate import mettagrid_config
from daf.missions import load_mission
from daf.plan import make_plan
from daf.plan.names import class_digest, class_label
from daf.policies import policy_class
from daf.provenance.mettagrid_version import INSTALL, require_mettagrid

RUNS_IN_METTAGRID = "daf.mettagrid.bundled."
"""Code for bundles: mettagrid imports it, DAF does not."""

IMPORT_ALL = """
import importlib, sys
for name in sys.argv[1:]:
    importlib.import_module(name)
foreign = [name for name in sys.modules if name.partition(".")[0] in ("mettagrid", "pufferlib")]
print(sorted(foreign))
"""


@pytest.fixture
def absent(monkeypatch):
    def version(name):
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "version", version)


def test_no_module_of_daf_imports_mettagrid():
    names = [
        found.name
        for found in pkgutil.walk_packages(daf.__path__, "daf.")
        if found.name not in ("daf.__main__", f"{RUNS_IN_METTAGRID}player")
    ]
    assert "daf.mettagrid.importing" in names
    done = subprocess.run(
        [sys.executable, "-c", IMPORT_ALL, *names], capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    "needing",
    [
        lambda: policy_class("mettagrid:random"),
        lambda: class_digest("mettagrid:random"),
        lambda: mettagrid_config(load_mission("assembler_1")),
        lambda: cross_check(load_mission("assembler_1"), [0], 1),
        lambda: make_plan(
            BenchmarkConfig.parse(
                {"policies": ["mettagrid:random"], "missions": ["assembler_1"]}, "test"
            )
        ),
    ],
)
def test_what_needs_it_says_how_to_install_it(absent, needing):
    with pytest.raises(ConfigError) as error:
        needing()
    assert INSTALL in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("version", "fits"), [("0.26.21", True), ("0.26.22", True), ("0.26.20", False), ("0.27", False)]
)
def test_other_versions_are_refused(monkeypatch, version, fits):
    monkeypatch.setattr(importlib.metadata, "version", lambda name: version)
    if fits:
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
def test_labels_tell_them_from_ours(class_path, label):
    assert class_label(class_path) == label


def test_a_policy_of_mettagrid_under_a_class_path_of_ours_is_told_its_name(tmp_path, monkeypatch):
    (tmp_path / "theirs.py").write_text("class Mine:\n    def agent_policy(self, agent): ...\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(ConfigError, match=r"is a policy of mettagrid, 'mettagrid:theirs\.Mine'"):
        policy_class("theirs:Mine")
