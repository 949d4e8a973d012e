"""The audit of a data set: what it looks like, what may be wrong with it, and a page to read.

``audit_examples`` looks, ``write_audit`` writes ``audit.json`` and ``audit.html``. The checks
themselves are in ``check``, the counts in ``profile``.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from core.data import check
from core.data.example import Example, Task
from core.data.issue import Issue
from core.data.profile import (
    FieldProfile,
    TaskProfile,
    profile_fields,
    profile_lengths,
    profile_scripts,
    profile_task,
)
from core.data.row import Rejected

SEVERITIES = ("error", "warning", "note")
PAGES = Path(__file__).parent / "pages"


@dataclass(frozen=True)
class Audit:
    """What is known of a data set before anything is trained on it.

    Attributes:
        rows: Examples looked at.
        rejected: Records that could not be read.
        test_rows: Test examples that were compared with them.
        sources: Where they come from, with rows each.
        fields: How well each field is filled.
        tasks: How the labels are spread.
        lengths: Quantiles of the text length in characters.
        scripts: Rows by script.
        issues: What may be wrong, errors first.
    """

    rows: int
    rejected: int
    test_rows: int
    sources: dict[str, int]
    fields: tuple[FieldProfile, ...]
    tasks: tuple[TaskProfile, ...]
    lengths: dict[str, int]
    scripts: dict[str, int]
    issues: tuple[Issue, ...]

    def count(self, severity: str) -> int:
        """How many issues have a severity."""
        return sum(found.severity == severity for found in self.issues)

    def to_json(self) -> dict[str, Any]:
        """Everything as plain values that ``json.dumps`` takes."""
        plain: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return plain


def audit_examples(
    examples: Sequence[Example],
    tasks: Sequence[Task],
    rejected: Sequence[Rejected] = (),
    *,
    test: Sequence[Example] = (),
    seed: int = 0,
    suspects: bool = True,
) -> Audit:
    """Look at a data set from all sides.

    Args:
        examples: The data to train on.
        tasks: What is to be learned from it.
        rejected: Records that could not be read.
        test: Data that is kept for the test, to be compared for leakage.
        seed: What the out-of-fold models depend on.
        suspects: Whether to look for wrong labels, which takes the longest.
    """
    profiles = tuple(profile_task(examples, task) for task in tasks)
    sources: dict[str, int] = {}
    for example in examples:
        sources[example.source] = sources.get(example.source, 0) + 1

    def find_issues() -> Iterator[Issue]:
        yield from check.check_rejected(rejected, len(examples))
        yield from check.check_empty(examples)
        yield from check.check_leakage(examples, test)
        for task, profile in zip(tasks, profiles, strict=True):
            yield from check.check_labels(examples, task, profile)
            yield from check.check_conflicts(examples, task)
            if suspects and profile.known:
                yield from check.check_suspects(examples, task, seed)
        yield from check.check_duplicates(examples)
        yield from check.check_personal(examples)

    return Audit(
        rows=len(examples),
        rejected=len(rejected),
        test_rows=len(test),
        sources=sources,
        fields=profile_fields(examples, tasks),
        tasks=profiles,
        lengths=profile_lengths(examples),
        scripts=profile_scripts(examples),
        issues=tuple(sorted(find_issues(), key=lambda found: SEVERITIES.index(found.severity))),
    )


def write_audit(audit: Audit, folder: Path) -> tuple[Path, Path]:
    """Write an audit for programs and for people.

    Returns:
        The paths of ``audit.json`` and of ``audit.html``, which needs nothing beside it.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    folder.mkdir(parents=True, exist_ok=True)
    for_programs, for_people = folder / "audit.json", folder / "audit.html"
    text = json.dumps(audit.to_json(), ensure_ascii=False, indent=2)
    for_programs.write_text(text + "\n", encoding="utf-8", errors="replace")
    pages = Environment(
        loader=FileSystemLoader(PAGES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    page = pages.get_template("audit.html").render(audit=audit, severities=SEVERITIES)
    for_people.write_text(page, encoding="utf-8", errors="replace")
    return for_programs, for_people
