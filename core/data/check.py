"""What may be wrong with data: every ``check_*`` looks for one thing and yields what it found."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence

from core.data import duplicates, suspects
from core.data.example import Example, Task, label_names
from core.data.issue import (
    LIMIT_CASES,
    Case,
    Issue,
    list_labels,
    name_place,
    name_places,
    quote_text,
    shorten_safely,
)
from core.data.privacy import find_personal
from core.data.profile import TaskProfile
from core.data.row import Rejected

LIMIT_SUSPECTS = 100
MANY_SUSPECTS = 0.1
FEW_ROWS = 10
IMBALANCE_NOTE, IMBALANCE_WARNING = 10, 50
REJECTED_ERROR_SHARE = 0.1
DUPLICATE_WARNING_SHARE = 0.05


def check_rejected(rejected: Sequence[Rejected], rows: int) -> Iterator[Issue]:
    """Records that could not be read, by reason."""
    if not rejected:
        return
    groups: dict[str, list[Rejected]] = defaultdict(list)
    for record in rejected:  # "3 cells" and "4 cells" are one reason
        groups[re.sub(r"\d[\d,]*|'[^']*'|\"[^\"]*\"", "…", record.reason)].append(record)
    ordered = sorted(groups.values(), key=len, reverse=True)
    yield Issue(
        "rejected",
        "error" if len(rejected) > REJECTED_ERROR_SHARE * (rows + len(rejected)) else "warning",
        "Records that could not be read",
        len(rejected),
        "They are left out of everything that follows.",
        "Correct them at the places given, or export the data again.",
        tuple(
            Case(
                tuple(record.place for record in group[:LIMIT_CASES]),
                f"{len(group):,} x {shorten_safely(group[0].reason)}",
            )
            for group in ordered[:LIMIT_CASES]
        ),
    )


def check_empty(examples: Sequence[Example]) -> Iterator[Issue]:
    """Rows without a text."""
    empty = [row for row, example in enumerate(examples) if not example.text.strip()]
    if empty:
        yield Issue(
            "empty_text",
            "warning",
            "Rows without a text",
            len(empty),
            "There is nothing to learn from them, and their label misleads.",
            "Fill them in, remove them, or name the right text column with --map text=THEIRS.",
            (Case(name_places(examples, empty)),),
        )


def check_labels(examples: Sequence[Example], task: Task, profile: TaskProfile) -> Iterator[Issue]:
    """Labels that are unknown, missing, rare or out of balance."""
    foreign = [
        (row, name)
        for row, example in enumerate(examples)
        for name in label_names(example, task.name) or ()
        if name not in task.labels
    ]
    if foreign:
        by_name: dict[str, list[int]] = defaultdict(list)
        for row, name in foreign:
            by_name[name].append(row)
        yield Issue(
            "unknown_labels",
            "error",
            f"Labels that “{task.name}” does not have",
            len(foreign),
            "Such a label counts as not known, so its row teaches nothing here.",
            "Translate it with --label THEIRS=OURS, or add it to the labels.",
            tuple(
                Case(name_places(examples, rows), shorten_safely(name))
                for name, rows in list(by_name.items())[:LIMIT_CASES]
            ),
        )
    if not profile.known:
        why = "Nothing can be learned about it."
        fix = f"Name the column with --map {task.name}=THEIRS."
        yield Issue("no_labels", "error", f"No row has a label for “{task.name}”", len(examples), why, fix)
        return
    rare = {name: count for name, count in profile.counts.items() if count < FEW_ROWS and name in task.labels}
    if rare:
        yield Issue(
            "rare_labels",
            "warning",
            f"Labels of “{task.name}” with fewer than {FEW_ROWS} rows",
            len(rare),
            "A label seen this rarely is hardly learned, and its score is mostly chance.",
            "Label more rows with it, or merge it into a neighbour with --label RARE=OTHER.",
            tuple(
                Case((), f"{shorten_safely(name)}: {count} rows") for name, count in list(rare.items())[:LIMIT_CASES]
            ),
        )
    if profile.imbalance >= IMBALANCE_NOTE:
        yield Issue(
            "imbalance",
            "warning" if profile.imbalance >= IMBALANCE_WARNING else "note",
            f"Labels of “{task.name}” are out of balance",
            0,
            f"The most frequent label has {profile.imbalance:g} rows for each row of the rarest one.",
            "Judge by macro-F1 instead of accuracy, and bring more rows of the rare labels.",
        )


def check_duplicates(examples: Sequence[Example]) -> Iterator[Issue]:
    """The same text again, and nearly the same text again."""
    groups = sorted(duplicates.group_same(examples), key=len, reverse=True)
    surplus = sum(len(rows) - 1 for rows in groups)
    if groups:
        yield Issue(
            "exact_duplicates",
            "warning" if surplus > DUPLICATE_WARNING_SHARE * len(examples) else "note",
            "The same text more than once",
            surplus,
            "Repeated rows weigh more in training; a split keeps them on one side.",
            "Remove the repetitions unless their frequency is what you mean.",
            tuple(Case(name_places(examples, rows), quote_text(examples[rows[0]])) for rows in groups[:LIMIT_CASES]),
        )
    if near := duplicates.find_near(examples):
        yield Issue(
            "near_duplicates",
            "note",
            "Nearly the same text",
            len(near),
            f"Their n-grams agree to {duplicates.NEAR_SIMILARITY:.0%} or more: reprints, templates, edits."
            + _say_limit(examples),
            "Keep one of each, or give related rows the same group so that a split keeps them together.",
            tuple(_near_case(examples, examples, pair) for pair in near[:LIMIT_CASES]),
        )


def check_conflicts(examples: Sequence[Example], task: Task) -> Iterator[Issue]:
    """The same text with different labels."""
    if conflicts := duplicates.find_conflicts(examples, task.name):
        yield Issue(
            "conflicting_labels",
            "warning",
            f"The same text with different labels of “{task.name}”",
            sum(map(len, conflicts)),
            "No model can be right on all of them, and the score is capped.",
            "Decide which label holds, and write down the rule for the next time.",
            tuple(
                Case(
                    name_places(examples, rows),
                    f"{quote_text(examples[rows[0]])} → "
                    + " / ".join(dict.fromkeys(_name_labels(examples[row], task) for row in rows)),
                )
                for rows in conflicts[:LIMIT_CASES]
            ),
        )


def check_leakage(examples: Sequence[Example], test: Sequence[Example]) -> Iterator[Issue]:
    """Texts of the test data that are also trained on."""
    if shared := duplicates.find_shared(test, examples):
        yield Issue(
            "leakage_exact",
            "error",
            "Test texts that are also in the training data",
            len(shared),
            "The model has seen these answers, so the test score is too good.",
            "Remove them from one side, or let the split be made by train.",
            tuple(
                Case((name_place(test, row), name_place(examples, other)), quote_text(test[row]))
                for row, other in shared[:LIMIT_CASES]
            ),
        )
    if test and (near := duplicates.find_near(examples, test)):
        yield Issue(
            "leakage_near",
            "warning",
            "Test texts that are nearly in the training data",
            len(near),
            f"At {duplicates.NEAR_SIMILARITY:.0%} agreement or more, remembering is enough to be right."
            + _say_limit(examples),
            "Split by time or by group instead of at random.",
            tuple(_near_case(examples, test, pair) for pair in near[:LIMIT_CASES]),
        )


def check_suspects(examples: Sequence[Example], task: Task, seed: int) -> Iterator[Issue]:
    """Labels that look wrong to a model trained on the other rows."""
    found, left_out = suspects.find_suspects(examples, task, seed)
    if found:
        is_hard = len(found) > MANY_SUSPECTS * len(examples)
        doubt = " So many say more of the task than of the labels: it is too hard for this simple model."
        yield Issue(
            "suspect_labels",
            "note" if is_hard else "warning",
            f"Labels of “{task.name}” that look wrong",
            len(found),
            "A simple model trained on the other rows is sure of another label"
            + (f" ({left_out})." if left_out else ".")
            + (doubt if is_hard else ""),
            "Look through the first of them, and correct those that are wrong."
            if is_hard
            else "Look through them from the top, and correct those that are wrong.",
            tuple(
                Case(
                    (name_place(examples, suspect.row),),
                    f"{quote_text(examples[suspect.row])}: {list_labels(suspect.given)} → "
                    f"{list_labels(suspect.likely)}? (given label {suspect.confidence:.0%} likely)",
                )
                for suspect in found[:LIMIT_SUSPECTS]
            ),
        )
    elif left_out:
        yield Issue(
            "suspect_labels_skipped",
            "note",
            f"Labels of “{task.name}”: not fully checked for mistakes",
            0,
            f"{left_out[0].upper()}{left_out[1:]}.",
            f"Bring at least {suspects.CLASS_ROWS} rows of each label.",
        )


def check_personal(examples: Sequence[Example]) -> Iterator[Issue]:
    """Personal data in the texts: how often and where, never what."""
    places: dict[str, list[int]] = defaultdict(list)
    for row, example in enumerate(examples):
        for kind in {finding.kind for text in (example.text, example.pair or "") for finding in find_personal(text)}:
            places[kind].append(row)
    if places:
        ordered = sorted(places.items(), key=lambda item: (-len(item[1]), item[0]))
        yield Issue(
            "personal_data",
            "warning",
            "Personal data in the texts",
            len({row for rows in places.values() for row in rows}),
            "A model may repeat what it was trained on, and the law may forbid keeping it.",
            "Redact it before training.",
            tuple(Case(name_places(examples, rows), f"{kind.upper()} in {len(rows):,} rows") for kind, rows in ordered),
        )


def _name_labels(example: Example, task: Task) -> str:
    return list_labels(label_names(example, task.name) or ())


def _near_case(examples: Sequence[Example], others: Sequence[Example], pair: duplicates.NearPair) -> Case:
    places = (name_place(others, pair.second), name_place(examples, pair.first))
    return Case(places, f"{pair.similarity:.0%} {quote_text(others[pair.second])}")


def _say_limit(examples: Sequence[Example]) -> str:
    limit = duplicates.NEAR_LIMIT_TEXTS
    return f" Of more than {limit:,} texts, an even selection was compared." if len(examples) > limit else ""
