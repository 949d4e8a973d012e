"""How well the sentiment kit reads news: ``python -m tests.benchmarks.sentiment_quality phrasebank twitter joint``.

Every figure comes out of the kit's own commands with their defaults: ``train`` sees four fifths of the
rows, splits off what it needs to choose and calibrate by, and ``evaluate`` judges on the rest. TF-IDF and
the probe are judged on the same rows. ``joint`` is one model out of PhraseBank, which has only sentiments,
and Reuters-21578, which has only topics: its latest fifth is kept away, of topics with at least ten
earlier stories. Beside it stands the model of PhraseBank alone, on the same rows. A single table gets ten minutes;
of the two together one is much longer, and they get the time that they need.

The times are those of this machine.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from core.data.example import Example
from core.data.split import split_examples
from core.data.write import write_rows
from tests.benchmarks.measuring import SPLIT_SEED, data_folder, run_kit

LEAST_STORIES = 10
TEST_FRACTION = 0.2
TRAINED_WITH = ["--set", "data.test_fraction=0", "--set", f"data.min_label_rows={LEAST_STORIES}"]
ALONE_WITH = ["--budget", "10m"]
SENTIMENTS = {"bearish": "negative", "bullish": "positive"}
Rows = Sequence[Mapping[str, Any]]


def main() -> None:
    """Measure what is asked for; one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=sorted(MEASURES))
    for name in parser.parse_args().names:
        print(json.dumps({"name": name} | MEASURES[name](), ensure_ascii=False), flush=True)


def measure_alone(name: str) -> dict[str, Any]:
    """A table of texts with sentiments by itself."""
    train, test = split_table(name)
    return through_the_kit({"moods": train}, {"moods": test}, ALONE_WITH)


def measure_joint() -> dict[str, Any]:
    """One model of sentiments and topics, and beside it that of the sentiments alone."""
    train, test = split_table("phrasebank")
    earlier, later = split_stories()
    alone = through_the_kit({"moods": train}, {"moods": test}, ALONE_WITH)
    joint = through_the_kit({"moods": train, "topics": earlier}, {"moods": test, "topics": later})
    return {"alone": alone, "joint": joint}


def split_table(name: str) -> tuple[Rows, Rows]:
    """Four fifths and one fifth of a table, by lot within each sentiment."""
    with (data_folder() / "finance" / name / "train.csv").open(encoding="utf-8", newline="") as stream:
        rows = [
            {"title": row["text"], "sentiment": SENTIMENTS.get(row["label"], row["label"])}
            for row in csv.DictReader(stream)
        ]
    examples = [Example(row["title"], labels={"sentiment": row["sentiment"]}) for row in rows]
    split = split_examples(examples, validation_fraction=TEST_FRACTION, test_fraction=0.0, seed=SPLIT_SEED)
    return [rows[i] for i in split.train], [rows[i] for i in split.validation]


def split_stories() -> tuple[Rows, Rows]:
    """The earlier four fifths of Reuters and the latest, with the topics that are frequent in the earlier ones."""
    with (data_folder() / "finance/reuters21578/train.jsonl").open(encoding="utf-8") as stream:
        stories = sorted(map(json.loads, stream), key=lambda story: story["date"])
    cut = round(len(stories) * (1 - TEST_FRACTION))
    counts = Counter(topic for story in stories[:cut] for topic in story["topics"])
    rows = [
        {
            "title": story["title"],
            "body": story["body"],
            "published_at": story["date"],
            "topics": [topic for topic in story["topics"] if counts[topic] >= LEAST_STORIES],
        }
        for story in stories
    ]
    return rows[:cut], rows[cut:]


def through_the_kit(
    train: Mapping[str, Rows], test: Mapping[str, Rows], options: Sequence[str] = ()
) -> dict[str, Any]:
    """Train and evaluate by the command line, on one file or several."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model, data = str(folder / "model"), _write(folder / "train", train)
        begun = time.monotonic()
        trained = run_kit("sentiment", "train", *data, "--out", model, *TRAINED_WITH, *options)
        seconds = round(time.monotonic() - begun, 1)
        judged = run_kit("sentiment", "evaluate", "--model", model, *_write(folder / "test", test))
    found = {key: value for key, value in judged["metrics"].items() if key.endswith(("_f1", "accuracy", "ece"))}
    return {
        "seconds": seconds,
        "chosen": trained["chosen"],
        "validation": {rung["rung"]: rung["validation_score"] for rung in trained["ladder"]},
        "rows": judged["rows"],
        "metrics": {key: round(value, 4) for key, value in found.items()},
        "intervals": {key: [round(end, 4) for end in judged["intervals"][key]]
                      for key in found if key in judged["intervals"]},
        "baselines": {rung: {key: round(values[key], 4) for key in found if key in values}
                      for rung, values in judged["baselines"].items()},
    }  # fmt: skip


def _write(folder: Path, tables: Mapping[str, Rows]) -> list[str]:
    folder.mkdir()
    arguments = []
    for name, rows in tables.items():
        file = folder / f"{name}.jsonl"
        write_rows(str(file), iter(rows))
        arguments += ["--data", str(file)]
    return arguments


MEASURES: dict[str, Callable[[], dict[str, Any]]] = {
    "phrasebank": lambda: measure_alone("phrasebank"),
    "twitter": lambda: measure_alone("twitter_sentiment"),
    "joint": measure_joint,
}

if __name__ == "__main__":
    main()
