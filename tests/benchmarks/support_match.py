"""How well the right answer is found: ``python -m tests.benchmarks.support_match bankfaqs deepset flodial bustm_zh``.

The same questions are searched for by words (BM25), by vectors, by both fused, and by both with the
matcher tuned: with the settings that an index has by default. What is tuned is tuned on other
questions. How both are fused was chosen on the development half of FloDial's dialogues, on the FAQs'
own questions of FloDial and of the COVID FAQ, and on those questions of BankFAQs that are not reported.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.index.document import Document
from core.index.hybrid import Fusion, Query
from core.index.index import Index
from core.index.writer import open_writer
from core.model.latent import fit_latent
from core.predict.match import LatentMatcher, Matcher, OverlapMatcher, frozen_matcher
from core.train.match import MatchTexts, fit_matcher
from kits.support.config import SupportConfig, read_config
from kits.support.index.follow import read_aloud
from tests.benchmarks.measuring import SPLIT_SEED, data_folder

WAYS = {"lexical": Fusion(dense_weight=0.0), "dense": Fusion(lexical_weight=0.0), "hybrid": Fusion()}
DEPTH = 10
SAMPLES = 1000
DECAYS = (0.0, 0.25, 0.5, 0.75, 1.0)
Case = tuple[str, str, str, tuple[str, ...]]


def main() -> None:
    """Measure what is asked for; one JSON object a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=sorted(MEASURES))
    for name in parser.parse_args().names:
        print(json.dumps({"name": name} | MEASURES[name](), ensure_ascii=False), flush=True)


