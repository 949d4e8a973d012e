"""The verbs of ``python -m kits.recommender``."""

from __future__ import annotations

from pathlib import Path

from core.cli import Option, Verb, build_app, run_app

OPTIONS = {
    "preset": Option(str, "en or zh: settings to start from."),
    "items": Option(list[str], "Items, where --data holds events alone; may be given several times.", flag="--items"),
    "user": Option(str, "Whose list: a user of the log."),
    "history": Option(list[str], "An item that a new user liked; may be given several times.", flag="--history"),
    "interests": Option(str, "What a new user likes, in words."),
    "item": Option(str, "similar: the item."),
    "k": Option(int, "How many.", default=10),
    "explain": Option(bool, "Say for each item why it is there.", default=False),
    "report": Option(Path, "Also write the HTML report here."),
    "store": Option(str, "Database: sqlite:///FILE or postgresql+psycopg://…"),
    "trade_off": Option(float, "Variety of the list, from 0 (by score alone) to 1.", flag="--trade-off"),
    "force": Option(bool, "promote: also where the log says nothing against or for it.", default=False),
    "name": Option(str, "key: whose key it is."),
    "scopes": Option(str, "key: what it may do: read, write, admin.", default="read"),
    "expires": Option(str, "key: void after so long: 12h, 90d."),
    "revoke": Option(bool, "key: make the key of this name void.", default=False),
}
VERBS = {
    "check": Verb(
        "kits.recommender.data:check", "Look through items and events before training on them.",
        ("data", "items", "map", "label", "out", "preset"), ("data",),
    ),
    "train": Verb(
        "kits.recommender.train:run", "Train a model on a log of events and the items' texts.",
        ("data", "items", "map", "label", "out", "budget", "preset", "resume"), ("out",),
    ),
    "evaluate": Verb(
        "kits.recommender.evaluate:run", "Judge a model on events it has not seen, beside baselines.",
        ("model", "data", "items", "map", "label", "report"), ("model",),
    ),
    "predict": Verb(
        "kits.recommender.predict:predict", "Write a list for every user of a table.",
        ("model", "data", "map", "out", "k"), ("model",),
    ),
    "recommend": Verb(
        "kits.recommender.show:recommend", "Show one user's list.",
        ("model", "user", "history", "interests", "k", "trade_off", "explain"), ("model",),
    ),
    "similar": Verb(
        "kits.recommender.show:similar", "Show the items nearest to an item.", ("model", "item", "k"),
        ("model", "item"),
    ),
    "serve": Verb(
        "kits.recommender.serve.server:run", "Serve the API and the page.", ("model", "store"),
    ),
    "promote": Verb(
        "kits.recommender.promote:run", "Let a running server go over to a newer model, if the latest log agrees.",
        ("model", "store", "force"), ("model",),
    ),
    "key": Verb(
        "kits.recommender.serve.keys:run", "Make an API key, list all, or revoke one.",
        ("store", "name", "scopes", "expires", "revoke"),
    ),
}  # fmt: skip
app = build_app("python -m kits.recommender", "Ranked, diverse, explained lists from clicks and texts.", VERBS, OPTIONS)

if __name__ == "__main__":
    run_app(app)
