"""An audit of results that were made to harm whoever audits them."""

import json
import shutil
from pathlib import Path

import pytest

from daf.audit import audit
from daf.config import AuditConfig
from daf.record import SUFFIX, Record

FOREIGN = """
from pathlib import Path
Path({marker!r}).touch()
import torch
from daf.policies import Policy

class Mine(Policy):
    def act(self, observations, state):
        return torch.zeros(len(observations), dtype=torch.int64), None
"""


@pytest.fixture
def foreign(made, tmp_path) -> Path:
    """Results whose record says that a policy from a file of somebody made them."""
    results = Path(shutil.copytree(made, tmp_path / "results"))
    (tmp_path / "mine.py").write_text(FOREIGN.format(marker=str(tmp_path / "marker")))
    sidecar = results / "evaluations" / "random-e3-w0" / f"assembler_1.parquet{SUFFIX}"
    record = json.loads(sidecar.read_text())
    record["parameters"]["player"]["class_path"] = f"{tmp_path / 'mine.py'}:Mine"
    sidecar.write_text(Record.model_validate(record).sealed().text())
    return results


def test_an_audit_runs_no_code_that_nobody_named(foreign, tmp_path):
    found = audit(foreign, AuditConfig(share=1), report=lambda line: None)
    assert not (tmp_path / "marker").exists()
    (why,) = {f.why for f in found.findings if f.why and "code from elsewhere" in f.why}
    assert why.endswith("is code from elsewhere, which is run only if you name it (trust)")
    assert found.status == 1  # the report was made of another record than the one here
    trusting = AuditConfig(share=1, trust=(f"{tmp_path / 'mine.py'}:Mine",))
    audit(foreign, trusting, report=lambda line: None)
    assert (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "a/../../x", "a//b", "."])
def test_an_audit_looks_at_nothing_outside(name, made, tmp_path):
    results = Path(shutil.copytree(made, tmp_path / "results"))
    sidecar = results / f"environment.json{SUFFIX}"
    record = json.loads(sidecar.read_text())
    record["outputs"]["report"] = {name: "0" * 64}
    sidecar.write_text(json.dumps(record))
    found = audit(results, AuditConfig(share=0), report=lambda line: None)
    (finding,) = (f for f in found.findings if f.file == f"environment.json{SUFFIX}")
    assert "should be the name of a file within the folder of results" in finding.why
    assert {f.file.split("/")[0] for f in found.findings}.isdisjoint({"..", "", "etc"})
