"""A model folder loads whole or not at all, and never runs or opens what does not belong there."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from core.config import DataConfig, EvaluateConfig, KitConfig, ModelConfig, TrainConfig
from core.data.load import Corpus, TaskSpec
from core.errors import ConfigError, ModelError
from core.model.bundle import MANIFEST, _manifest_bytes, _seal, new_bundle, verify_bundle, write_document
from core.predict.load import Model, load_model
from core.train.recipe import KitFacts, train_bundle
from tests.core.examples import make_examples

FLIPS = 200
KIT = KitFacts("made", "Made up", "Tests.", "…")
SPECS = (TaskSpec("sentiment", "single"), TaskSpec("topics", "multi"))
TEXTS = [("profit rises sharply . oil and steel", None), ("loss after weak demand", "bank")]


@pytest.fixture(scope="module", params=["tuned", "blend", "tuned_blend"])
def bundle(request: pytest.FixtureRequest, tiny_backbone: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small trained model: an encoder alone, and one blended with n-grams."""
    rungs = {
        "tuned": ("tuned",),
        "blend": ("tfidf", "probe", "blend"),
        "tuned_blend": ("tfidf", "probe", "tuned", "tuned_blend"),
    }[request.param]
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
    (folder / name).write_text(json.dumps(values if changed is None else changed), encoding="utf-8")


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
    "priors that are no numbers": ("metrics.json", lambda v: v["priors"].update(sentiment=[float("nan")] * 3)),
    "endless temperature": ("calibration.json", lambda v: v["sentiment"].update(temperature=float("inf"))),
    "threshold that is no number": ("calibration.json", lambda v: v["topics"].update(thresholds=[float("nan")] * 3)),
    "threshold above one": ("calibration.json", lambda v: v["topics"].update(thresholds=[2.0] * 3)),
    "no task": ("labels.json", lambda v: []),
    "a task twice": ("labels.json", lambda v: [v[0], v[0]]),
    "a label twice": ("labels.json", lambda v: v[0].update(labels=["negative", "negative", "positive"])),
    "unknown kind of task": ("labels.json", lambda v: v[0].update(kind="evil")),
    "marks beyond 64 bits": ("rows.json", lambda v: v.update(train=[2**70])),
    "negative marks": ("rows.json", lambda v: v.update(train=[-1])),
    "more tokens than positions": ("bundle.json", lambda v: v.update(max_tokens=100_000)),
    "unknown kind of model": ("bundle.json", lambda v: v.update(kind="pickle")),
    "fewer layers than weights": ("model/config.json", lambda v: v.update(num_hidden_layers=1)),
    "more layers than weights": ("model/config.json", lambda v: v.update(num_hidden_layers=3)),
    "layers without end": ("model/config.json", lambda v: v.update(num_hidden_layers=10**9)),
    "no heads": ("model/config.json", lambda v: v.update(num_attention_heads=0)),
    "words for numbers": ("model/config.json", lambda v: v.update(num_hidden_layers="many")),
    "unknown activation": ("model/config.json", lambda v: v.update(hidden_act="evil")),
    "attention from the hub": ("model/config.json", lambda v: v.update(attn_implementation="evil/kernel")),
    "output that cannot be read": ("model/config.json", lambda v: v.update(return_dict=False)),
    "tokens that the encoder lacks": ("model/tokenizer.json", lambda v: v["model"]["vocab"].update(profit=10**6)),
    "tokenizer that is none": ("model/tokenizer.json", lambda v: []),
}


@pytest.mark.parametrize("attack", HOSTILE)
def test_consistent_but_hostile_document_is_refused(copy: Path, attack: str) -> None:
    name, change = HOSTILE[attack]
    edit(copy, name, change)
    reseal(copy)
    with pytest.raises(ModelError):
        load(copy)


@pytest.mark.parametrize("name", ["bundle.json", "metrics.json", "model/config.json", "model/tokenizer.json"])
def test_deep_json_is_refused(copy: Path, name: str) -> None:
    (copy / name).write_text("[" * 100_000 + "]" * 100_000, encoding="utf-8")
    reseal(copy)
    with pytest.raises(ModelError):
        load(copy)


@pytest.mark.parametrize("text", ["seed = " + "[" * 100_000, "seed = 1 =", "seed = 'one'", "\0"])
def test_configuration_that_cannot_be_read_is_refused(copy: Path, text: str) -> None:
    (copy / "config.toml").write_text(text, encoding="utf-8")
    reseal(copy)
    with pytest.raises(ModelError):
        load(copy)


@pytest.mark.parametrize("name", ["model.safetensors", "heads.safetensors", "tokenizer.json"])
def test_pickle_under_the_name_of_weights_is_refused_and_not_run(copy: Path, name: str) -> None:
    marker = copy.parent / "ran"
    (copy / "model" / name).write_bytes(f"cposix\nsystem\n(S'touch {marker}'\ntR.".encode())
    reseal(copy)
    with pytest.raises(ModelError):
        load(copy)
    assert not marker.exists()


