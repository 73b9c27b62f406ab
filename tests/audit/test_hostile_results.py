"""Audits of results that are made to attack the auditor."""

import copy
import json
import shutil
from pathlib import Path

import pytest

from daf.audit import audit
from daf.audit.jobs import CannotVerifyError, check_policies_trusted_and_unchanged, parse_job
from daf.audit.worker import WorkerClient
from daf.config import AuditConfig, ConfigError, PolicyConfig
from daf.plan.names import compute_policy_identity, fixed_policy_name, foreign_code_digest
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
    """Forge an evaluation of a foreign policy; return its episode table."""
    name = fixed_policy_name(
        "Mine", compute_policy_identity(PolicyConfig(class_path=class_path)), None
    )
    folder = (results / RANDOM).parent
    folder.rename(folder.with_name(f"{name}-e3-w0"))
    file = RANDOM.replace("random", name, 1)

    def change(sidecar):
        code = foreign_code_digest(class_path)
        sidecar["parameters"]["policy"] |= {"class_path": class_path, "class_digest": code}
        sidecar["parameters"]["policy"] |= {"name": name, "policy": "Mine"}
        for group in sidecar["outputs"].values():
            for old in list(group):
                group[old.replace("random", name, 1)] = group.pop(old)

    edit(results, file, change)
    return file


@pytest.mark.parametrize(
    "name", ["mine.py", pytest.param("daf.policies.x.py", marks=pytest.mark.slow)]
)
def test_untrusted_code_does_not_run(name, evaluation_results, tmp_path):
    results = evaluation_results
    (tmp_path / name).write_text(FOREIGN.format(marker=str(tmp_path / "marker")))
    class_path = f"{tmp_path / name}:Mine"
    file = foreign_evaluation(results, class_path)
    result = audit(results, AuditConfig(share=1), print_line=lambda line: None)
    assert not (tmp_path / "marker").exists()
    (finding,) = (f for f in result.findings if f.file == file)
    assert "is foreign code, and not listed in 'trust'" in finding.reason
    assert result.exit_status == 3
    audit(results, AuditConfig(share=1, trust=(class_path,)), print_line=lambda line: None)
    assert (tmp_path / "marker").exists()
    (tmp_path / "marker").unlink()
    with open(tmp_path / name, "a") as edited:
        edited.write("# edited\n")
    audit(results, AuditConfig(share=1, trust=(class_path,)), print_line=lambda line: None)
    assert not (tmp_path / "marker").exists(), "the trusted file was edited"


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
def test_all_class_paths_are_checked(rule, key, class_path, made):
    sidecars = [Sidecar.read(path) for path in sorted(made.rglob(f"*{SUFFIX}"))]
    sidecar = next(r for r in sidecars[::-1] if r.rule == rule)
    parameters = copy.deepcopy(sidecar.parameters)
    node = parameters
    for part in key[:-1]:
        node = node[part]
    node[key[-1]] = class_path
    with pytest.raises((CannotVerifyError, ConfigError), match=r"is foreign code|class_path"):
        check_policies_trusted_and_unchanged(
            parse_job(sidecar.model_copy(update={"parameters": parameters})), ()
        )


@pytest.mark.parametrize("class_path", ["bundle", SHORT_NAMES["bundle"]])
@pytest.mark.parametrize("rule, key", [("evaluate", "policy"), ("train", "run")])
def test_bundle_with_code_is_foreign(rule, key, class_path, made):
    sidecars = [Sidecar.read(path) for path in sorted(made.rglob(f"*{SUFFIX}"))]
    sidecar = next(r for r in sidecars if r.rule == rule)
    changes = {"class_path": class_path, "class_digest": None}
    for init_kwargs, trust in [({}, ()), ({"trust": True}, ("bundle+code",))]:
        changed = sidecar.parameters[key] | changes | {"init_kwargs": init_kwargs}
        parameters = sidecar.parameters | {key: changed}
        job = parse_job(sidecar.model_copy(update={"parameters": parameters}))
        check_policies_trusted_and_unchanged(job, trust)
    with pytest.raises(CannotVerifyError, match=r'"bundle\+code" is foreign code'):
        check_policies_trusted_and_unchanged(job, ())


def test_unknown_parameter(results):
    """A parameter that the rule does not have is rejected."""
    edit(results, RANDOM, lambda r: r["parameters"].update(run={"class_path": "random"}))
    with pytest.raises(ConfigError, match="unknown key 'run'"):
        parse_job(Sidecar.read(results / f"{RANDOM}{SUFFIX}"))


@pytest.mark.parametrize("change", [
    {"device": "foo"},
    {"threads": 10**6}, {"threads": 0}, {"threads": 1.5},
    {"elsewhere": {"more": {"/etc/hostname": "0" * 64}}},
    {"end": "9999-12-31T23:59:59.999999Z"}, {"begin": "0001-01-01T00:00:00+14:00"},
    {"end": "2026-01-01T00:00:00"},
    {"execution": {"x": 1}}, {"execution": {"gpu_memory_fraction": "x"}},
])  # fmt: skip
def test_invalid_sidecar(change, results):
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
def test_parameters_of_invalid_types(change, made):
    sidecar = Sidecar.read(made / f"{RANDOM}{SUFFIX}")
    parameters = sidecar.parameters | change
    with pytest.raises(ConfigError, match="parameters of evaluate: "):
        parse_job(sidecar.model_copy(update={"parameters": parameters}))