def measure_bankfaqs() -> dict[str, Any]:
    """BankFAQs: a fifth of the questions held out, all answers in the index."""
    rows = read_rows("support/bankfaqs/faq.csv")
    answers = list(dict.fromkeys(row["answer"] for row in rows))
    place = {answer: i for i, answer in enumerate(answers)}
    order = np.random.default_rng(SPLIT_SEED).permutation(len(rows))
    held, known = order[: len(rows) // 5], order[len(rows) // 5 :]
    right = np.array([place[row["answer"]] for row in rows])
    config = SupportConfig()
    texts = MatchTexts([rows[i]["question"] for i in known], answers, right[known])
    tuned = fit_matcher(texts, config, ("full",))
    return compare(
        [make_document(i, "", answer) for i, answer in enumerate(answers)],
        [rows[i]["question"] for i in held],
        [{int(right[i])} for i in held],
        frozen_matcher(config),
        tuned,
    )


def measure_deepset() -> dict[str, Any]:
    """COVID FAQ: questions that were marked as similar to one of the FAQ; questions with answers in the index."""
    entries = read_rows("support/deepset_covid_faq/faq.csv")
    pairs = [row for row in read_rows("support/deepset_covid_faq/pairs.csv") if row["similar"] == "1"]
    place: dict[str, set[int]] = {}
    for i, entry in enumerate(entries):
        place.setdefault(fold(entry["question"]), set()).add(i)
    wanted: dict[str, set[int]] = {}
    for pair in pairs:
        if fold(pair["question_1"]) in place:
            wanted.setdefault(pair["question_2"], set()).update(place[fold(pair["question_1"])])
    config = SupportConfig()
    texts = MatchTexts(
        [entry["question"] for entry in entries], [entry["answer"] for entry in entries], np.arange(len(entries))
    )
    tuned = fit_matcher(texts, config, ("full",))
    shown = [make_document(i, entry["question"], entry["answer"]) for i, entry in enumerate(entries)]
    return compare(shown, list(wanted), list(wanted.values()), frozen_matcher(config), tuned)


def measure_flodial() -> dict[str, Any]:
    """FloDial: the text that an agent's turn rests on, from the customer's last turn or from all so far.

    It is put in as a passage, whose vector is that of all its words, or as an entry, whose vector is its
    question's. How much earlier turns weigh is chosen on half of the dialogues and judged on the other half.
    """
    entries = read_lines("support/flodial/faq.jsonl")
    dialogues = read_lines("support/flodial/dialogues.jsonl")
    cases = [case for dialogue in dialogues for case in find_cases(dialogue)]
    ids = {(entry["flowchart"], entry["id"]): i for i, entry in enumerate(entries)}
    cases = [case for case in cases if case[1:3] in ids]
    names = sorted({case[0] for case in cases})
    chosen = {names[i] for i in np.random.default_rng(SPLIT_SEED).permutation(len(names))[: len(names) // 2]}
    matcher = frozen_matcher(SupportConfig())
    whole = [make_document(i, "", f"{entry['question']}\n{entry['answer']}") for i, entry in enumerate(entries)]
    asked = [make_document(i, entry["question"], entry["answer"]) for i, entry in enumerate(entries)]
    parts = [[case for case in cases if (case[0] in chosen) is mine] for mine in (True, False)]
    return {
        "questions": len(parts[1]),
        "as_passages": compare_turns(whole, ids, *parts, matcher),
        "as_entries": compare_turns(asked, ids, *parts, matcher),
    }


def compare_turns(
    documents: Sequence[Document],
    ids: Mapping[tuple[str, str], int],
    development: Sequence[Case],
    test: Sequence[Case],
    matcher: Matcher,
) -> dict[str, Any]:
    """The last turn alone beside all turns so far, the earlier ones weighing as is best in ``development``."""
    with tempfile.TemporaryDirectory() as folder:
        index = build(Path(folder), documents, matcher)
        ranks = []
        for some in (development, test):
            wanted = [{ids[case[1:3]]} for case in some]
            turns = [case[3] for case in some]
            ranks.append({decay: search_turns(index, matcher, turns, wanted, decay) for decay in DECAYS})
    best = max(DECAYS, key=lambda decay: float((1 / ranks[0][decay]).mean()))
    alone, context = ranks[1][0.0], ranks[1][best]
    return {
        "decay_chosen_on_other_dialogues": best,
        "last_turn_alone": score(alone),
        "with_context": score(context),
        "lead_mrr": lead(context, alone),
    }


def measure_bustm() -> dict[str, Any]:
    """BUSTM (Chinese): whether two questions mean the same, by the matcher of the zh preset and by others.

    How ``overlap`` counts was chosen on half of the pairs; the other half stands apart.
    """
    rows = read_rows("support/bustm_zh/train.csv")
    config = read_config(preset="zh")
    texts = [text for row in rows for text in (row["sentence1"], row["sentence2"])]
    is_same = np.array([row["label"] == "1" for row in rows])
    found = {}
    matchers: dict[str, Matcher] = {
        "overlap": OverlapMatcher(),
        "latent": LatentMatcher(fit_latent(texts, analyzer=config.train.analyzer, seed=config.seed)),
        "packaged_encoder": frozen_matcher(config),
    }
    cosines = {name: paired(matcher, rows) for name, matcher in matchers.items()}
    cosines["shared_characters"] = np.array([shared(row["sentence1"], row["sentence2"]) for row in rows])
    other = np.sort(np.random.default_rng(SPLIT_SEED).permutation(len(rows))[len(rows) // 2 :])
    for name, values in cosines.items():
        found[name] = {
            "auroc": with_interval(values, is_same),
            "auroc_other_half": with_interval(values[other], is_same[other]),
            "accuracy": round(leave_one_out(values, is_same), 4),
        }
    always = max(float(is_same.mean()), 1 - float(is_same.mean()))
    return {"pairs": len(rows), "majority": round(always, 4), **found}


def compare(
    documents: Sequence[Document], questions: Sequence[str], wanted: Sequence[set[int]], frozen: Matcher, tuned: Any
) -> dict[str, Any]:
    """All ways to search, with intervals; ``tuned`` is what ``fit_matcher`` tried, the kept one first."""
    found: dict[str, Any] = {}
    ranks: dict[str, NDArray[np.float64]] = {}
    matchers = {"": frozen} | {f"_{trial.name}": trial.matcher for trial in tuned if trial.name != "frozen"}
    for ending, matcher in matchers.items():
        with tempfile.TemporaryDirectory() as folder:
            index = build(Path(folder), documents, matcher)
            vectors = matcher.embed(list(questions))
            for way, fusion in WAYS.items():
                if ending and way == "lexical":
                    continue
                queries = [Query(text, vector) for text, vector in zip(questions, vectors, strict=True)]
                ranks[way + ending] = find(index, queries, wanted, fusion)
    for name, values in ranks.items():
        found[name] = score(values)
    kept = tuned[0].name
    return {
        "questions": len(questions),
        "documents": len(documents),
        "matcher_kept_by_validation": kept,
        "validation_mrr": {trial.name: round(trial.reciprocal_rank, 4) for trial in tuned},
        **found,
        "hybrid_leads_lexical_mrr": lead(ranks["hybrid"], ranks["lexical"]),
        **{
            f"hybrid{ending}_leads_dense{ending}_mrr": lead(ranks[f"hybrid{ending}"], ranks[f"dense{ending}"])
            for ending in matchers
        },
    }


def make_document(number: int, question: str, answer: str) -> Document:
    """An entry of a FAQ, or a passage where there is no question."""
    text = f"{question}\n{answer}" if question else answer
    return Document(str(number), text, {"kind": "faq" if question else "page"})


def build(folder: Path, documents: Sequence[Document], matcher: Matcher) -> Index:
    """An index as an assistant has it."""
    vectors = matcher.embed([read_aloud(document) for document in documents])
    with open_writer(folder / "index", dimension=matcher.dimension, encoder="benchmark") as writer:
        writer.put(documents, vectors)
        return writer.index


def find(index: Index, queries: Sequence[Query], wanted: Sequence[set[int]], fusion: Fusion) -> NDArray[np.float64]:
    """The rank of the first right document of each query; infinite below ``DEPTH``."""
    ranks = np.full(len(queries), np.inf)
    for row, hits in enumerate(index.search_many(queries, DEPTH, fusion=fusion)):
        at = [rank for rank, hit in enumerate(hits, start=1) if int(hit.document.id) in wanted[row]]
        ranks[row] = at[0] if at else np.inf
    return ranks


def find_cases(dialogue: dict[str, Any]) -> list[Case]:
    """Dialogue, flowchart, entry, and what the customer has said so far, for each turn that rests on an entry."""
    cases, said = [], list[str]()
    for turn in dialogue["turns"]:
        grounded = turn["grounded_doc_id"] or ""
        if turn["speaker"].lower() in ("user", "customer"):
            said.append(turn["text"])
        elif grounded.startswith("faq-") and said:
            cases.append((dialogue["dialogue_id"], dialogue["flowchart"], grounded, tuple(said)))
    return cases


def search_turns(
    index: Index, matcher: Matcher, turns: Sequence[tuple[str, ...]], wanted: Sequence[set[int]], decay: float
) -> NDArray[np.float64]:
    """Search by the last turn, earlier ones weighing less the longer ago they were."""
    texts = sorted({text for said in turns for text in said})
    vectors = dict(zip(texts, matcher.embed(texts), strict=True))
    queries = []
    for said in turns:
        weights = [decay**age for age in range(len(said))]
        vector = sum(w * vectors[text] for w, text in zip(weights, reversed(said), strict=True))
        words = " ".join([said[-1], *(said[-2:-1] if decay else ())])
        queries.append(Query(words, np.asarray(vector / np.linalg.norm(vector), dtype=np.float32)))
    return find(index, queries, wanted, Fusion())


def score(ranks: NDArray[np.float64]) -> dict[str, Any]:
    """Recall at 1 and 5 and MRR at 10, with 95 % intervals."""
    values = {"recall@1": ranks <= 1, "recall@5": ranks <= 5, "mrr@10": 1 / ranks}
    found = {}
    for name, each in values.items():
        low, high = interval(np.asarray(each, dtype=float))
        found[name] = [round(float(each.mean()), 4), round(low, 4), round(high, 4)]
    return found


def lead(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> list[float]:
    """The difference of MRR at 10 on the same questions, with its 95 % interval."""
    gains = 1 / ours - 1 / theirs
    return [round(float(gains.mean()), 4), *(round(end, 4) for end in interval(gains))]


def interval(values: NDArray[np.float64]) -> tuple[float, float]:
    """By resampling questions."""
    random = np.random.default_rng(0)
    means = [values[random.integers(0, len(values), len(values))].mean() for _ in range(SAMPLES)]
    low, high = np.quantile(means, [0.025, 0.975])
    return float(low), float(high)


def paired(matcher: Matcher, rows: Sequence[dict[str, str]]) -> NDArray[np.float64]:
    """The cosine of each pair."""
    first = matcher.embed([row["sentence1"] for row in rows])
    second = matcher.embed([row["sentence2"] for row in rows])
    return np.asarray((first * second).sum(axis=1), dtype=np.float64)


def shared(first: str, second: str) -> float:
    """Share of characters in common: the baseline."""
    return len(set(first) & set(second)) / max(1, len(set(first) | set(second)))


def area(values: NDArray[np.float64], marks: NDArray[np.bool_]) -> float:
    """How often a pair that means the same lies nearer than one that does not."""
    wins = values[marks][:, None] - values[~marks][None, :]
    return float((wins > 0).mean() + 0.5 * (wins == 0).mean())


def with_interval(values: NDArray[np.float64], marks: NDArray[np.bool_]) -> list[float]:
    """The area with its 95 % interval, by resampling pairs."""
    random = np.random.default_rng(0)
    draws = [random.integers(0, len(values), len(values)) for _ in range(SAMPLES)]
    areas = [area(values[draw], marks[draw]) for draw in draws]
    return [round(area(values, marks), 4), *(round(float(end), 4) for end in np.quantile(areas, [0.025, 0.975]))]


def leave_one_out(values: NDArray[np.float64], marks: NDArray[np.bool_]) -> float:
    """Share of pairs that are told right by the threshold that is best on the others."""
    right = 0
    for row in range(len(values)):
        others = np.delete(np.arange(len(values)), row)
        cuts = np.unique(values[others])
        scores = [((values[others] >= cut) == marks[others]).mean() for cut in cuts]
        right += (values[row] >= cuts[int(np.argmax(scores))]) == marks[row]
    return right / len(values)


def fold(text: str) -> str:
    """A text blind to case and spacing."""
    return " ".join(text.casefold().split())


def read_rows(name: str) -> list[dict[str, str]]:
    """A CSV file of the measuring data."""
    with (data_folder() / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def read_lines(name: str) -> list[dict[str, Any]]:
    """A JSONL file of the measuring data."""
    return [json.loads(line) for line in (data_folder() / name).read_text(encoding="utf-8").splitlines()]


MEASURES: dict[str, Callable[[], dict[str, Any]]] = {
    "bankfaqs": measure_bankfaqs,
    "deepset": measure_deepset,
    "flodial": measure_flodial,
    "bustm_zh": measure_bustm,
}

if __name__ == "__main__":
    main()
