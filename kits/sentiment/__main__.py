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
    "source": Option(list[str], "Where items come from: a file, folder or URL; any number of times.", flag="--source"),
    "store": Option(str, "Database: sqlite:///FILE or postgresql+psycopg://…"),
    "notify": Option(list[str], "Whom to tell of alerts: an apprise URL or a webhook.", flag="--notify"),
    "once": Option(bool, "End with what is there now.", default=False),
    "name": Option(str, "key: whose key it is."),
    "scopes": Option(str, "key: what it may do: read, write, admin.", default="read"),
    "expires": Option(str, "key: void after so long: 12h, 90d."),
    "revoke": Option(bool, "key: make the key of this name void.", default=False),
    "truth": Option(Path, "What happened: a table with series (or topic), starts_at, ends_at, strength."),
    "inject": Option(str, "backtest: strengths of surges to plant into history: 1.5,2,3,5."),
    "format": Option(str, "export: parquet, csv, tsv or jsonl."),
    "replay": Option(bool, "The source is a recorded stream: its times are the clock.", default=False),
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
    "monitor": Verb(
        "kits.sentiment.monitor.start:run", "Take news in as it comes, and raise alerts when bad news surges.",
        ("model", "source", "store", "notify", "once", "replay", "map"), ("model",),
    ),
    "export": Verb(
        "kits.sentiment.store.export:run", "Write what the monitor keeps as files.",
        ("store", "out", "format"), ("out",),
    ),
    "backtest": Verb(
        "kits.sentiment.backtest.run:run", "Measure on history how good the alarms would have been.",
        ("model", "data", "map", "truth", "inject", "out"), ("model", "data"),
    ),
    "tune": Verb(
        "kits.sentiment.backtest.tune:run", "Choose the alarm threshold on quiet history, so that the budget holds.",
        ("model", "data", "map", "truth", "out"), ("model", "data"),
    ),
    "serve": Verb(
        "kits.sentiment.serve.server:run", "Serve the API and the page; with --source take news in, too.",
        ("model", "store", "source", "notify", "map"),
    ),
    "key": Verb(
        "kits.sentiment.serve.keys:run", "Make an API key, list all, or revoke one.",
        ("store", "name", "scopes", "expires", "revoke"),
    ),
}  # fmt: skip
app = build_app("python -m kits.sentiment", "Topics and sentiment of financial news.", VERBS, OPTIONS)

if __name__ == "__main__":
    run_app(app)
