from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest

from core.config import ModelConfig
from core.errors import ConfigError, ModelError
from core.model import backbone
from core.model.backbone import load_config, load_encoder, load_tokenizer, resolve_backbone
from core.model.heads import TextClassifier
from core.model.tuning import apply_tuning
from tests.core.examples import SENTIMENT


def test_packaged_backbone_is_there_and_whole() -> None:
    folder = resolve_backbone("packaged")
    assert load_config(folder).hidden_size == 384
    assert load_tokenizer(folder).get_vocab_size() > 30_000


def test_damaged_packaged_backbone_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Spec:
        origin = str(tmp_path / "__init__.py")

    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "model.safetensors").write_bytes(b"not the weights")
    monkeypatch.setattr(backbone.importlib.util, "find_spec", lambda _: Spec)
    with pytest.raises(ModelError, match="damaged"):
        resolve_backbone("packaged")


def test_folder_is_taken_as_it_is(tiny_backbone: Path) -> None:
    assert resolve_backbone(str(tiny_backbone)) == tiny_backbone


@pytest.mark.parametrize("name", ["./nowhere", "/no/such/folder", "nonsense", "a/b/c"])
def test_absent_folder_is_named(name: str) -> None:
    with pytest.raises(ModelError, match=r"model\.backbone"):
        resolve_backbone(name)


def test_hub_id_that_is_not_cached_fails_at_once_without_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise AssertionError("a connection was tried")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(ModelError, match="not in the local hub cache"):
        resolve_backbone("somebody/no-such-model")


def test_pickled_weights_are_refused(tiny_backbone: Path, tmp_path: Path) -> None:
    shutil.copy(tiny_backbone / "config.json", tmp_path)
    (tmp_path / "pytorch_model.bin").write_bytes(b"cposix\nsystem\n(S'true'\ntR.")
    with pytest.raises(ModelError, match="safetensors"):
        resolve_backbone(str(tmp_path))


@pytest.mark.parametrize(
    "change", [{"auto_map": {"AutoModel": "evil.Model"}}, {"model_type": "evil"}, {"model_type": None}]
)
def test_configuration_that_wants_its_own_code_is_refused(
    tiny_backbone: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    folder = Path(shutil.copytree(tiny_backbone, tmp_path / "copy"))
    values = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(ModelError):
        load_encoder(folder)


@pytest.mark.parametrize(
    ("tuning", "frozen", "trained"),
    [
        ("head", "encoder.encoder.layer.0.attention.self.query.weight", "heads.0.weight"),
        ("full", "encoder.embeddings.word_embeddings.weight", "encoder.encoder.layer.1.output.dense.weight"),
        ("lora", "base_layer.weight", "lora_A"),
    ],
)
def test_tuning_marks_what_is_trained(tiny_backbone: Path, tuning: str, frozen: str, trained: str) -> None:
    model = TextClassifier(load_encoder(tiny_backbone), (SENTIMENT,))
    apply_tuning(model, ModelConfig(tuning=tuning, lora_rank=4))  # type: ignore[arg-type]
    marks = {name: p.requires_grad for name, p in model.named_parameters()}
    assert not any(mark for name, mark in marks.items() if frozen in name)
    assert all(mark for name, mark in marks.items() if trained in name and "pooler" not in name)


def test_unknown_lora_layer_is_named_with_those_there_are(tiny_backbone: Path) -> None:
    model = TextClassifier(load_encoder(tiny_backbone), (SENTIMENT,))
    with pytest.raises(ConfigError, match="query"):
        apply_tuning(model, ModelConfig(tuning="lora", lora_targets=("q_proj",)))
