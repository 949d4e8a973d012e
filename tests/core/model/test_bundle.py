"""A model folder loads whole or not at all, and never runs or opens what does not belong there."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.config import DataConfig, EvaluateConfig, KitConfig, ModelConfig, TrainConfig
from core.data.load import Corpus, TaskSpec
from core.errors import ConfigError, ModelError
from core.model.bundle import MANIFEST, _seal, new_bundle, verify_bundle, write_document
from core.predict.load import Model, load_model
from core.train.recipe import KitFacts, train_bundle
from tests.core.examples import make_examples

FLIPS = 200
KIT = KitFacts("made", "Made up", "Tests.", "…")
SPECS = (TaskSpec("sentiment", "single"), TaskSpec("topics", "multi"))
TEXTS = [("profit rises sharply . oil and steel", None), ("loss after weak demand", "bank")]


@pytest.fixture(scope="module", params=["tuned", "blend"])
def bundle(request: pytest.FixtureRequest, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained model: an encoder alone, and one blended with n-grams."""
    rungs = {"tuned": ("tuned",), "blend": ("tfidf", "probe", "blend")}[request.param]
    config = KitConfig(
        data=DataConfig(validation_fraction=0.2),
        model=ModelConfig(backbone=str(tiny_backbone), max_tokens=32),
        train=TrainConfig(rungs=rungs, epochs=1),
        evaluate=EvaluateConfig(bootstrap_samples=50),
    )
    folder = tmp_path_factory.mktemp(request.param) / "model"
    corpus = Corpus(make_examples(120), [], ("made.csv",), {})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("core.train.ladder._judge", lambda *_: (True, "The last rung is kept, for the test."))
        train_bundle(corpus, SPECS, config, folder, KIT)
    return folder


@pytest.fixture
def copy(bundle: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bundle, tmp_path / "copy"))


def load(folder: Path) -> Model:
    return load_model(folder, KitConfig, "made", precision="fp32")


def test_folder_can_be_moved_and_gives_the_same_probabilities(bundle: Path, copy: Path) -> None:
    before, after = load(bundle).probabilities(TEXTS), load(copy).probabilities(TEXTS)
    for name in before:
        np.testing.assert_array_equal(before[name], after[name])


def test_loaded_model_computes_what_the_trained_one_did(tiny_backbone: Path, tmp_path: Path) -> None:
    config = KitConfig(
        data=DataConfig(validation_fraction=0.2, test_fraction=0.0),
        model=ModelConfig(backbone=str(tiny_backbone), tuning="lora", lora_rank=4),
        train=TrainConfig(rungs=("tuned",), epochs=1, precision="fp32"),
        predict=KitConfig().predict.model_copy(update={"precision": "fp32"}),
    )
    trained = train_bundle(Corpus(make_examples(60), [], (), {}), SPECS, config, tmp_path / "m", KIT)
    for mine, theirs in zip(
        trained.ladder.classifier.logits(TEXTS), load(tmp_path / "m").classifier.logits(TEXTS), strict=True
    ):
        np.testing.assert_allclose(mine, theirs, atol=1e-6)


def test_every_file_truncated_or_missing_is_noticed(bundle: Path, copy: Path) -> None:
    for file in sorted(path for path in bundle.rglob("*") if path.is_file()):
        target = copy / file.relative_to(bundle)
        target.write_bytes(file.read_bytes()[:-1])
        with pytest.raises(ModelError):
            load(copy)
        target.unlink()
        with pytest.raises(ModelError):
            load(copy)
        shutil.copy(file, target)
    assert load(copy).version == load(bundle).version


def test_bit_flipped_anywhere_never_loads(bundle: Path, copy: Path) -> None:
    random = np.random.default_rng(5)
    files = sorted(path for path in copy.rglob("*") if path.is_file())
    for flip in range(FLIPS):
        file = copy / MANIFEST if flip % 4 == 0 else files[random.integers(len(files))]
        with file.open("r+b") as stream:
            place = int(random.integers(file.stat().st_size))
            stream.seek(place)
            byte = stream.read(1)[0]
            stream.seek(place)
            stream.write(bytes([byte ^ (1 << int(random.integers(8)))]))
        with pytest.raises(ModelError):
            verify_bundle(copy)
        with file.open("r+b") as stream:
            stream.seek(place)
            stream.write(bytes([byte]))
    assert verify_bundle(copy) == verify_bundle(bundle)


