"""Makes the second witness for a model that was just trained, and judges what both together are worth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.config import parse_duration
from core.data.example import Example, Task, make_dataset
from core.model.latent import fit_latent
from core.predict.decide import probabilities
from core.predict.judge import Baselines
from core.predict.load import Model
from core.predict.match import EncoderMatcher, LatentMatcher, Matcher, OverlapMatcher, frozen_matcher, unit_rows
from core.train.fit import frozen_states, unknown_share
from core.train.ladder import MOST_UNKNOWN_TOKENS
from core.train.match import MatchTexts, Tuned, fit_matcher
from core.train.recipe import Addition
from kits.support.config import SupportConfig
from kits.support.reading import OUT_OF_SCOPE
from kits.support.scope.judge import fit_judge
from kits.support.scope.measure import Measured, Opinion, measure, plain_opinion, summarise
from kits.support.scope.neighbour import Neighbours
from kits.support.scope.panel import make_panel
from kits.support.scope.part import cut_parts, fit_cut, second_wish
from kits.support.scope.policy import Policy
from kits.support.scope.scope import Facts, MatcherName, Scope, shared_matcher
from kits.support.source.faq import FaqEntry

MATCHER_SHARE = 0.3
_FROZEN_RUNGS = ("probe", "blend")


def extend_model(
    config: SupportConfig,
    several: Sequence[Example],
    faq: Sequence[FaqEntry],
    chosen: Model,
    model: Model,
    sides: Mapping[str, list[Example]],
    baselines: Baselines,
) -> Addition:
    """What the support kit adds to a model: scope, its scores on the held-out rows, and a section of the report.

    Args:
        config: The resolved configuration.
        several: Rows with more than one intent, which the classifier was not trained on.
        faq: Questions with answers that the matcher may be tuned on.
        chosen: The classifier as it was chosen: the judge is fitted on rows that it has not seen.
        model: The classifier that is kept.
        sides: The examples of each side of the split.
        baselines: The models to compare with.
    """
    scope = build_scope(config, several, faq, chosen, sides)
    return assess_scope(config, model, scope, baselines, sides["test"])


def assess_scope(
    config: SupportConfig, model: Model, scope: Scope, baselines: Baselines, examples: Sequence[Example]
) -> Addition:
    """The scores of a model with its judge on rows that it has not seen, beside its baselines."""
    measured, others = measure_all(model, scope, baselines, examples, config)
    if measured is None:
        return Addition(scope.save)
    policy = Policy.of(config.policy)
    return Addition(
        scope.save,
        summarise(measured, others, policy),
        (make_panel(measured, others, policy, scope.facts.judge, config.preset),),
    )


def build_scope(
    config: SupportConfig,
    several: Sequence[Example],
    faq: Sequence[FaqEntry],
    model: Model,
    sides: Mapping[str, list[Example]],
) -> Scope:
    """Choose the matcher, remember the training rows, and fit the judge on the validation rows."""
    (task,) = model.tasks
    matcher, name = choose_matcher(config, sides["train"], faq, model)
    train, validation = make_dataset(sides["train"], [task]), make_dataset(sides["validation"], [task])
    known = np.flatnonzero(train.known[task.name])
    texts = [train.texts[i] for i in known]
    if name == "frozen" and isinstance(matcher, EncoderMatcher):  # the probe may have read the same texts
        vectors = unit_rows(frozen_states(matcher.encoder, texts, config))
    else:
        vectors = matcher.embed([text for text, _ in texts])
    neighbours = Neighbours.of(vectors, train.targets[task.name][known], len(task.labels), config.seed)
    rows = np.flatnonzero(validation.known[task.name])
    texts = [validation.texts[i] for i in rows]
    chances = model.probabilities(texts)[task.name]
    near = neighbours.similarities(matcher.embed([text for text, _ in texts]))
    judge = fit_judge(task.labels, chances, near, validation.targets[task.name][rows], config.policy.out_of_scope_share)
    is_shared = (
        name == "frozen" and model.settings.rung in _FROZEN_RUNGS and shared_matcher(model.classifier) is not None
    )
    cut = _fit_both(model, task, several, sides["validation"])
    return Scope(matcher, neighbours, Facts(judge=judge, matcher=name, is_shared=is_shared, both_from=cut))


def choose_matcher(
    config: SupportConfig, train: Sequence[Example], faq: Sequence[FaqEntry], model: Model
) -> tuple[Matcher, MatcherName]:
    """The encoder if it can read the texts, tuned where there are questions with answers and it helps.

    Else what texts share: characters where the language is read by them, n-grams where it is not.
    """
    (task,) = model.tasks
    wanted = config.match.tuning
    if wanted == "auto" and _is_unreadable(config, train, task):
        wanted = "overlap" if config.train.analyzer == "char" else "latent"
    if wanted == "overlap":
        return OverlapMatcher(), "overlap"
    if wanted == "latent":
        texts = [example.text for example in train] + [text for e in faq for text in (e.question, e.answer)]
        return LatentMatcher(fit_latent(texts, analyzer=config.train.analyzer, seed=config.seed)), "latent"
    if faq and wanted != "frozen":
        ways: tuple[Tuned, ...] = ("full",) if wanted in ("auto", "full") else ("lora",)
        seconds = None if config.train.budget is None else parse_duration(config.train.budget) * MATCHER_SHARE
        best = fit_matcher(_match_texts(train, faq, task), config, ways, seconds)[0]
        if best.name != "frozen":
            return best.matcher, best.name  # type: ignore[return-value]
    shared = shared_matcher(model.classifier) if model.settings.rung in _FROZEN_RUNGS else None
    return shared or frozen_matcher(config), "frozen"


def _match_texts(train: Sequence[Example], faq: Sequence[FaqEntry], task: Task) -> MatchTexts:
    """FAQ questions with their answers, and utterances of one intent, which mean the same."""
    position = {label: i for i, label in enumerate(task.labels) if label != OUT_OF_SCOPE}
    alike = [example for example in train if example.labels.get(task.name) in position]
    return MatchTexts(
        [entry.question for entry in faq],
        [entry.answer for entry in faq],
        np.arange(len(faq)),
        [example.text for example in alike],
        np.array([position[str(example.labels[task.name])] for example in alike], dtype=np.int64),
    )


def measure_all(
    model: Model, scope: Scope, baselines: Baselines, examples: Sequence[Example], config: SupportConfig
) -> tuple[Measured | None, dict[str, Measured]]:
    """Score the model with its judge, and each baseline by its probabilities alone, on the same rows."""
    (task,) = model.tasks
    rows = make_dataset(examples, [task])
    truth, is_outside, known = _truth(task, examples, rows.targets[task.name], rows.known[task.name])
    if not len(known):
        return None, {}
    texts = [rows.texts[i] for i in known]
    policy, samples = Policy.of(config.policy), config.evaluate.bootstrap_samples
    chances = model.probabilities(texts)[task.name]
    plain = plain_opinion(task.labels, chances)
    own = Opinion(plain.order, scope.judge(task.labels, chances, [text for text, _ in texts]))
    others = {}
    for name, (classifier, calibration) in baselines.items():
        read = probabilities(task, classifier.logits(texts)[0], calibration[task.name])
        others[name] = measure(plain_opinion(task.labels, read), truth, is_outside, policy, samples, config.seed)
    return measure(own, truth, is_outside, policy, samples, config.seed), others


def _truth(
    task: Task, examples: Sequence[Example], targets: NDArray[np.int64], known: NDArray[np.bool_]
) -> tuple[NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64]]:
    """True positions, whether out of scope, and which rows take part: out of scope needs no label of the model's."""
    named = np.array([example.labels.get(task.name) == OUT_OF_SCOPE for example in examples], dtype=bool)
    rows = np.flatnonzero(known | named)
    return targets[rows], named[rows], rows


def _fit_both(model: Model, task: Task, several: Sequence[Example], single: Sequence[Example]) -> float:
    """From how sure the weaker part must be before a text is taken to ask for two things."""
    found = [(example, cut_parts(example.text)) for example in (*several, *single)]
    texts = [(part, None) for _, parts in found for part in parts]
    chances: NDArray[Any] = model.probabilities(texts)[task.name] if texts else np.zeros((0, len(task.labels)))
    inside = np.array([label != OUT_OF_SCOPE for label in task.labels])
    asked: list[tuple[bool, float]] = []
    others: list[float] = []
    start = 0
    for number, (example, parts) in enumerate(found):
        wish = second_wish(np.where(inside, chances[start : start + len(parts)], 0.0)) if parts else None
        start += len(parts)
        if number < len(several):
            names = {task.labels[i] for i in wish[:2]} if wish else set()
            asked.append((names == set(example.labels.get("intents", ())), wish[2] if wish else 0.0))
        else:
            others.append(wish[2] if wish else 0.0)
    return fit_cut(asked, others)


def _is_unreadable(config: SupportConfig, train: Sequence[Example], task: Task) -> bool:
    return unknown_share(make_dataset(train, [task]), config) > MOST_UNKNOWN_TOKENS
