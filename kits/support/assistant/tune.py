"""The verb ``tune``: a language model learns to answer out of passages as the company does."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np

from core.config import parse_duration
from core.console import is_main_process, progress, say, show_table
from core.errors import ConfigError, DataError
from core.runtime import derive_seed
from kits.support.answer.evidence import Match
from kits.support.answer.generate import INSTRUCTION, check_support, format_request
from kits.support.answer.lesson import Lesson, make_lessons
from kits.support.answer.local import LocalGenerator
from kits.support.assistant.home import Room, choose_room
from kits.support.assistant.voices import Spoken, open_assistant_store, open_reader, open_voice, read_settings
from kits.support.config import GenerateConfig, SupportConfig
from kits.support.index.document import faq_document
from kits.support.reading import Language
from kits.support.source.faq import FaqEntry, load_faq

if TYPE_CHECKING:
    from core.train.causal import Written

HELD_OUT_SHARE, FEWEST_HELD_OUT, FEWEST_ENTRIES = 0.15, 8, 24
REFUSAL_SHARE = 0.2  # of the examples without an answer that are learned from
TRIED = 12  # questions kept away that the model answers before and after


@dataclass(frozen=True, slots=True)
class Examples:
    """What is learned from, and what is kept away.

    Attributes:
        train: Examples with and without an answer.
        held: Of other entries.
        unusable: How many entries gave none: their answer may not be given, or is not in their own words.
    """

    train: tuple[Lesson, ...]
    held: tuple[Lesson, ...]
    unusable: int


def run(
    *,
    assistant: Path,
    out: Path,
    faq: list[str] | None = None,
    preset: str | None = None,
    map: list[str] | None = None,
    budget: str | None = None,
    resume: bool = False,
    store: str | None = None,
    config: Path | None = None,
    set: list[str] | None = None,
    seed: int | None = None,
    as_json: bool = False,
) -> dict[str, Any]:
    """The verb.

    Raises:
        ConfigError: The options do not go together.
        DataError: The FAQ cannot be read, or holds too little to learn from.
        ModelError: There is no language model in the folder.
    """
    from core.model.causal import check_place, load_causal, save_causal  # import torch
    from core.train.causal import fit_causal
    from core.train.loop import Step

    begun = time.monotonic()
    settings = read_settings(assistant, config=config, set=set, store=store, seed=seed, map=map, budget=budget)
    folder = settings.generate.folder
    if folder is None or not faq:
        what = "which language model?" if folder is None else "which answers?"
        fix = "--set generate.folder=DIR" if folder is None else "--faq FILE"
        raise ConfigError(what, where="tune", fix=fix)
    check_place(out)
    language, room = choose_room(assistant, preset)
    examples = _collect(assistant, settings, language, room, faq)
    model, tokenizer = load_causal(folder)
    train, held = (_encode(tokenizer, lessons, language) for lessons in (examples.train, examples.held))
    most = settings.tune.max_tokens
    kept_train, kept_held = ([row for row in rows if len(row) <= most] for rows in (train, held))
    too_long = len(train) + len(held) - len(kept_train) - len(kept_held)
    if len(kept_held) < FEWEST_HELD_OUT or not kept_train:
        fix = "raise tune.max_tokens"
        raise DataError("too few examples are short enough", where="tune", got=len(kept_train), fix=fix)
    say(
        f"{len(kept_train)} examples to learn from, {len(kept_held)} kept away; left out: {examples.unusable} entries "
        f"without an answer that may be given, {too_long} examples longer than {most} tokens"
    )
    asked = [lesson for lesson in examples.held if lesson.is_answered][:TRIED]
    borne_before = _count_borne(LocalGenerator(model, tokenizer), asked, language)
    seconds = None if settings.train.budget is None else parse_duration(settings.train.budget)
    checkpoints = out.with_name(f".{out.name}.checkpoints")
    if not resume and is_main_process():
        shutil.rmtree(checkpoints, ignore_errors=True)
    with progress("Tuning", len(kept_train) * settings.tune.epochs) as tick:
        trial = fit_causal(
            model, kept_train, kept_held, settings.tune, settings,
            origin=folder, seconds=seconds, checkpoints=checkpoints, resume=resume,
            tell=lambda event: tick(event.rows) if isinstance(event, Step) else say(
                f"  epoch {event.epoch:.1f}: loss {event.train_loss:.3f}, on what was kept away {event.loss:.3f}"
            ),
        )  # fmt: skip
    borne_after = _count_borne(LocalGenerator(trial.model, tokenizer), asked, language)
    result: dict[str, Any] = {
        "out": str(out), "kept": trial.is_better, "language": language,
        "examples": len(kept_train), "held_out": len(kept_held),
        "unusable": examples.unusable, "too_long": too_long,
        "loss": {"before": round(float(trial.before.mean()), 4), "after": round(float(trial.after.mean()), 4),
                 "gain": round(trial.gain, 4), "error": round(trial.error, 4)},
        "borne_out": {"asked": len(asked), "before": borne_before, "after": borne_after},
        "seconds": round(time.monotonic() - begun, 1),
    }  # fmt: skip
    if is_main_process():
        if trial.is_better:
            facts = {"origin": folder.name, "tune": settings.tune.model_dump(mode="json"), **result}
            save_causal(trial.model, tokenizer, out, facts)
        shutil.rmtree(checkpoints, ignore_errors=True)
    _report(result, out, as_json)
    return result


def _collect(
    assistant: Path, settings: SupportConfig, language: Language, room: Room, faq: Sequence[str]
) -> Examples:
    """Examples of the entries of one language that hold today, with what the assistant's index finds for them."""
    today = datetime.now(ZoneInfo(settings.dialogue.timezone)).date()
    known = load_faq(faq, settings.data).items
    entries = [entry for entry in known if entry.locale == language and entry.holds(today)]
    quiet = settings.model_copy(update={"generate": GenerateConfig()})
    store = open_assistant_store(assistant, quiet)
    try:
        spoken = open_voice(language, room, store, quiet, open_reader(language, room, quiet), may_write=False)
        found = [_make(entry, spoken, settings, today) for entry in entries]
        spoken.follower.close()
    finally:
        store.engine.dispose()
    usable = [lessons for lessons in found if lessons]
    if len(usable) < FEWEST_ENTRIES:
        raise DataError(
            "too few entries to learn from and to judge by", where="--faq", got=len(usable),
            expected=f"at least {FEWEST_ENTRIES} in {language}",
        )  # fmt: skip
    random = np.random.default_rng(derive_seed(settings.seed, "tune"))
    answers = sorted({lessons[0].answer.rpartition(" [")[0] for lessons in usable})  # alike answers stay together
    chosen = max(FEWEST_HELD_OUT, round(HELD_OUT_SHARE * len(answers)))
    kept_away = {answers[i] for i in random.permutation(len(answers))[:chosen]}
    train: list[Lesson] = []
    held: list[Lesson] = []
    for lessons in usable:
        side = held if lessons[0].answer.rpartition(" [")[0] in kept_away else train
        side.append(lessons[0])
        if len(lessons) > 1 and random.random() < REFUSAL_SHARE:
            side.append(lessons[1])
    return Examples(tuple(train), tuple(held), len(found) - len(usable))