@pytest.mark.parametrize("change", ["less", "more", "not a number"])
@pytest.mark.parametrize("name", ["model.safetensors", "heads.safetensors"])
def test_weights_that_are_not_those_of_the_model_are_refused(copy: Path, name: str, change: str) -> None:
    tensors = load_file(copy / "model" / name)
    first = "embeddings.LayerNorm.weight" if name == "model.safetensors" else "0.weight"
    if change == "less":
        del tensors[first]
    elif change == "more":
        tensors["evil"] = tensors[first].copy()
    else:
        tensors[first] = np.full_like(tensors[first], np.nan)
    save_file(tensors, copy / "model" / name)
    reseal(copy)
    with pytest.raises(ModelError):
        load(copy)


@pytest.mark.parametrize(
    "name",
    [
        "bundle.json",
        "labels.json",
        "rows.json",
        "metrics.json",
        "config.toml",
        "calibration.json",
        "model/config.json",
        "model/tokenizer.json",
        "model/model.safetensors",
        "model/heads.safetensors",
    ],
)
def test_bundle_that_was_sealed_without_a_file_is_refused(copy: Path, name: str) -> None:
    (copy / name).unlink()
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


@pytest.mark.parametrize(
    "files",
    [
        {"manifest.json": {"bytes": 1, "sha256": "0"}},
        {"/etc/passwd": {"bytes": 1, "sha256": "0"}},
        [],
        {"labels.json": 1},
    ],
)
def test_manifest_that_states_nonsense_is_refused(copy: Path, files: object) -> None:
    stated = json.loads((copy / MANIFEST).read_text(encoding="utf-8"))["files"]
    (copy / MANIFEST).write_bytes(_manifest_bytes(stated | files if isinstance(files, dict) else files))  # type: ignore[arg-type]
    with pytest.raises(ModelError):
        load(copy)


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


@pytest.mark.parametrize("name", ["index.html", "model/notes.txt", ".git/HEAD"])
def test_folder_of_other_software_that_has_a_manifest_is_not_overwritten(tmp_path: Path, name: str) -> None:
    site = tmp_path / "site"
    (site / name).parent.mkdir(parents=True)
    (site / name).write_text("mine", encoding="utf-8")
    for manifest in (MANIFEST, "bundle.json"):
        (site / manifest).write_text("{}", encoding="utf-8")
    with pytest.raises(ConfigError, match="no model folder"), new_bundle(site):
        pass
    assert (site / name).read_text(encoding="utf-8") == "mine"


def test_own_notes_in_a_model_folder_are_not_lost(copy: Path) -> None:
    (copy / "notes.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(ConfigError, match="no model folder"), new_bundle(copy):
        pass


def test_damaged_model_may_be_replaced(copy: Path) -> None:
    (copy / "labels.json").write_text("damaged", encoding="utf-8")
    with new_bundle(copy) as folder:
        write_document(folder, "labels.json", [])
    assert set(verify_bundle(copy).files) == {"labels.json"}
    assert [path.name for path in copy.parent.iterdir()] == ["copy"]


@pytest.mark.parametrize("out", [".", ".."])
def test_working_folder_itself_is_no_target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, out: str) -> None:
    (tmp_path / "work").mkdir()
    monkeypatch.chdir(tmp_path / "work")
    with pytest.raises(ConfigError, match="--out"), new_bundle(Path(out)):
        pass


def _replace_and_die(folder: str, moment: int) -> None:
    """Replace a bundle in this process and die by SIGKILL before the given rename, removal or sync."""
    left = [moment]

    def watch(event: str, arguments: tuple[object, ...]) -> None:
        if event in ("os.rename", "shutil.rmtree", "os.remove", "os.rmdir", "os.mkdir", "open"):
            left[0] -= 1
            if left[0] < 0:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)
    with new_bundle(Path(folder)) as partial:
        write_document(partial, "bundle.json", {})
        write_document(partial, "labels.json", [])


def test_killed_at_any_moment_leaves_the_old_model_or_the_new_one(tmp_path: Path) -> None:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["core.train.fit", "peft"])
    (tmp_path / "old").mkdir()
    write_document(tmp_path / "old", "bundle.json", {})
    _seal(tmp_path / "old")
    old, seen = verify_bundle(tmp_path / "old").version, []
    for moment in range(60):
        folder = Path(shutil.copytree(tmp_path / "old", tmp_path / str(moment) / "model"))
        process = context.Process(target=_replace_and_die, args=(str(folder), moment))
        process.start()
        process.join(60)
        aside = folder.with_name(".model.old")
        seen.append(verify_bundle(folder if folder.exists() else aside).version)
        if process.exitcode == 0:
            break
        assert process.exitcode == -signal.SIGKILL
        with pytest.raises(RuntimeError), new_bundle(folder):  # the next run puts back what a kill left aside
            raise RuntimeError
        assert verify_bundle(folder).version == seen[-1]
    assert process.exitcode == 0
    new = seen[-1]
    assert new != old
    assert seen == sorted(seen, key=lambda version: version == new)
    assert seen.count(old) > 5
