"""Scoring speed and memory beside what people use: ``python -m tests.benchmarks.predict_speed``.

Each contestant runs in a process of its own, so that peak memory is its own, and they take turns
over several rounds, so that a slow moment of the machine meets all; the median round counts. All
read the same texts (BANKING77) with the same weights: ours scores them with the trained heads,
``transformers.pipeline`` classifies them with its defaults, and ``sentence_transformers`` encodes
them with its defaults. Speed is given by the clock and in CPU time, which stays the same when others
use the machine too, if run with ``OMP_NUM_THREADS=1``.

Speed is worth nothing if the answers change: heads are fitted, and ``same_labels`` is the share of
held-out texts that get the label which fp32 gives them one at a time.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable

from core.model.backbone import PACKAGED, resolve_backbone
from tests.benchmarks.measuring import peak_megabytes, read_intents

LABELS = 3
SPEEDS = ("texts_per_second", "texts_per_cpu_second")


def main() -> None:
    """Measure all and print one JSON object; with ``--only``, one contestant in this process."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=4000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", choices=sorted(CONTESTANTS))
    options = parser.parse_args()
    if options.only:
        print(json.dumps(measure(options.only, options.rows)))
        return
    rounds: dict[str, list[dict[str, float]]] = {name: [] for name in CONTESTANTS}
    for _ in range(options.rounds):
        for name, results in rounds.items():
            command = [sys.executable, "-m", "tests.benchmarks.predict_speed", "--only", name]
            done = subprocess.run([*command, "--rows", str(options.rows)], check=True, capture_output=True, text=True)
            results.append(json.loads(done.stdout.splitlines()[-1]))
    medians = {
        name: {key: statistics.median(result[key] for result in results) for key in results[0]}
        for name, results in rounds.items()
    }
    ratios = {
        name: {speed: medians["fieldkits"][speed] / other[speed] for speed in SPEEDS}
        for name, other in medians.items()
        if name != "fieldkits"
    }
    facts = {"rows": options.rows, "rounds": options.rounds, "same_labels": same_labels(options.rows)}
    print(json.dumps(facts | {"median": medians, "ratio": ratios}, indent=1))


def measure(name: str, rows: int) -> dict[str, float]:
    """Texts per second and per CPU second (without loading the model), and peak memory of this process."""
    train, _, _ = read_intents()
    texts = [example.text for example in train[:rows]]
    score = CONTESTANTS[name]()
    score(texts[:64])
    clocks = (time.perf_counter, time.process_time)
    begun = [clock() for clock in clocks]
    score(texts)
    took = [clock() - start for clock, start in zip(clocks, begun, strict=True)]
    speeds = {name: len(texts) / seconds for name, seconds in zip(SPEEDS, took, strict=True)}
    return speeds | {"peak_mb": peak_megabytes()}


def same_labels(rows: int) -> float:
    """Share of the development texts whose label is that of fp32 without batches."""
    from core.config import KitConfig
    from core.data.example import make_dataset
    from core.predict.engine import EncoderClassifier
    from core.train.fit import fit_probe

    train, development, task = read_intents()
    fast = fit_probe(make_dataset(train, (task,)), (task,), KitConfig())
    exact = EncoderClassifier(fast.model, fast.tokenizer, max_tokens=128, batch_size=1, precision="fp32")
    texts = [(example.text, None) for example in development[:rows]]
    labels, expected = (model.logits(texts)[0].argmax(axis=1) for model in (fast, exact))
    return float((labels == expected).mean())


def _fieldkits() -> Callable[[list[str]], object]:
    from core.data.example import Task
    from core.model.backbone import load_encoder, load_tokenizer
    from core.model.heads import TextClassifier
    from core.predict.engine import EncoderClassifier

    folder = resolve_backbone(PACKAGED)
    task = Task("label", "single", tuple(str(i) for i in range(LABELS)))
    classifier = EncoderClassifier(
        TextClassifier(load_encoder(folder), (task,)), load_tokenizer(folder), max_tokens=128
    )
    return lambda texts: classifier.logits([(text, None) for text in texts])


def _pipeline() -> Callable[[list[str]], object]:
    from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

    folder = resolve_backbone(PACKAGED)
    model = AutoModelForSequenceClassification.from_pretrained(folder, num_labels=LABELS, local_files_only=True)
    classify = pipeline("text-classification", model=model, tokenizer=AutoTokenizer.from_pretrained(folder))
    return lambda texts: classify(texts)


def _sentence_transformers() -> Callable[[list[str]], object]:
    from sentence_transformers import SentenceTransformer

    encoder = SentenceTransformer(str(resolve_backbone(PACKAGED)), local_files_only=True)
    return lambda texts: encoder.encode(texts, show_progress_bar=False)


CONTESTANTS: dict[str, Callable[[], Callable[[list[str]], object]]] = {
    "fieldkits": _fieldkits,
    "pipeline": _pipeline,
    "sentence_transformers": _sentence_transformers,
}

if __name__ == "__main__":
    main()
