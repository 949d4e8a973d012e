"""How well past conversations are mined: ``python -m tests.benchmarks.support_mine``.

The sample's transcripts are mined as a user would, once without and once with the FAQ, and compared with
their key: how conversations ended, which of the agents' faults were remarked on, and whether an answer
that was suggested to be kept is one of the faulty ones.
"""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

from core.model.latent import fit_latent
from core.predict.match import LatentMatcher
from kits.support.config import SupportConfig
from kits.support.mine.figure import find_contradictions
from kits.support.mine.pair import mine_pairs, tell_outcome
from kits.support.mine.review import mine
from kits.support.source.faq import load_faq
from kits.support.source.transcript import load_transcripts

SAMPLE = Path(__file__).parents[2] / "sample_data" / "support"


def main() -> None:
    """Measure and print one JSON object."""
    with (SAMPLE / "transcripts_key.csv").open(encoding="utf-8", newline="") as stream:
        key = {row["conversation"]: row for row in csv.DictReader(stream)}
    conversations = load_transcripts([str(SAMPLE / "transcripts.jsonl")]).items
    place = {turn.place: (c.id, number) for c in conversations for number, turn in enumerate(c.turns, start=1)}
    faulty = {(row["conversation"], int(row["faulty_turn"])) for row in key.values() if row["faulty_turn"]}
    outcomes = Counter((key[c.id]["outcome"], tell_outcome(c)) for c in conversations)
    mined = mine_pairs(conversations)
    result: dict[str, Any] = {
        "conversations": len(conversations),
        "pairs": len(mined),
        "outcome_told_right": sum(count for (truth, told), count in outcomes.items() if truth == told),
        "outcomes": {f"{truth} told {told}": count for (truth, told), count in sorted(outcomes.items())},
        "faulty_turns": len(faulty),
    }
    entries = [entry for entry in load_faq([str(SAMPLE / "faq.csv")]).items if entry.valid_until is None]
    for name, trusted in (("alone", []), ("with_faq", [f"{e.question} {e.answer}" for e in entries])):
        answers = [pair.answer for pair in mined]
        matcher = LatentMatcher(fit_latent([*answers, *trusted], analyzer="char"))
        doubts = find_contradictions(answers, [pair.conversation for pair in mined], trusted, matcher)
        remarked = {place[mined[row].place] for row in doubts}
        _, rows = mine(conversations, SupportConfig(), matcher=None, trusted=trusted)
        kept = {place[row["place"]] for row in rows if row["keep"] == "yes"}
        result[name] = {
            "templates": len(rows),
            "suggested": len(kept),
            "suggested_and_faulty": len(kept & faulty),
            "remarked": len(remarked),
            "remarked_and_faulty": len(remarked & faulty),
        }
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
