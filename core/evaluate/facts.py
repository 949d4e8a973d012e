"""The facts of a model and its data as terms and values; what is not known is left out."""

from __future__ import annotations

from core.evaluate import wording
from core.evaluate.document import Report
from core.evaluate.texts import texts_in


def model_facts(report: Report) -> list[tuple[str, str]]:
    """What was trained, and how."""
    texts, model = texts_in(report.language), report.model
    parameters = wording.parameters(model.parameters, report.language)
    if model.trained_parameters not in (None, model.parameters):
        trained = wording.parameters(model.trained_parameters, report.language)
        parameters = texts["trainable"].format(count=parameters, trainable=trained)
    return _known(
        [
            (texts["backbone"], model.backbone),
            (texts["tuning"], model.tuning),
            (texts["parameters"], parameters),
            (texts["size"], wording.megabytes(model.size_mb)),
            (texts["text_language"], model.text_language),
            (texts["seed"], "" if model.seed is None else str(model.seed)),
            (texts["trained_at"], model.trained_at),
            (texts["duration"], wording.seconds(model.duration_seconds)),
            (texts["versions"], ", ".join(f"{name} {version}" for name, version in model.versions.items())),
        ]
    )


def data_facts(report: Report) -> list[tuple[str, str]]:
    """What it learnt from and was judged on."""
    texts, data = texts_in(report.language), report.data
    rejected = [f"{rows:,} × {reason}" for reason, rows in data.rejected.items()]
    return _known(
        [
            *((texts["rows_of"].format(split=split), f"{rows:,}") for split, rows in data.rows.items()),
            (texts["split"], ": ".join(filter(None, (data.split, data.split_reason)))),
            (texts["rejected"], "; ".join(rejected) or texts["none"]),
            (texts["sources"], ", ".join(data.sources)),
            (texts["fingerprint"], data.fingerprint),
        ]
    )


def _known(facts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(term, value) for term, value in facts if value not in ("", "–")]
