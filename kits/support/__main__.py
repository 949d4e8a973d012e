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
    "review": Option(Path, "mine, learn: a review file in which a person has said what to keep."),
    "faq": Option(list[str], "Questions with approved answers; may be given several times.", flag="--faq"),
    "knowledge": Option(list[Path], "index: a folder of pages; may be given several times.", flag="--knowledge"),
    "responses": Option(Path, "index: TOML with the approved answer for each intent."),
    "slots": Option(Path, "index: TOML with what answers need from the customer."),
    "store": Option(str, "Database: sqlite:///FILE or postgresql+psycopg://…"),
    "assistant": Option(Path, "Folder of an assistant, as index made it."),
    "stories": Option(list[Path], "test: YAML with conversations; may be given several times.", flag="--stories"),
    "junit": Option(Path, "test: also write the outcome as JUnit XML here."),
    "days": Option(int, "learn: look back so many days.", default=90),
    "promote": Option(bool, "learn: let the candidate answer if nothing got worse.", default=False),
    "name": Option(str, "key: whose key it is."),
    "scopes": Option(str, "key: what it may do: read, write, admin.", default="read"),
    "expires": Option(str, "key: void after so long: 12h, 90d."),
    "revoke": Option(bool, "key: make the key of this name void.", default=False),
    "customer": Option(str, "chat: private or business.", default="private"),
    "conversation": Option(str, "chat: go on with the conversation of this name."),
}
VERBS = {
    "check": Verb(
        "kits.support.data:check", "Look through the data before training on it.",
        ("data", "map", "label", "out", "preset", "test", "faq"), ("data",),
    ),
    "train": Verb(
        "kits.support.train:run", "Train a model on labelled utterances.",
        ("data", "map", "label", "out", "budget", "preset", "resume", "faq"), ("out",),
    ),
    "evaluate": Verb(
        "kits.support.evaluate:run", "Judge a model on rows it has not seen.",
        ("model", "data", "map", "label", "report"), ("model",),
    ),
    "predict": Verb(
        "kits.support.predict:run", "Say what customers want, and what should be done.",
        ("model", "data", "map", "out", "text", "intents"),
    ),
    "mine": Verb(
        "kits.support.mine.review:run", "Find questions with their best answers in past conversations.",
        ("data", "map", "label", "out", "model", "review", "faq"),
    ),
    "index": Verb(
        "kits.support.assistant.build:run", "Make or update an assistant: model, approved answers, FAQ, pages.",
        ("out", "model", "faq", "knowledge", "responses", "slots", "store", "preset", "map"), ("out",),
    ),
    "tune": Verb(
        "kits.support.assistant.tune:run", "Let a language model learn to answer out of passages as the FAQ does.",
        ("assistant", "out", "faq", "preset", "map", "budget", "resume", "store"), ("assistant", "out"),
    ),
    "test": Verb(
        "kits.support.rehearse.run:run", "Hold conversations that are written down, and say where they go wrong.",
        ("assistant", "stories", "junit"), ("assistant", "stories"),
    ),
    "learn": Verb(
        "kits.support.learn.run:run", "Propose examples out of what happened; with --review train, compare, promote.",
        ("assistant", "out", "review", "data", "test", "stories", "days", "promote", "preset", "map", "label",
         "budget", "store"), ("assistant", "out"),
    ),
    "serve": Verb(
        "kits.support.serve.server:run", "Serve the API and the pages: chat, agents' desk, knowledge, figures.",
        ("assistant", "store"), ("assistant",),
    ),
    "key": Verb(
        "kits.support.serve.keys:run", "Make an API key, list all, or revoke one.",
        ("assistant", "store", "name", "scopes", "expires", "revoke"), ("assistant",),
    ),
    "chat": Verb(
        "kits.support.assistant.chat:run", "Talk with the assistant in the terminal.",
        ("assistant", "customer", "conversation", "store"), ("assistant",),
    ),
}  # fmt: skip
app = build_app("python -m kits.support", "Support dialogue: intents, answers with sources, hand-over.", VERBS, OPTIONS)

if __name__ == "__main__":
    run_app(app)
