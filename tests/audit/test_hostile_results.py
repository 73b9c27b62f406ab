"""An audit of results that were made to harm whoever audits them."""

import copy
import json
import shutil
from pathlib import Path

import pytest

from daf.audit import audit
from daf.audit.jobs import NotPossible, check_code, job_of
from daf.audit.worker import Worker
from daf.config import AuditConfig, ConfigError, PolicyConfig
from daf.plan.names import class_digest, instance_name, policy_identity
from daf.policies.registry import SHORT_NAMES
from daf.provenance.sidecar import SUFFIX, Sidecar
from tests.audit.forging import edit

FOREIGN = """
from pathlib import Path
Path({marker!r}).touch()
import torch
from daf.policies import Policy

class Mine(Policy):
    def act(self, observations, state):
        return torch.zeros(len(observations), dtype=torch.int64), None
"""


RANDOM = "evaluations/random-e3-w0/assembler_1.parquet"


@pytest.fixture
def results(made, tmp_path) -> Path:
    return Path(shutil.copytree(made, tmp_path / "results"))


def foreign_evaluation(results: Path, class_path: str) -> str:
    """Rename an evaluation, and let its record say that a policy of somebody was played; returns
    the file that the record stands beside."""
    name = instance_name("Mine", policy_identity(PolicyConfig(class_path=class_path)))
    folder = (results / RANDOM).parent
    folder.rename(folder.with_name(f"{name}-e3-w0"))
    file = RANDOM.replace("random", name, 1)

    def change(record):
        code = class_digest(class_path)
        record["parameters"]["policy"] |= {"class_path": class_path, "class_digest": code}
        record["parameters"]["policy"] |= {"name": name, "policy": "Mine"}
        for group in record["outputs"].values():
            for old in list(group):
                group[old.replace("random", name, 1)] = group.pop(old)

    edit(results, file, change)
    return file


@pytest.mark.parametrize("name", ["mine.py", "daf.policies.x.py"])
def test_an_audit_runs_no_code_that_nobody_named(name, results, tmp_path):
    (tmp_path / name).write_text(FOREIGN.format(marker=str(tmp_path / "marker")))
    class_path = f"{tmp_path / name}:Mine"
    file = foreign_evaluation(results, class_path)
    found = audit(results, AuditConfig(share=1), report=lambda line: None)
    assert not (tmp_path / "marker").exists()
    (finding,) = (f for f in found.findings if f.file == file)
    assert "is code from elsewhere, which is run only if you name it (trust)" in finding.why
    assert found.status == 1  # statistics are there that were made of a file which is gone
    audit(results, AuditConfig(share=1, trust=(class_path,)), report=lambda line: None)
    assert (tmp_path / "marker").exists()
    (tmp_path / "marker").unlink()
    with open(tmp_path / name, "a") as edited:
        edited.write("# edited\n")
    audit(results, AuditConfig(share=1, trust=(class_path,)), report=lambda line: None)
    assert not (tmp_path / "marker").exists(), "what was named was another file"


@pytest.mark.parametrize("class_path", [
    "daf.policies.x.py:Mine", "daf.policies.scripted:Random:x", "daf.policies.other:Mine",
    "random:x", "os:system", "RANDOM", "", "/tmp/mine.py:Mine",
])  # fmt: skip
@pytest.mark.parametrize("rule, key", [
    ("evaluate", ("policy", "class_path")),
    ("train", ("run", "class_path")),
    ("deploy", ("policy", "class_path")),
    ("sweep_report", ("sweep", "policy_class_path")),
    ("rank", ("sweep", "policy_class_path")),
    ("compare", ("config", "policies", 0, "class_path")),
    ("pipeline", ("configs", 0, "policies", 0, "class_path")),
])  # fmt: skip
def test_every_class_path_is_looked_at(rule, key, class_path, made):
    records = [Sidecar.read(path) for path in sorted(made.rglob(f"*{SUFFIX}"))]
    record = next(r for r in records[::-1] if r.rule == rule)
    parameters = copy.deepcopy(record.parameters)
    place = parameters
    for part in key[:-1]:
        place = place[part]
    place[key[-1]] = class_path
    with pytest.raises((NotPossible, ConfigError), match=r"is code from elsewhere|class_path"):
        check_code(job_of(record.model_copy(update={"parameters": parameters})), ())


@pytest.mark.parametrize("class_path", ["bundle", SHORT_NAMES["bundle"]])
@pytest.mark.parametrize("rule, key", [("evaluate", "policy"), ("train", "run")])
def test_a_bundle_that_runs_its_own_code_is_code_from_elsewhere(rule, key, class_path, made):
    records = [Sidecar.read(path) for path in sorted(made.rglob(f"*{SUFFIX}"))]
    record = next(r for r in records if r.rule == rule)
    told = {"class_path": class_path, "class_digest": None}
    for init_kwargs, trust in [({}, ()), ({"trust": True}, ("bundle+code",))]:
        changed = record.parameters[key] | told | {"init_kwargs": init_kwargs}
        parameters = record.parameters | {key: changed}
        job = job_of(record.model_copy(update={"parameters": parameters}))
        check_code(job, trust)
    with pytest.raises(NotPossible, match=r'"bundle\+code" is code from elsewhere'):
        check_code(job, ())


def test_what_no_rule_reads_is_refused(results):
    """A parameter that only the check would look at."""
    edit(results, RANDOM, lambda r: r["parameters"].update(run={"class_path": "random"}))
    with pytest.raises(ConfigError, match="unknown key 'run'"):
        job_of(Sidecar.read(results / f"{RANDOM}{SUFFIX}"))