def _make(entry: FaqEntry, spoken: Spoken, settings: SupportConfig, today: date) -> tuple[Lesson, ...]:
    library = spoken.voice.library
    vector = None if library.embed is None else library.embed([entry.question])[0]
    audience = "private" if entry.audience == "any" else entry.audience
    matches = library.look(entry.question, vector, audience, today).matches
    heading, _, body = faq_document(entry).text.partition("\n")
    own = Match(f"faq:{entry.id}", "faq", f"faq:{entry.id}", heading, body, "", entry.audience, 0.0, 0.0, 0.0)
    seed = derive_seed(settings.seed, "lesson", entry.id)
    return make_lessons(own, matches, np.random.default_rng(seed), settings.answer.hosts)


def _encode(tokenizer: Any, lessons: Sequence[Lesson], language: str) -> list[Written]:
    from core.model.causal import encode_answer, encode_request
    from core.train.causal import Written

    return [
        Written(
            encode_request(tokenizer, format_request(INSTRUCTION[language], lesson.passages, lesson.question)),
            encode_answer(tokenizer, lesson.answer),
        )
        for lesson in lessons
    ]


def _count_borne(generator: LocalGenerator, lessons: Sequence[Lesson], language: str) -> int:
    """How many questions get an answer whose every sentence has a source."""
    with progress("Answering questions that were kept away", len(lessons)) as tick:
        count = 0
        for lesson in lessons:
            written = generator.write(INSTRUCTION[language], lesson.passages, lesson.question)
            count += bool(check_support(written, lesson.sources))
            tick(1)
    return count


def _report(result: dict[str, Any], out: Path, as_json: bool) -> None:
    loss, borne = result["loss"], result["borne_out"]
    if not as_json:
        of = f"of {borne['asked']}"
        rows = [
            ("loss of a token of the approved answer", loss["before"], loss["after"]),
            ("answers that their passages bear out", f"{borne['before']} {of}", f"{borne['after']} {of}"),
        ]
        show_table("On questions that were kept away", ("", "as it was", "tuned"), rows)
    if result["kept"]:
        say(f"Language model: {out}. Let it write: index --out ASSISTANT --set generate.folder={out}")
    else:
        say(f"Not kept: the loss fell by {loss['gain']}, not clearly more than its error of {loss['error']}")