def reseal(folder: Path) -> None:
    """What an attacker would do: make the manifest agree with the changed folder."""
    (folder / MANIFEST).unlink()
    _seal(folder)


def edit(folder: Path, name: str, change: Callable[[dict], object]) -> None:  # type: ignore[type-arg]
    values = json.loads((folder / name).read_text(encoding="utf-8"))
    changed = change(values)
    write_document(folder, name, values if changed is None else changed)


HOSTILE: dict[str, tuple[str, Callable[[dict], object]]] = {  # type: ignore[type-arg]
    "auto_map": ("model/config.json", lambda v: v.update(auto_map={"AutoModel": "evil.Model"})),
    "unknown model key": ("model/config.json", lambda v: v.update(run_this="evil")),
    "unknown model type": ("model/config.json", lambda v: v.update(model_type="evil")),
    "other sizes": ("model/config.json", lambda v: v.update(hidden_size=64)),
    "no model type": ("model/config.json", lambda v: v.pop("model_type") and None),
    "unknown bundle key": ("bundle.json", lambda v: v.update(loader="evil:run")),
    "unknown rung": ("bundle.json", lambda v: v.update(rung="../../evil")),
    "negative temperature": ("calibration.json", lambda v: v["sentiment"].update(temperature=-1.0)),
    "thresholds missing": ("calibration.json", lambda v: v["topics"].update(thresholds=None)),
    "task without calibration": ("calibration.json", lambda v: v.pop("topics") and None),
    "labels of another size": ("labels.json", lambda v: v[0]["labels"].append("extra")),
    "labels that are no list": ("labels.json", lambda v: {"sentiment": 1}),
    "no priors": ("metrics.json", lambda v: v.pop("priors") and None),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_consistent_but_hostile_document_is_refused(copy: Path, attack: str) -> None:
    name, change = HOSTILE[attack]
    edit(copy, name, change)
    reseal(copy)
    with pytest.raises(ModelError):
        load(copy)


def test_deep_json_is_refused(copy: Path) -> None:
    (copy / "bundle.json").write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")
    reseal(copy)
    with pytest.raises(ModelError):
        load(copy)


def test_unknown_setting_is_refused(copy: Path) -> None:
    with (copy / "config.toml").open("a", encoding="utf-8") as stream:
        stream.write("[evil]\nrun = 'this'\n")
    reseal(copy)
    with pytest.raises(ModelError):
        load(copy)


@pytest.mark.parametrize("name", ["model/pytorch_model.bin", "model/modeling_evil.py", "extra.json", "model/../../x"])
def test_file_that_no_bundle_holds_is_refused_and_not_run(copy: Path, name: str) -> None:
    marker = copy.parent / "ran"
    payload = f"cposix\nsystem\n(S'touch {marker}'\ntR.".encode()
    (copy / name).write_bytes(payload)
    document = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))
    document["files"][name] = {"bytes": len(payload), "sha256": "0" * 64}
    (copy / MANIFEST).write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    with pytest.raises(ModelError):
        load(copy)
    assert not marker.exists()


def test_link_out_of_the_folder_is_refused(copy: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.json"
    shutil.move(copy / "labels.json", secret)
    (copy / "labels.json").symlink_to(secret)
    with pytest.raises(ModelError, match="link"):
        load(copy)


def test_linked_folder_is_refused(copy: Path, tmp_path: Path) -> None:
    shutil.move(copy / "model", tmp_path / "elsewhere")
    (copy / "model").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ModelError, match="link"):
        load(copy)


def test_model_of_another_kit_is_refused(bundle: Path) -> None:
    with pytest.raises(ModelError, match="another kit"):
        load_model(bundle, KitConfig, "support")


def test_failed_writing_leaves_the_old_model_and_no_debris(copy: Path) -> None:
    version = verify_bundle(copy).version

    def fail() -> None:
        with new_bundle(copy) as folder:
            (folder / "labels.json").write_text("[]", encoding="utf-8")
            raise RuntimeError("the disk is full")

    with pytest.raises(RuntimeError):
        fail()
    assert verify_bundle(copy).version == version
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


def test_folder_with_other_things_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="no model folder"), new_bundle(tmp_path):
        pass
    assert (tmp_path / "thesis.tex").read_text(encoding="utf-8") == "mine"
