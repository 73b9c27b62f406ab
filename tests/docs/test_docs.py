"""The documentation names existing files, and its commands and examples are valid."""

import ast
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from daf.cli.commands import COMMANDS
from daf.cli.parser import ListOptionParser
from daf.config import BenchmarkConfig, DAFConfig, DAFSweepConfig
from daf.missions.mission import Mission
from tests.docs.pages import DOCS, PAGES, README, ROOT, find_code, read_commands

TEXTS = (".md", ".py", ".smk", ".yaml", ".toml", ".rst", ".j2", ".def", "")
REFERENCE = re.compile(r"(?<![\w/.-])docs/[\w./-]*\w\.(?:md|png|py)")
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[\w-]+)?\)")
OTHER_PROJECT = ROOT / "tests" / "orchestrators" / "DAF_ORCHESTRATORS.md"


def repository_files() -> list[Path]:
    """Text files of the repository, without files that Git ignores."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in names.splitlines()]
    return [path for path in paths if path.is_file() and path.suffix in TEXTS]


def split_commands(pages: list[Path] = PAGES) -> list[list[str]]:
    """Return the commands of the shell blocks, as words."""
    return [shlex.split(line) for page in pages for line in read_commands(page)]


def test_every_named_page_exists():
    missing = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in repository_files()
        if path != OTHER_PROJECT
        for match in REFERENCE.finditer(path.read_text(encoding="utf-8", errors="replace"))
        if not (ROOT / match[0]).exists()
    ]
    assert missing == []


CODE = re.compile(r"`([^`\n]+)`")
IDENTIFIER = re.compile(r"^::: (\S+)$", re.MULTILINE)
MODULE = re.compile(r"daf(?:\.[A-Za-z_]\w*)+")
PATH = re.compile(r"(?:daf|config|workflow|tests|containers)/[\w./-]*\w")


@pytest.mark.parametrize("page", PAGES, ids=str)
def test_every_named_module_and_path_exists(page):
    text = page.read_text(encoding="utf-8")
    names = CODE.findall(text)
    modules = [name for name in names if MODULE.fullmatch(name)] + IDENTIFIER.findall(text)
    assert [name for name in modules if not resolves(name)] == []
    paths = [name for name in names if PATH.fullmatch(name)]
    assert [name for name in paths if not (ROOT / name).exists()] == []


def resolves(name: str) -> bool:
    """A module, or an attribute of a module or class."""
    module, _, attribute = name.rpartition(".")
    if module.startswith("daf.envs."):  # the import needs libraries of the extras
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text(encoding="utf-8"))
        return attribute in [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    try:
        pkgutil.resolve_name(name)
    except (ImportError, AttributeError):
        return False
    return True


@pytest.mark.parametrize("page", [*PAGES, README, ROOT / "config" / "README.md"], ids=str)
def test_every_link_leads_to_a_file(page):
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if ":" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_the_navigation_has_every_page():
    config = yaml.safe_load((ROOT / "mkdocs.yml").read_text(encoding="utf-8"))

    def listed(entry) -> list[str]:
        if isinstance(entry, str):
            return [entry]
        return [page for part in (entry.values() if isinstance(entry, dict) else entry)
                for page in listed(part)]  # fmt: skip

    assert sorted(listed(config["nav"])) == [str(page.relative_to(DOCS)) for page in PAGES]


def daf_parser() -> ListOptionParser:
    parser = ListOptionParser(prog="daf")
    subparsers = parser.add_subparsers(required=True)
    for add in COMMANDS:
        add(subparsers)
    return parser


@pytest.mark.parametrize(
    "words", [w for w in split_commands([*PAGES, README]) if w[0] == "daf"], ids=" ".join
)
def test_daf_accepts_the_command(words):
    daf_parser().parse_args(words[1:])


IN_SENTENCE = re.compile(r"`(daf \w+ [^`\n]+)`")


def test_daf_accepts_the_commands_in_sentences():
    for page in [*PAGES, README, *(ROOT / "config").glob("*.*")]:
        for command in IN_SENTENCE.findall(page.read_text(encoding="utf-8")):
            if "daf COMMAND" not in command:
                daf_parser().parse_args(shlex.split(command)[1:])


DRY_RUNS = [
    words
    for words in split_commands(sorted((DOCS / "tutorials").glob("*.md")))
    if words[0] == "snakemake" and "--dry-run" in words and "--configfile" not in words
]


@pytest.mark.parametrize("words", DRY_RUNS, ids=" ".join)
def test_a_dry_run_of_the_tutorial_plans_its_jobs(words, tmp_path):
    options = [
        *("--snakefile", ROOT / "workflow" / "Snakefile", "--cores", "1", "--nolock"),
        *("--configfile", ROOT / "config" / "config.yaml"),
    ]
    command = [sys.executable, "-P", "-m", "snakemake", *words[1:], *options]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert {"train 2", "evaluate_variant_1 1"} <= {" ".join(line.split()) for line in jobs(done)}


def jobs(done: subprocess.CompletedProcess) -> list[str]:
    return (done.stdout + done.stderr).splitlines()


@pytest.mark.parametrize(
    "page, text", find_code("python", [*PAGES, README]), ids=lambda value: value[:40]
)
def test_python_examples_are_valid(page, text):
    ast.parse(text)


MODELS = {
    "policies": BenchmarkConfig,
    "search_space": DAFSweepConfig,
    "map": Mission,
    "layout": Mission,
}


@pytest.mark.parametrize(
    "page, text", find_code("yaml", [*PAGES, README]), ids=lambda value: value[:40]
)
def test_keys_of_yaml_examples_exist(page, text):
    data = yaml.safe_load(text)
    assert isinstance(data, dict), page
    known_keys = {"extends", "executor", "cluster-generic-submit-cmd", "cluster-generic-cancel-cmd"}
    known_keys.add("default-resources")
    for model in (BenchmarkConfig, DAFSweepConfig, DAFConfig, Mission):
        known_keys |= model.model_fields.keys()
    assert data.keys() <= known_keys, page
    for part in ("training", "evaluation", "comparison", "teams", "missing", "execution"):
        if part in data and "search_space" not in data:
            BenchmarkConfig.model_fields[part].annotation.model_validate(data[part])


def test_generated_parts_have_every_key_and_command(monkeypatch):
    monkeypatch.syspath_prepend(DOCS)
    import generate

    models = generate.models(BenchmarkConfig, DAFSweepConfig, DAFConfig)
    fields = [field for model in models for field in model.model_fields.items()]
    assert [key for key, field in fields if not field.description] == []
    keys = generate.configuration_keys()
    assert [key for key, _ in fields if f"| `{key}` |" not in keys] == []
    assert [name for name in generate.parsers() if f"## {name}" not in generate.commands()] == []


@pytest.mark.slow
def test_the_site_builds_without_a_warning(tmp_path):
    pytest.importorskip("mkdocs", reason="needs requirements-docs.lock")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path]
    environment = os.environ | {"NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "index.html").is_file()
