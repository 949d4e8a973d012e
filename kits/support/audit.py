"""What may be wrong with intents and with FAQs, beside what core looks for in any data."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import date
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from core.data.example import Example, count_labels
from core.data.issue import LIMIT_CASES, Case, Issue, name_places, quote_text
from core.model.latent import fit_latent
from core.predict.match import LatentMatcher
from kits.support.reading import OUT_OF_SCOPE
from kits.support.source.faq import FaqEntry

FEW_EXAMPLES, FEWEST_EXAMPLES = 20, 10
CONFUSED_SHARE, SAME_SHARE = 0.15, 0.4
FEWEST_CONFUSED = 2
MOST_ROWS = 30_000


def audit_intents(examples: Sequence[Example], seed: int = 0) -> Iterator[Issue]:
    """Intents that are alike, confused with each other, or too small."""
    counts = count_labels(examples, "intent")
    few = {name: rows for name, rows in counts.items() if FEWEST_EXAMPLES <= rows < FEW_EXAMPLES}
    if few:
        yield Issue(
            "few_examples",
            "note",
            f"Intents with fewer than {FEW_EXAMPLES} examples",
            len(few),
            "They can be learned, but each further example still helps much.",
            "Write more, each on its own and as customers would: mine takes them out of past conversations.",
            tuple(Case((), f"{name}: {rows} examples") for name, rows in sorted(few.items(), key=lambda i: i[1])),
        )
    if OUT_OF_SCOPE not in counts:
        yield Issue(
            "no_out_of_scope",
            "note",
            f"No examples that are out of scope ({OUT_OF_SCOPE})",
            0,
            "What belongs to no intent will be imitated, and refused less surely.",
            f"Label with {OUT_OF_SCOPE} what customers write and the assistant shall not answer.",
        )
    yield from _alike_names(counts)
    rows = [row for row, e in enumerate(examples) if e.labels.get("intent") not in (None, OUT_OF_SCOPE)]
    if len(counts) > 2 and len(rows) > len(counts):
        step = -(-len(rows) // MOST_ROWS)
        yield from _confusable([examples[row] for row in rows[::step]], seed)


def audit_faq(entries: Sequence[FaqEntry], today: date) -> Iterator[Issue]:
    """Questions that have two answers at once, and entries that hold no more."""
    expired = [entry for entry in entries if entry.valid_until and entry.valid_until < today]
    if expired:
        yield Issue(
            "faq_expired",
            "note",
            "FAQ entries that hold no more",
            len(expired),
            "They are never given as an answer.",
            "Delete them, or give them a later last day.",
            tuple(Case((e.place,), f"{e.id}: until {e.valid_until}") for e in expired[:LIMIT_CASES]),
        )
    conflicts = [pair for pair in _same_questions(entries) if _conflict(*pair)]
    if conflicts:
        yield Issue(
            "faq_conflicts",
            "error",
            "The same question with different answers at the same time",
            len(conflicts),
            "Which of them a customer gets is chance.",
            "Keep one, or say for whom or from when each holds: audience, locale, valid_from, valid_until.",
            tuple(
                Case((a.place, b.place), f"{quote_text(Example(a.question))}: {a.id} and {b.id}")
                for a, b in conflicts[:LIMIT_CASES]
            ),
        )


def _alike_names(counts: dict[str, int]) -> Iterator[Issue]:
    groups: dict[str, list[str]] = defaultdict(list)
    for name in counts:
        groups["".join(c for c in name.casefold() if c.isalnum())].append(name)
    alike = [names for names in groups.values() if len(names) > 1]
    if alike:
        yield Issue(
            "alike_names",
            "warning",
            "Intents whose names differ in spelling only",
            len(alike),
            "They are taken for different intents.",
            "Make them one with --label THEIRS=OURS.",
            tuple(Case((), " / ".join(f"{n} ({counts[n]})" for n in names)) for names in alike[:LIMIT_CASES]),
        )


def _confusable(examples: Sequence[Example], seed: int) -> Iterator[Issue]:
    """Pairs of intents whose examples lie nearer to the middle of the other than to that of their own."""
    names = sorted({str(example.labels["intent"]) for example in examples})
    own = np.array([names.index(str(example.labels["intent"])) for example in examples])
    texts = [example.text for example in examples]
    vectors = LatentMatcher(fit_latent(texts, analyzer="word+char", seed=seed)).embed(texts)
    nearest = _nearest(vectors, own, len(names))
    taken = np.zeros((len(names), len(names)))
    np.add.at(taken, (own, nearest), 1)
    sizes = taken.sum(axis=1)
    pairs = []
    for a, b in combinations(range(len(names)), 2):
        both = taken[a, b] + taken[b, a]
        share = both / (sizes[a] + sizes[b])
        if share >= CONFUSED_SHARE and both >= FEWEST_CONFUSED:
            pairs.append((float(share), a, b))
    pairs.sort(reverse=True)
    same = [pair for pair in pairs if pair[0] >= SAME_SHARE]
    for kind, title, found, severity, fix in (
        ("same_intents", "Intents that can hardly be told apart", same, "warning",
         "Make them one with --label THEIRS=OURS, or let one answer serve both."),
        ("confusable_intents", "Intents that are often taken for each other", pairs[len(same) :], "note",
         "Look at the examples, move those that stand in the wrong intent, and write more where they differ."),
    ):  # fmt: skip
        if found:
            yield Issue(
                kind,
                severity,  # type: ignore[arg-type]
                title,
                len(found),
                "By their words, so many examples lie nearer to the other intent.",
                fix,
                tuple(_case(share, a, b, names, own, nearest, examples) for share, a, b in found[:LIMIT_CASES]),
            )


def _nearest(vectors: NDArray[np.float32], own: NDArray[np.int64], count: int) -> NDArray[np.int64]:
    """The intent whose middle lies nearest to each row, the row itself taken out of its own."""
    sums = np.zeros((count, vectors.shape[1]))
    np.add.at(sums, own, vectors)
    lengths = np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-9)
    cosines = vectors @ (sums / lengths).T
    rest = sums[own] - vectors
    cosines[np.arange(len(own)), own] = (vectors * rest).sum(axis=1) / np.maximum(np.linalg.norm(rest, axis=1), 1e-9)
    return np.asarray(cosines.argmax(axis=1))


def _case(
    share: float,
    a: int,
    b: int,
    names: Sequence[str],
    own: NDArray[np.int64],
    nearest: NDArray[np.int64],
    examples: Sequence[Example],
) -> Case:
    rows = [int(r) for r in np.flatnonzero(((own == a) & (nearest == b)) | ((own == b) & (nearest == a)))]
    return Case(
        name_places(examples, rows), f"{names[a]} / {names[b]}: {share:.0%}, such as {quote_text(examples[rows[0]])}"
    )


def _same_questions(entries: Sequence[FaqEntry]) -> Iterator[tuple[FaqEntry, FaqEntry]]:
    """Pairs of entries that ask the same, but for case, punctuation and the order of words."""
    groups: dict[tuple[str, str], list[FaqEntry]] = defaultdict(list)
    for entry in entries:
        words = "".join(c if c.isalnum() else " " for c in entry.question.casefold()).split()
        groups[entry.locale, " ".join(sorted(words))].append(entry)
    for group in groups.values():
        yield from combinations(group, 2)


def _conflict(a: FaqEntry, b: FaqEntry) -> bool:
    """Whether both may be given to one customer on one day, and do not say the same."""
    if " ".join(a.answer.split()) == " ".join(b.answer.split()):
        return False
    if "any" not in (a.audience, b.audience) and a.audience != b.audience:
        return False
    first = max(a.valid_from or date.min, b.valid_from or date.min)
    last = min(a.valid_until or date.max, b.valid_until or date.max)
    return first <= last
