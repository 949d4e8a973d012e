"""The verbs of ``python -m kits.support``."""

from __future__ import annotations

from pathlib import Path

from core.cli import Option, Verb, build_app, run_app

OPTIONS = {
    "preset": Option(str, "en or zh: settings to start from."),
    "test": Option(list[str], "check: rows of a test set, to look for leakage.", flag="--test"),
    "text": Option(list[str], "A text to read; may be given several times.", flag="--text"),
    "intents": Option(Path, "TOML with a line on each intent: reads without a trained model."),
    "report": Option(Path, "Also write the HTML report here."),
}
VERBS = {
    "check": Verb(
        "kits.support.data:check", "Look through the data before training on it.",
        ("data", "map", "label", "out", "preset", "test"), ("data",),
    ),
    "train": Verb(
        "kits.support.train:run", "Train a model on labelled utterances.",
        ("data", "map", "label", "out", "budget", "preset", "resume"), ("out",),
    ),
    "evaluate": Verb(
        "kits.support.evaluate:run", "Judge a model on rows it has not seen.",
        ("model", "data", "map", "label", "report"), ("model",),
    ),
    "predict": Verb(
        "kits.support.predict:run", "Say what customers want, and what should be done.",
        ("model", "data", "map", "out", "text", "intents"),
    ),
}  # fmt: skip
app = build_app("python -m kits.support", "Support dialogue: intents, answers with sources, hand-over.", VERBS, OPTIONS)

if __name__ == "__main__":
    run_app(app)