def test_invalid_sidecars_do_not_stop_the_audit(results):
    """All sidecars have valid digests; each file gets a verdict."""
    stats, search = "benchmarks/tiny/stats.json", "sweeps/grid/search.json"
    edit(results, RANDOM, lambda r: r["parameters"].update(evaluation={"episodes": 10**7}))
    edit(results, stats, lambda r: r.update(inputs={"episodes": {}}))
    edit(results, search, lambda r: r["outputs"].update(provenance=r["outputs"].pop("search")))
    edit(results, "sweeps/grid/trials.parquet", lambda r: r["parameters"].update(rounds=[[{}]]))
    sidecar = results / f"environment.json{SUFFIX}"
    sidecar.write_text(sidecar.read_text().replace('"cpu"', '"foo"'))
    result = audit(results, AuditConfig(share=1), print_line=lambda line: None)
    verdicts = {f.file: f.verdict for f in result.findings}
    assert result.exit_status == 1
    invalid = (RANDOM, stats, search, "sweeps/grid/trials.parquet", sidecar.name)
    assert {file: verdicts[file] for file in invalid}.keys() == set(invalid)
    assert "verified" not in {verdicts[file] for file in invalid}


HARMFUL = """
import os, time
import torch
from daf.policies import Policy

class Mine(Policy):
    def act(self, observations, state):
        {code}
"""


@pytest.mark.parametrize("code, message", [
    ("os._exit(0)", "the worker process died"),
    ("time.sleep(600)", "the job takes longer than "),
])  # fmt: skip
def test_worker_survives_crash_and_timeout(code, message, results, tmp_path):
    (tmp_path / "mine.py").write_text(HARMFUL.format(code=code))
    class_path = f"{tmp_path / 'mine.py'}:Mine"
    file = foreign_evaluation(results, class_path)
    (other_table,) = results.glob("evaluations/stateless-s5-*/*.parquet")
    minutes = 5 if "exit" in code else 0.02
    with WorkerClient(results, (class_path,), minutes) as worker:
        with pytest.raises(CannotVerifyError, match=message):
            worker.reexecute_job(file, tmp_path / "1")
        name = other_table.relative_to(results).as_posix()
        worker.minutes = 5
        worker.reexecute_job(name, tmp_path / "2")
        assert (tmp_path / "2" / name).read_bytes() == other_table.read_bytes()


def test_process_limits_of_sidecars(results, tmp_path):
    """One worker refuses all of them and survives."""
    file = next(results.glob("runs/*/policy.safetensors"))
    name = file.relative_to(results).as_posix()
    with WorkerClient(results, (), 5) as worker:
        for threads, ranks, message in (
            (1, 9, "made by 9 processes; limit: 8"),
            (1, 4096, "made by 4096 processes"),
            (4096, 1, "made by 4096 threads"),
        ):
            execution = {"ranks": ranks}
            edit(
                results,
                name,
                lambda r, t=threads, e=execution: r.update(threads=t) or r["execution"].update(e),
            )
            with pytest.raises(CannotVerifyError, match=message):
                worker.reexecute_job(name, tmp_path / f"again-{threads}-{ranks}")


@pytest.mark.parametrize("code, message", [
    ("x = [bytearray(10**8) for _ in range(100)]", "MemoryError|memory"),
    ("[os.fork() or time.sleep(600) for _ in range(20)]; time.sleep(600)",
     "it starts more than 12 processes"),
])  # fmt: skip
def test_resource_limits_of_jobs(code, message, results, tmp_path):
    (tmp_path / "mine.py").write_text(HARMFUL.format(code=code))
    class_path = f"{tmp_path / 'mine.py'}:Mine"
    file = foreign_evaluation(results, class_path)
    with (
        WorkerClient(results, (class_path,), 5) as worker,
        pytest.raises(CannotVerifyError, match=message),
    ):
        worker.reexecute_job(file, tmp_path / "1")


def test_working_directory_is_not_imported_from(made, tmp_path, monkeypatch):
    (tmp_path / "daf").mkdir()
    (tmp_path / "daf" / "__init__.py").write_text(f"open({str(tmp_path / 'marker')!r}, 'w')")
    monkeypatch.chdir(tmp_path)
    with WorkerClient(made, (), 5) as worker:
        worker.reexecute_job("benchmarks/tiny/stats.json", tmp_path / "again")
    assert not (tmp_path / "marker").exists()


@pytest.mark.parametrize("name", ["../../../etc/passwd", "/etc/passwd", "a/../../x", "a//b", "."])
def test_paths_outside_results_folder(name, evaluation_results):
    results = evaluation_results
    path = results / f"environment.json{SUFFIX}"
    sidecar = json.loads(path.read_text())
    sidecar["outputs"]["report"] = {name: "0" * 64}
    path.write_text(json.dumps(sidecar))
    result = audit(results, AuditConfig(share=0), print_line=lambda line: None)
    (finding,) = (f for f in result.findings if f.file == f"environment.json{SUFFIX}")
    assert "expected the path of a file within the results folder" in finding.reason
    assert {f.file.split("/")[0] for f in result.findings}.isdisjoint({"..", "", "etc"})
