"""The verbs of ``python -m kits.sentiment``."""

from __future__ import annotations

from pathlib import Path

from core.cli import Option, Verb, build_app, run_app

OPTIONS = {
    "preset": Option(str, "en or zh: settings to start from."),
    "test": Option(list[str], "check: rows of a test set, to look for leakage.", flag="--test"),
    "text": Option(list[str], "A text to score; may be given several times.", flag="--text"),
    "entity": Option(str, "The company whose standing is asked for, with --text."),
    "topics": Option(Path, "TOML with a line on each topic: scores without a trained model."),
    "explain": Option(bool, "Say which words moved each prediction.", default=False),
    "report": Option(Path, "Also write the HTML report here."),
}
VERBS = {
    "check": Verb(
        "kits.sentiment.data:check", "Look through the data before training on it.",
        ("data", "map", "label", "out", "preset", "test"), ("data",),
    ),
    "train": Verb(
        "kits.sentiment.train:run", "Train a model on labelled rows.",
        ("data", "map", "label", "out", "budget", "preset", "resume"), ("out",),
    ),
    "evaluate": Verb(
        "kits.sentiment.evaluate:run", "Judge a model on rows it has not seen.",
        ("model", "data", "map", "label", "report"), ("model",),
    ),
    "predict": Verb(
        "kits.sentiment.predict:run", "Score texts.",
        ("model", "data", "map", "out", "text", "entity", "topics", "explain"),
    ),
}  # fmt: skip
app = build_app("python -m kits.sentiment", "Topics and sentiment of financial news.", VERBS, OPTIONS)

if __name__ == "__main__":
    run_app(app)
