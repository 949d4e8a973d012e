"""``train``: from a log and texts to a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from core.console import say, show_table
from core.evaluate.sheet import write_page
from core.model.bundle import check_target, new_bundle, write_document
from kits.recommender.config import RecommenderConfig, read_config
from kits.recommender.data import load
from kits.recommender.learn.climb import CHOSEN_BY
from kits.recommender.learn.report import draw_report, score_rows, write_card
from kits.recommender.learn.run import Learned, learn
from kits.recommender.model.folder import save_recommender


def train_model(config: RecommenderConfig, out: Path) -> Learned:
    """Train on the sources of a configuration and write the model folder ``out``.

    Raises:
        DataError: The data cannot be read or learned from.
        ConfigError: ``out`` is something else than a model folder.
    """
    check_target(out)
    log = load(config)
    learned = learn(log, config)
    with new_bundle(out) as folder:
        settings = {"rung": learned.chosen.name, "sources": list(log.sources)}
        save_recommender(learned.recommender, folder, settings)
        write_document(folder, "metrics.json", learned.document())
        write_page(draw_report(learned, log), folder / "report.html")
        write_card(learned, log, folder / "README.md", out.name)
    return learned


def run(*, out: Path, resume: bool = False, as_json: bool = False, **options: Any) -> dict[str, Any]:
    """The verb: train, show what was tried and what it is worth.

    ``resume`` is taken as every kit takes it; training has no checkpoints and begins anew.
    """
    if resume:
        say("--resume: this kit keeps no checkpoints; training begins anew")
    learned = train_model(read_config(**options), out)
    document = learned.document()
    if not as_json:
        tried = [(r["rung"], f"{r[CHOSEN_BY]:.4f}", r["seconds"], r["reason"]) for r in document["ladder"]]
        show_table("Item vectors tried", ("rung", CHOSEN_BY, "seconds", "reason"), tried)
        for name, verdict in learned.verdicts.items():
            columns, rows = score_rows(verdict)
            show_table(f"Test window, {name}: {verdict.lists} lists of {verdict.users} users", columns, rows)
    say(f"Model: {out}   Report: {out / 'report.html'}   ({learned.seconds:.0f} s)")
    return {"model": str(out), "chosen": learned.chosen.name, **document}
