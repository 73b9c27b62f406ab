"""Export of a bundle as an ONNX program."""

import importlib.util

import numpy as np
import onnxruntime
import pytest

from daf.config import ConfigError
from daf.deploy.contents import Bundle
from daf.deploy.export import verify_and_export_network
from tests.deploy.conftest import packed

pytestmark = pytest.mark.extras


@pytest.mark.parametrize("policy", ["lstm", "mingru"])
def test_onnx_program_reproduces_the_golden_outputs(policy, tmp_path, capsys):
    bundle = packed(tmp_path / "made", policy, hidden_size=8)
    program = tmp_path / "x.onnx"
    assert verify_and_export_network(str(bundle.file), str(program), trust_code=False) == 0
    assert capsys.readouterr().out.endswith("it reproduces the golden outputs\n")
    golden = Bundle.read(bundle.file).golden
    session = onnxruntime.InferenceSession(program)
    _, recurrent_input = session.get_inputs()
    num_rows = golden["observations"].shape[1]
    recurrent_state = np.zeros((num_rows, recurrent_input.shape[1]), dtype=np.float32)
    for step, observations in enumerate(golden["observations"].numpy()):
        inputs = {"observations": observations, "recurrent_state": recurrent_state}
        logits, values, recurrent_state = session.run(None, inputs)
        np.testing.assert_allclose(logits, golden["logits"][step], rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(values, golden["values"][step], rtol=1e-4, atol=1e-5)


def test_missing_package_is_named(bundle, tmp_path, monkeypatch):
    find_spec = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "onnx" else find_spec(name)
    )
    with pytest.raises(ConfigError, match="package 'onnx' is missing; pip install 'daf"):
        verify_and_export_network(str(bundle.file), str(tmp_path / "x.onnx"), trust_code=False)


def test_other_suffix_is_refused(bundle, tmp_path):
    with pytest.raises(ConfigError, match=r'"x\.pb"; expected a \.pt2 or \.onnx file'):
        verify_and_export_network(str(bundle.file), "x.pb", trust_code=False)
