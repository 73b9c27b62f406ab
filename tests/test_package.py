"""Public names of the package `daf`."""

import importlib
import subprocess
import sys

import daf


def test_public_names_are_those_of_their_modules():
    for name in set(daf.__all__) - {"__version__"}:
        home = importlib.import_module(daf._HOMES[name])
        assert getattr(daf, name) is getattr(home, name)
    assert set(daf.__all__) == {*daf._HOMES, "__version__"} == set(dir(daf))


def test_import_of_daf_imports_no_other_library():
    code = "import sys; before = set(sys.modules); import daf; print(*set(sys.modules) - before)"
    output = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True
    ).stdout
    packages = {module.partition(".")[0] for module in output.split()}
    assert packages <= {"daf", "typing", "importlib", *sys.stdlib_module_names}
