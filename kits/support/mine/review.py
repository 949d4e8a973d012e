"""``mine``: writes what transcripts hold for a person to review, and makes an FAQ of what was kept.

The first run writes a table. A person sets ``keep`` to yes or no and edits questions and answers;
the second run, with ``--review``, turns the kept rows into FAQ entries. The suggestion in ``keep``
is yes only where several conversations agree, none of their figures differ, and one ended well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from core.console import say, show_table
from core.data.privacy import redact
from core.data.table import read_table, write_rows
from core.errors import ConfigError, DataError
from core.model.latent import fit_latent
from core.predict.match import LatentMatcher, Matcher
from kits.support.config import SupportConfig, read_config
from kits.support.mine.figure import find_contradictions
from kits.support.mine.pair import Mined, mine_pairs
from kits.support.mine.template import LEAST_COSINE, Template, find_templates, newest
from kits.support.predict import Reader
from kits.support.reading import detect_language
from kits.support.source.faq import load_faq
from kits.support.source.transcript import Conversation, load_transcripts

YES, NO = "yes", "no"
COLUMNS = (
    "keep", "template", "question", "answer", "conversations", "resolved", "last_used", "remarks", "other_questions",
    "locale", "place",
)  # fmt: skip
MOST_QUESTIONS = 5
LEAST_COSINE_LATENT = 0.6
SHOWN_ROWS = 15


def run(
    *,
    data: list[str] | None = None,
    map: list[str] | None = None,
    label: list[str] | None = None,
    model: Path | None = None,
    review: Path | None = None,
    faq: list[str] | None = None,
    out: Path | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb: mine ``--data`` into a review file, or turn a reviewed one into an FAQ.

    Raises:
        ConfigError: The options do not go together.
        DataError: The transcripts hold no question with an answer, or the review no kept row.
    """
    if bool(data) == (review is not None):
        raise ConfigError("give either --data or --review", where="mine", fix="--review names a file that mine wrote")
    if review is not None:
        target = out or Path("faq.csv")
        entries = list(kept_entries(review))
        if not entries:
            raise DataError("no row is kept", where=str(review), fix=f"set keep to {YES} where the answer is right")
        write_rows(str(target), entries)
        say(f"FAQ: {target} ({len(entries)} entries)")
        return {"out": str(target), "entries": len(entries)}
    reader = None if model is None else Reader.load(model)
    base = None if reader is None else reader.config
    settings = read_config(base=base, config=config, set=set, seed=seed, data=data, map=map, label=label)
    loaded = load_transcripts(settings.data.sources, settings.data)
    today = datetime.now(UTC).date()
    trusted = [f"{e.question} {e.answer}" for e in load_faq(faq).items if e.holds(today)] if faq else []
    mined, rows = mine(loaded.items, settings, None if reader is None else reader.scope.matcher, trusted)
    target = out or Path("review.csv")
    write_rows(str(target), rows)
    suggested = sum(row["keep"] == YES for row in rows)
    if not as_json:
        shown = [(row["keep"], row["conversations"], row["question"], row["answer"]) for row in rows[:SHOWN_ROWS]]
        show_table(f"First {len(shown)} of {len(rows)} answers", ("keep", "conversations", "question", "answer"), shown)
    say(f"Review: {target}: {len(rows)} answers out of {len(mined)} pairs, {suggested} suggested to keep")
    rejected = [{"place": r.place, "reason": r.reason} for r in loaded.rejected]
    return {
        "out": str(target),
        "conversations": len(loaded.items),
        "pairs": len(mined),
        "templates": len(rows),
        "suggested": suggested,
        "rejected": rejected,
    }


def mine(
    conversations: Sequence[Conversation],
    config: SupportConfig,
    matcher: Matcher | None = None,
    trusted: Sequence[str] = (),
) -> tuple[list[Mined], list[dict[str, Any]]]:
    """Pairs of question and answer, and a row of the review file for each template.

    Args:
        conversations: The transcripts.
        config: For the seed and the n-grams, where no model is given.
        matcher: Of a trained model; None: n-grams of the answers.
        trusted: Approved answers, against which figures are checked.

    Raises:
        DataError: No agent answered a question.
    """
    mined = mine_pairs(conversations)
    if not mined:
        raise DataError("no question with an answer in the transcripts", expected="turns of customer and agent in turn")
    least = LEAST_COSINE
    if matcher is None:
        texts = [*(pair.answer for pair in mined), *trusted]
        matcher, least = LatentMatcher(fit_latent(texts, analyzer="char", seed=config.seed)), LEAST_COSINE_LATENT
    answers, groups = [pair.answer for pair in mined], [pair.conversation for pair in mined]
    doubts = find_contradictions(answers, groups, trusted, matcher)
    templates = find_templates(mined, matcher, least, doubts)
    return mined, [_row(template, mined, doubts) for template in templates]


def kept_entries(review: Path) -> Iterator[dict[str, Any]]:
    """The kept rows of a review file as FAQ rows.

    Raises:
        DataError: A row's ``keep`` is neither yes nor no, or a kept row lacks question or answer.
    """
    table = read_table(str(review))
    faults = [f"{r.place}: {r.reason}" for r in table.rejected]
    if absent := [name for name in ("keep", "question", "answer") if name not in table.columns]:
        raise DataError(f"no column {absent[0]}", where=str(review), fix="give a file that mine wrote")
    kept = []
    for row in table.rows:
        word = str(row.values.get("keep") or "").strip().lower()
        question, answer = (str(row.values.get(name) or "").strip() for name in ("question", "answer"))
        if word not in (YES, NO, ""):
            faults.append(f"{row.place}: keep is {word[:20]!r}, expected {YES} or {NO}")
        elif word == YES and not (question and answer):
            faults.append(f"{row.place}: kept without {'an answer' if question else 'a question'}")
        elif word == YES:
            kept.append((row.values, question, answer))
    if faults:
        raise DataError("; ".join(faults[:10]))
    for values, question, answer in kept:
        others = [text for text in str(values.get("other_questions") or "").split(" | ") if text.strip()]
        name = f"mined-{values.get('template') or len(others)}"
        for number, text in enumerate([question, *others]):
            locale = values.get("locale") or detect_language(text)
            yield {"id": f"{name}-{number}" if number else name, "question": text, "answer": answer, "locale": locale}


def _row(template: Template, mined: Sequence[Mined], doubts: Mapping[int, str]) -> dict[str, Any]:
    """One answer for the person: personal data redacted, and what speaks against it said."""
    best, members = mined[template.best], [mined[row] for row in template.members]
    conversations = {pair.conversation for pair in members}
    resolved = {pair.conversation for pair in members if pair.outcome == "resolved"}
    remarks = []
    if len(conversations) < 2:
        remarks.append("only one conversation")
    if not resolved:
        remarks.append("no conversation with it ended well")
    if not best.is_first:
        remarks.append("a later question: it may need what was said before")
    remarks.extend(f"{mined[row].place} has {doubts[row]}" for row in template.members if row in doubts)
    good = len(conversations) > 1 and bool(resolved) and best.is_first and template.best not in doubts
    last = newest(mined, template.members)
    others = dict.fromkeys(redact(p.question) for p in members if p.is_first and p is not best)
    return dict(
        zip(
            COLUMNS,
            (
                YES if good else NO,
                template.number,
                redact(best.question),
                redact(best.answer),
                len(conversations),
                len(resolved),
                last.date().isoformat() if last else "",
                "; ".join(remarks),
                " | ".join(list(others)[:MOST_QUESTIONS]),
                detect_language(best.question),
                best.place,
            ),
            strict=True,
        )
    )
