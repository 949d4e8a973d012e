from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from core.errors import ConfigError, ModelError
from core.model.causal import encode_request, load_causal, save_causal
from tests.core.causal import write_causal


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_causal(tmp_path / "causal", ["some words to write"])


def test_what_is_written_reads_back_as_the_same(folder: Path, tmp_path: Path) -> None:
    model, tokenizer = load_causal(folder)
    with torch.no_grad():
        for weight in model.parameters():
            weight.add_(0.01)
    save_causal(model, tokenizer, tmp_path / "out", {"origin": "causal"})
    save_causal(model, tokenizer, tmp_path / "out", {"origin": "again"})  # what it wrote it may replace
    again, _ = load_causal(tmp_path / "out")
    assert all(torch.equal(value, again.state_dict()[name]) for name, value in model.state_dict().items())
    assert json.loads((tmp_path / "out" / "tuned.json").read_text())["origin"] == "again"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["causal", "out"]


def test_what_is_something_else_is_not_replaced(folder: Path, tmp_path: Path) -> None:
    model, tokenizer = load_causal(folder)
    with pytest.raises(ConfigError, match="in use by something else"):
        save_causal(model, tokenizer, folder, {})
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ConfigError, match="in use by something else"):
        save_causal(model, tokenizer, tmp_path / "file", {})


def test_request_is_written_as_the_model_s_template_has_it(folder: Path) -> None:
    _, tokenizer = load_causal(folder)
    assert tokenizer.decode(encode_request(tokenizer, "words")) == "<user>words<end><assistant>"
    tokenizer.chat_template = None
    assert tokenizer.decode(encode_request(tokenizer, "words")) == "words\n"


def test_folder_without_a_language_model_is_refused(tmp_path: Path, tiny_backbone: Path, folder: Path) -> None:
    with pytest.raises(ModelError, match="no such folder"):
        load_causal(tmp_path / "absent")
    with pytest.raises(ModelError, match="no language model"):
        load_causal(tmp_path)
    with pytest.raises(ModelError):  # an encoder: what scores the vocabulary would be random
        load_causal(tiny_backbone)
    settings = json.loads((folder / "tokenizer_config.json").read_text())
    (folder / "tokenizer_config.json").write_text(json.dumps(settings | {"eos_token": None}))
    with pytest.raises(ModelError, match="eos_token"):
        load_causal(folder)
