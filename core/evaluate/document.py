"""What a report says, as plain data: numbers and texts only, ready to store or to render.

Nothing here is an array or a model, so ``dataclasses.asdict`` gives JSON, and
``pydantic.TypeAdapter(Report)`` reads it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from core.data.example import Kind
from core.evaluate.bootstrap import Difference, Interval
from core.evaluate.calibration import ReliabilityBin
from core.evaluate.convergence import TrainingPoint
from core.evaluate.curves import Curve, LearningPoint
from core.evaluate.metrics import LabelScores, Scored
from core.evaluate.texts import Language


@dataclass(frozen=True, slots=True)
class ModelFacts:
    """What was trained, and how; what is not known is left out of the report.

    Attributes:
        backbone: Name or path of the encoder, or of the linear features.
        tuning: Such as ``full``, ``lora`` or ``probe``.
        parameters: All of them.
        trained_parameters: Those that training moved.
        size_mb: Of the model folder.
        text_language: Of the texts it reads.
        seed: From which the run can be repeated.
        versions: Library to version.
        trained_at: Date and time as text.
        duration_seconds: Of the training.
    """

    backbone: str
    tuning: str
    parameters: int | None = None
    trained_parameters: int | None = None
    size_mb: float | None = None
    text_language: str = ""
    seed: int | None = None
    versions: Mapping[str, str] = field(default_factory=dict)
    trained_at: str = ""
    duration_seconds: float | None = None


@dataclass(frozen=True, slots=True)
class DataFacts:
    """What the model learnt from and was judged on.

    Attributes:
        rows: Split name to number of rows, in order.
        split: How the rows were split: ``time``, ``group``, ``stratified``.
        split_reason: Why so.
        rejected: Reason to number of rows that were left out.
        sources: The ``--data`` arguments.
        fingerprint: Hash of the data.
    """

    rows: Mapping[str, int]
    split: str = ""
    split_reason: str = ""
    rejected: Mapping[str, int] = field(default_factory=dict)
    sources: tuple[str, ...] = ()
    fingerprint: str = ""


@dataclass(frozen=True, slots=True)
class Rung:
    """One model that was tried on the way up the ladder.

    Attributes:
        name: Such as ``TF-IDF linear``.
        score: On the validation rows, in the ladder's metric; None where it was not tried.
        interval: Of the score.
        seconds: To train it.
        size_mb: Of its folder.
        is_chosen: Whether it became the model.
        reason: Why it was or was not, in a sentence.
    """

    name: str
    score: float | None
    interval: Interval | None = None
    seconds: float | None = None
    size_mb: float | None = None
    is_chosen: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ConfusedPair:
    """How often one label was taken for another.

    Attributes:
        truth: The true label.
        predicted: The label given in its place.
        count: How often.
        share: Of the rows that carry the true label.
    """

    truth: str
    predicted: str
    count: int
    share: float


@dataclass(frozen=True, slots=True)
class Mistake:
    """A row that the model got wrong.

    Attributes:
        text: What was read.
        truth: The true label, or labels joined by commas.
        predicted: The predicted one or ones.
        confidence: How sure the model was of what is wrong.
        place: ``file:line``.
    """

    text: str
    truth: str
    predicted: str
    confidence: float
    place: str = ""


@dataclass(frozen=True, slots=True)
class TaskReport:
    """Everything about one task; only the scores are needed, what is empty is not shown.

    ``assess.assess_task`` fills it from predictions. A task that is no classification (ranking a
    list, say) gives its own metric names and leaves the rest empty.

    Attributes:
        name: Of the task.
        kind: ``single`` or ``multi``.
        labels: Names, in the order of everything per label.
        rows: How many were evaluated.
        model: Its scores.
        baselines: Theirs.
        leads: Baseline name to the model's lead in the headline metric, compared row by row.
        label_scores: One for each label.
        thresholds: One for each label of a multi-label task.
        confusion: ``labels x labels`` counts of a single-label task, rows are the truth.
        confused: The most frequent mistakes, most frequent first.
        roc: Curves; the one without a name is for all labels together.
        precision_recall: Likewise.
        reliability_before: Without calibration.
        reliability_after: As the model answers.
        temperature: By which its logits are divided.
        mistakes: The most confident ones, worst first.
        learning: Score over number of training rows.
    """

    name: str
    kind: Kind
    labels: tuple[str, ...]
    rows: int
    model: Scored
    baselines: tuple[Scored, ...] = ()
    leads: Mapping[str, Difference] = field(default_factory=dict)
    label_scores: tuple[LabelScores, ...] = ()
    thresholds: tuple[float, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    confused: tuple[ConfusedPair, ...] = ()
    roc: tuple[Curve, ...] = ()
    precision_recall: tuple[Curve, ...] = ()
    reliability_before: tuple[ReliabilityBin, ...] = ()
    reliability_after: tuple[ReliabilityBin, ...] = ()
    temperature: float | None = None
    mistakes: tuple[Mistake, ...] = ()
    learning: tuple[LearningPoint, ...] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """A section of a kit's own: sentences, a figure, a table; what is empty is not shown.

    Attributes:
        title: In the report's language.
        sentences: What is to be seen, in words.
        figure: A plotly figure, as ``figures`` makes them.
        columns: Heads of the table.
        rows: Its cells, as they are to be shown.
    """

    title: str
    sentences: tuple[str, ...] = ()
    figure: Mapping[str, Any] = field(default_factory=dict)
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """A whole report: the page and the model card are two renderings of it.

    Attributes:
        title: The headline.
        model: What was trained.
        data: On what.
        tasks: One or several.
        language: Of the report itself.
        warnings: What the reader must know before trusting the numbers.
        ladder: Every rung that was tried, smallest first.
        ladder_metric: In which they were compared.
        training: The training curve of the chosen model.
        training_metric: Which score its validation metric is.
        intended_use: For the model card.
        limits: For the model card, beside those that follow from the numbers.
        load_example: Python code that loads the model, for the model card.
        panels: Sections of the kit's own, after the tasks.
    """

    title: str
    model: ModelFacts
    data: DataFacts
    tasks: tuple[TaskReport, ...]
    language: Language = "en"
    warnings: tuple[str, ...] = ()
    ladder: tuple[Rung, ...] = ()
    ladder_metric: str = "macro_f1"
    training: tuple[TrainingPoint, ...] = ()
    training_metric: str = "macro_f1"
    intended_use: str = ""
    limits: tuple[str, ...] = ()
    load_example: str = ""
    panels: tuple[Panel, ...] = ()


def headline_metric(task: TaskReport) -> str:
    """The one score that a summary names: share right, or micro-F1, or else the first there is."""
    usual = "accuracy" if task.kind == "single" else "micro_f1"
    return usual if usual in task.model.metrics else next(iter(task.model.metrics))
