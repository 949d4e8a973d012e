"""What it takes to tune a causal language model: ``python -m tests.benchmarks.causal_speed --layers 30 --hidden 576``.

A model with random weights, in the form of a Llama of 135 million parameters unless told otherwise, learns from
examples of 400 tokens that are asked and 60 that are to be written, with the settings as they come. How good a model
becomes depends on the one that is brought along, and is not measured here.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path

from transformers import LlamaConfig, LlamaForCausalLM

from core.config import CausalConfig, KitConfig
from core.train.causal import Written, fit_causal
from core.train.loop import Step, Validation
from tests.benchmarks.measuring import peak_megabytes

ASKED, WRITTEN, VOCABULARY = 400, 60, 49_152


def main() -> None:
    """Tune it, and print what that took as one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--layers", type=int, default=30)
    parser.add_argument("--hidden", type=int, default=576)
    parser.add_argument("--heads", type=int, default=9)
    parser.add_argument("--inner", type=int, default=1536)
    parser.add_argument("--examples", type=int, default=16)
    parser.add_argument("--batch-size", type=int, default=CausalConfig().batch_size)
    options = parser.parse_args()
    model = LlamaForCausalLM(
        LlamaConfig(
            vocab_size=VOCABULARY, hidden_size=options.hidden, intermediate_size=options.inner,
            num_hidden_layers=options.layers, num_attention_heads=options.heads, num_key_value_heads=options.heads // 3,
            tie_word_embeddings=True,
        )
    )  # fmt: skip
    example = Written(range(ASKED), range(ASKED, ASKED + WRITTEN))
    config = CausalConfig(epochs=1, batch_size=options.batch_size, accumulation_steps=1)
    times = [time.monotonic()]
    before = peak_megabytes()

    def note(event: Step | Validation) -> None:
        if isinstance(event, Step):
            times.append(time.monotonic())

    with tempfile.TemporaryDirectory() as origin:
        (Path(origin) / "config.json").write_text("{}", encoding="utf-8")
        learned, held = [example] * options.examples, [example] * 2
        fit_causal(model, learned, held, config, KitConfig(), origin=Path(origin), tell=note)
    settled = times[2:]  # the first update compiles kernels
    facts = {
        "parameters": sum(weight.numel() for weight in model.parameters()),
        "batch_size": options.batch_size,
        "seconds_an_example": round((settled[-1] - settled[0]) / (len(settled) - 1) / options.batch_size, 2),
        "model_mb": round(before),
        "peak_mb": round(peak_megabytes()),
    }
    print(json.dumps(facts))


if __name__ == "__main__":
    main()