@pytest.mark.parametrize("change", [
    {"device": "foo"},
    {"threads": 10**6}, {"threads": 0}, {"threads": 1.5},
    {"elsewhere": {"more": {"/etc/hostname": "0" * 64}}},
    {"end": "9999-12-31T23:59:59.999999Z"}, {"begin": "0001-01-01T00:00:00+14:00"},
    {"end": "2026-01-01T00:00:00"},
    {"execution": {"x": 1}}, {"execution": {"gpu_memory_fraction": "x"}},
])  # fmt: skip
def test_what_no_job_can_have_is_no_record(change, results):
    sidecar = results / f"{RANDOM}{SUFFIX}"
    sidecar.write_text(json.dumps(json.loads(sidecar.read_text()) | change))
    with pytest.raises(ConfigError) as error:
        Sidecar.read(sidecar)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("change", [
    {"evaluation": {"episodes": "x"}}, {"evaluation": [1]}, {"evaluation": None},
    {"policy": ["x"]}, {"policy": {"class_path": 3}}, {"mission": {}}, {"code": 1},
    {"mission": None}, {"trained_on": "x"},
])  # fmt: skip
def test_parameters_of_wrong_types(change, made):
    record = Sidecar.read(made / f"{RANDOM}{SUFFIX}")
    parameters = record.parameters | change
    with pytest.raises(ConfigError, match="parameters of evaluate: "):
        job_of(record.model_copy(update={"parameters": parameters}))


def test_no_record_ends_the_audit(results):
    """Each of these records is sealed; every file gets its verdict."""
    stats, search = "benchmarks/tiny/stats.json", "sweeps/grid/search.json"
    edit(results, RANDOM, lambda r: r["parameters"].update(evaluation={"episodes": 10**7}))
    edit(results, stats, lambda r: r.update(inputs={"episodes": {}}))
    edit(results, search, lambda r: r["outputs"].update(provenance=r["outputs"].pop("search")))
    edit(results, "sweeps/grid/trials.parquet", lambda r: r["parameters"].update(rounds=[[{}]]))
    sidecar = results / f"environment.json{SUFFIX}"
    sidecar.write_text(sidecar.read_text().replace('"cpu"', '"foo"'))
    found = audit(results, AuditConfig(share=1), report=lambda line: None)
    verdicts = {f.file: f.verdict for f in found.findings}
    assert found.status == 1
    wrong = (RANDOM, stats, search, "sweeps/grid/trials.parquet", sidecar.name)
    assert {file: verdicts[file] for file in wrong}.keys() == set(wrong)
    assert "verified" not in {verdicts[file] for file in wrong}


HARMFUL = """
import os, time
import torch
from daf.policies import Policy

class Mine(Policy):
    def act(self, observations, state):
        {deed}
"""


@pytest.mark.parametrize("deed, said", [
    ("os._exit(0)", "the process that tried it died"),
    ("time.sleep(600)", "it takes longer than "),
])  # fmt: skip
def test_a_job_that_does_harm_ends_alone(deed, said, results, tmp_path):
    (tmp_path / "mine.py").write_text(HARMFUL.format(deed=deed))
    class_path = f"{tmp_path / 'mine.py'}:Mine"
    file = foreign_evaluation(results, class_path)
    (other,) = results.glob("evaluations/stateless-s5-*/*.parquet")
    minutes = 5 if "exit" in deed else 0.02
    with Worker(results, (class_path,), minutes) as worker:
        with pytest.raises(NotPossible, match=said):
            worker.remake(file, tmp_path / "1")
        name = other.relative_to(results).as_posix()
        worker.minutes = 5
        made = worker.remake(name, tmp_path / "2")
        assert (made / name).read_bytes() == other.read_bytes()


@pytest.mark.parametrize("change, said", [
    ({"ranks": 9}, "was done by 9 processes; an audit starts at most 8"),
    ({"ranks": 4096}, "was done by 4096 processes"),
    ({"threads": 4096}, "was done by 4096 threads"),
])  # fmt: skip
def test_a_record_does_not_say_how_many_processes_are_started(change, said, results, tmp_path):
    file = next(results.glob("runs/*/policy.safetensors"))
    name = file.relative_to(results).as_posix()
    threads = change.pop("threads", 1)
    edit(results, name, lambda r: r.update(threads=threads) or r["execution"].update(change))
    with Worker(results, (), 5) as worker, pytest.raises(NotPossible, match=said):
        worker.remake(name, tmp_path / "again")


@pytest.mark.parametrize("deed, said", [
    ("x = [bytearray(10**8) for _ in range(100)]", "MemoryError|memory"),
    ("[os.fork() or time.sleep(600) for _ in range(20)]; time.sleep(600)",
     "it starts more than 12 processes"),
])  # fmt: skip
def test_a_job_that_takes_too_much_ends_alone(deed, said, results, tmp_path):
    (tmp_path / "mine.py").write_text(HARMFUL.format(deed=deed))
    class_path = f"{tmp_path / 'mine.py'}:Mine"
    file = foreign_evaluation(results, class_path)
    with Worker(results, (class_path,), 5) as worker, pytest.raises(NotPossible, match=said):
        worker.remake(file, tmp_path / "1")


def test_the_folder_that_was_sent_is_not_where_code_is_looked_for(made, tmp_path, monkeypatch):
    (tmp_path / "daf").mkdir()
    (tmp_path / "daf" / "__init__.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    with Worker(made, (), 5) as worker:
        worker.remake("benchmarks/tiny/stats.json", tmp_path / "again")
    assert not (tmp_path / "marker").exists()


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
