"""Container recipes: equal files and installation."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_recipes_copy_equal_existing_files():
    docker = (ROOT / "containers" / "Dockerfile").read_text()
    apptainer = (ROOT / "containers" / "daf.def").read_text()
    copied = [words.split()[:-1] for words in re.findall(r"^COPY (?!--from)(.*)$", docker, re.M)]
    files = [file for files in copied for file in files]
    assert files == re.findall(r"^ +(\S+) /opt/daf/\1$", apptainer, re.M)
    assert all((ROOT / file).exists() for file in files)
    base = re.search(r"^FROM (\S+)$", docker, re.M)[1]
    assert f"From: {base}" in apptainer
    assert "RUN containers/install" in docker and "/opt/daf/containers/install" in apptainer
    assert {"requirements.lock", "requirements-cluster.lock", "daf", "workflow"} <= set(files)
