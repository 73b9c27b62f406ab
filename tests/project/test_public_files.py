"""Files of a public project: one version, changelog, checks of the hosting service."""

import importlib.metadata
import re
import tomllib
from pathlib import Path

import pytest
import yaml

import daf

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
VERSION = PROJECT["version"]
KINDS = {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
TEMPLATES = sorted((ROOT / ".github" / "ISSUE_TEMPLATE").glob("*_*.yml"))


def headings(level: int) -> list[str]:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    return re.findall(rf"^{'#' * level} (.+)$", text, re.MULTILINE)


def test_every_file_has_the_version_of_pyproject():
    assert importlib.metadata.version("daf") == daf.__version__ == VERSION
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == VERSION
    released = [release for release in headings(2) if release != "[Unreleased]"]
    assert released[0].startswith(f"[{VERSION}] - ")
    images = [
        image
        for path in (
            ROOT / "containers" / "Dockerfile",
            ROOT / "workflow" / "profiles" / "kubernetes" / "job.yaml",
        )
        for image in re.findall(r"registry\.example\.org/daf:(\S+)", path.read_text())
    ]
    assert images == [VERSION, VERSION]


def test_the_changelog_has_the_format_of_keep_a_changelog():
    assert headings(1) == ["Changelog"]
    unreleased, *released = headings(2)
    assert unreleased == "[Unreleased]"
    pattern = r"\[(\d+)\.(\d+)\.(\d+)\] - (\d{4}-\d\d-\d\d)"
    matches = [re.fullmatch(pattern, release) for release in released]
    assert None not in matches
    versions = [tuple(map(int, match.groups()[:3])) for match in matches]
    assert versions == sorted(set(versions), reverse=True)
    dates = [match[4] for match in matches]
    assert dates == sorted(dates, reverse=True)
    assert set(headings(3)) <= KINDS


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.name)
def test_jobs_of_the_hosting_service_run_existing_commands(path):
    text = path.read_text(encoding="utf-8")
    workflow = yaml.safe_load(text)
    assert workflow.keys() == {"name", True, "permissions", "concurrency", "env", "jobs"}
    assert workflow["permissions"] == {"contents": "read"}
    assert "secrets" not in re.sub("#.*", "", text)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for job in workflow["jobs"].values():
        assert {"name", "runs-on", "timeout-minutes", "steps"} <= job.keys()
        for step in job["steps"]:
            assert len({"uses", "run"} & step.keys()) == 1
            if "uses" in step:
                assert re.fullmatch(r"actions/[\w-]+@v\d+", step["uses"])
                continue
            program, *arguments = step["run"].split()
            if program == "make":
                assert re.search(rf"^{re.escape(arguments[0].replace('.venv', '$(VENV)'))}\b"
                                 rf"|^\$\(INSTALLED\):", makefile, re.MULTILINE)  # fmt: skip
            elif not program.startswith(".venv/"):
                assert program == "docker" or (ROOT / program).is_file()


def test_the_tests_run_on_all_supported_versions_of_python():
    [workflow] = [yaml.safe_load(path.read_text(encoding="utf-8")) for path in WORKFLOWS]
    versions = workflow["jobs"]["tests"]["strategy"]["matrix"]["python"]
    assert versions[0] == PROJECT["requires-python"].removeprefix(">=")
    assert versions == [f"3.{minor}" for minor in range(11, 14)]


@pytest.mark.parametrize("path", TEMPLATES, ids=lambda path: path.name)
def test_issue_templates_have_the_keys_of_issue_forms(path):
    template = yaml.safe_load(path.read_text(encoding="utf-8"))
    assert template.keys() == {"name", "description", "labels", "body"}
    for field in template["body"]:
        assert field.keys() == {"type", "id", "attributes", "validations"}
        assert field["type"] == "textarea" and "label" in field["attributes"]


def test_updates_name_existing_folders():
    updates = yaml.safe_load((ROOT / ".github" / "dependabot.yml").read_text())
    assert updates["version"] == 2
    for update in updates["updates"]:
        assert (ROOT / update["directory"].lstrip("/")).is_dir()
        assert update["schedule"]["interval"] in ("daily", "weekly", "monthly")
