"""Results folders with the files that reports show."""

import json
from pathlib import Path

from daf.config import DAFSweepConfig, ExecutionConfig
from daf.files.parquet import save_table
from daf.files.text_files import write_json
from daf.missions import load_mission
from daf.provenance.origin import Origin
from daf.provenance.sidecar import SUFFIX, write_outputs_and_sidecar
from tests.report import synthetic
from tests.report.test_sweep_report import content as sweep_content


def write_experiment(results: Path, name: str = "demo", **options) -> Path:
    """Write the files of a benchmark as its report needs them; return its folder."""
    content = synthetic.content(**options)
    folder = results / "benchmarks" / name
    folder.mkdir(parents=True)
    write_json(folder / "stats.json", content["stats"] | {"left_out": []})
    metrics, runs, curves = content["training_metrics"], [], []
    for run in content["runs"]:
        path = results / "runs" / run["run"]
        path.mkdir(parents=True, exist_ok=True)
        runs.append(str(path / "run.json"))
        curves.append(str(path / "metrics.parquet"))
        write_json(runs[-1], {key: value for key, value in run.items() if key != "policy"})
        rows = metrics[metrics["run"] == run["run"]]
        save_table(curves[-1], rows.drop(columns=["run", "policy", "training_seed"]))
    labels = {run["run"]: run["policy"] for run in content["runs"]}
    missions = [load_mission(mission) for mission in ("training_facility_1", "assembler_2")]
    parameters = {"labels": labels, "missions": [mission.resolved() for mission in missions]}
    inputs = {"stats": [str(folder / "stats.json")], "runs": runs, "curves": curves}
    write_sidecar(results, folder, "report", inputs, parameters)
    return folder


def write_sweep(results: Path, name: str = "rates") -> Path:
    """Write the files of a sweep as its report needs them; return its folder."""
    sweep = DAFSweepConfig.parse(
        {
            "name": name,
            "policy_class_path": "stateless",
            "missions": ["assembler_1"],
            "search_space": {"learning_rate": [0.001, 0.01, 0.1], "note": ["a & b", "$x_1$"]},
        },
        "sweep.yaml",
    )
    folder = results / "sweeps" / name
    folder.mkdir(parents=True)
    content = sweep_content(sweep)
    write_json(folder / "search.json", content["search"])
    save_table(folder / "trials.parquet", content["trials"])
    save_table(folder / "rounds.parquet", content["rounds"])
    inputs = {"search": [str(folder / "search.json")]}
    parameters = {"sweep": sweep.model_dump(mode="json", exclude={"execution"})}
    write_sidecar(results, folder, "sweep_report", inputs, parameters)
    return folder


def write_sidecar(results: Path, folder: Path, rule: str, inputs: dict, parameters: dict) -> None:
    """Write a report and its sidecar."""
    report = folder / "report.html"
    with write_outputs_and_sidecar(
        rule=rule,
        inputs=inputs,
        outputs={"report": str(report)},
        sidecar_path=f"{report}{SUFFIX}",
        parameters=json.loads(json.dumps(parameters)),
        execution=ExecutionConfig(results_dir=str(results)),
        origin=Origin.current("cpu"),
    ) as paths:
        paths["report"].write_text("page")
