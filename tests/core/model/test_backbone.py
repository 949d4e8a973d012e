from __future__ import annotations

import json
import shutil
import socket
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file
from transformers import AutoConfig

from core.config import ModelConfig
from core.errors import ConfigError, ModelError
from core.model import backbone
from core.model.backbone import check_length, load_config, load_encoder, load_tokenizer, resolve_backbone
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
    "change",
    [
        {"auto_map": {"AutoModel": "evil.Model"}},
        {"model_type": "evil"},
        {"model_type": None},
        {"num_hidden_layers": "many"},
        {"num_attention_heads": 0},
        {"id2label": [1]},
        {"dtype": "evil"},
    ],
)
def test_configuration_that_wants_its_own_code_or_makes_no_sense_is_refused(
    tiny_backbone: Path, tmp_path: Path, change: dict[str, object]
) -> None:
    folder = Path(shutil.copytree(tiny_backbone, tmp_path / "copy"))
    values = json.loads((folder / "config.json").read_text()) | change
    (folder / "config.json").write_text(json.dumps(values))
    with pytest.raises(ModelError):
        load_encoder(folder)


@pytest.mark.parametrize("damage", ["cut", "layer missing", "of another size"])
def test_damaged_weights_are_refused_and_not_made_up(tiny_backbone: Path, tmp_path: Path, damage: str) -> None:
    folder = Path(shutil.copytree(tiny_backbone, tmp_path / "copy"))
    weights = folder / "model.safetensors"
    tensors, name = load_file(weights), "encoder.layer.1.output.dense.weight"
    if damage == "cut":
        weights.write_bytes(weights.read_bytes()[:-100])
    elif damage == "layer missing":
        del tensors[name]
        save_file(tensors, weights)
    else:
        tensors[name] = tensors[name][1:].copy()
        save_file(tensors, weights)
    with pytest.raises(ModelError, match="encoder"):
        load_encoder(folder)


def test_backbone_without_a_pooler_is_welcome(tiny_backbone: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_backbone, tmp_path / "copy"))
    tensors = {n: v for n, v in load_file(folder / "model.safetensors").items() if "pooler" not in n}
    save_file(tensors, folder / "model.safetensors")
    assert load_encoder(folder).config.hidden_size == 32


def test_folder_without_a_vocabulary_is_refused(tiny_backbone: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(tiny_backbone, tmp_path / "copy"))
    (folder / "tokenizer.json").unlink()
    with pytest.raises(ModelError, match="no usable tokenizer"):
        load_tokenizer(folder)


@pytest.mark.parametrize(("kind", "most"), [("bert", 512), ("roberta", 510), ("modernbert", 8192)])
def test_more_tokens_than_positions_are_refused(kind: str, most: int) -> None:
    config = AutoConfig.for_model(kind)
    if kind == "roberta":
        config.max_position_embeddings = 512
    check_length(config, most)
    with pytest.raises(ConfigError, match=rf"model\.max_tokens.*at most {most}"):
        check_length(config, most + 1)


def test_encoder_with_relative_positions_reads_any_length() -> None:
    check_length(AutoConfig.for_model("t5"), 8192)


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
