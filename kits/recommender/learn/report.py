"""What training and evaluation found, as a page and as a model card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from core.evaluate.canvas import COLORS, QUIET, Figure, axis, error_bars, figure, names_axis
from core.evaluate.listwise import METRICS
from core.evaluate.sheet import Grid, Page, Part
from kits.recommender.learn.judge import LED, MODEL, Verdict
from kits.recommender.learn.run import ALL, OWN, Learned
from kits.recommender.log.behaviour import Log

Words = Mapping[str, str]
ENGLISH: Words = {
    "title": "A recommender and what it is worth",
    "contents": "Contents",
    "summary": "Summary",
    "sampled": "No lists were logged: negatives are items sampled beside each click, so scores compare rankings of the "
    "same lists and say nothing of a site's own click rates.",
    "shown": "Negatives are what was shown and not clicked.",
    "users": "Means are taken over users, each counting the same; intervals are 95 %, from resampled users.",
    "lead": "{metric}: {value:+.4f} ({low:+.4f} to {high:+.4f}) against the best baseline, {name}.",
    "ladder": "Item vectors that were tried",
    "ranker": "The ranker",
    "alarms": "Alarms",
    "features": "What the ranker looks at",
    "lists": "{lists} lists of {users} users.",
    "test": "Test window: {name}",
    "lists_title": "What lists of ten are like",
    "policy": "Click rate of a place that was filled by chance, had the towers filled it",
}
CHINESE: Words = {
    "title": "推荐模型及其效果",
    "contents": "目录",
    "summary": "摘要",
    "sampled": "日志中没有曝光列表：负样本是在每次点击旁抽取的物品，"
    "分数只用于比较同一批列表的不同排序，与网站的点击率无关。",
    "shown": "负样本为曝光而未点击的物品。",
    "users": "先对每个用户求平均，再对用户求平均；区间为 95 %，由对用户的重抽样得到。",
    "lead": "{metric}：比最好的基线 {name} 高 {value:+.4f}（{low:+.4f} 至 {high:+.4f}）。",
    "ladder": "试过的物品向量",
    "ranker": "排序模型",
    "alarms": "警报",
    "features": "排序模型所看的特征",
    "lists": "{users} 个用户的 {lists} 个列表。",
    "test": "测试时段：{name}",
    "lists_title": "前十列表的特点",
    "policy": "随机填充的位置若由双塔模型填充，点击率的估计",
}


def draw_report(learned: Learned, log: Log) -> Page:
    """The report of a training."""
    language = learned.recommender.config.preset
    words = CHINESE if language == "zh" else ENGLISH
    document = learned.document()
    summary = [words["sampled" if learned.windows.is_sampled else "shown"], words["users"]]
    whole = learned.verdicts.get(ALL)
    if whole is not None:
        summary += lead_sentences(whole, words)
    parts = [Part(words["summary"], summary)]
    if learned.alarms:
        parts.append(Part(words["alarms"], [alarm.message for alarm in learned.alarms]))
    parts += [draw_verdict(name, verdict, words) for name, verdict in learned.verdicts.items()]
    if document["lists"]:
        measures = ("coverage", "novelty", "diversity")
        like = [[name, *(f"{own[m]:.3f}" for m in measures)] for name, own in document["lists"].items()]
        parts.append(Part(words["lists_title"], grids=[Grid(("", *measures), like)]))
    if document["off_policy"]:
        earned = [[n, f"{v:.4f}", f"{low:.4f} – {high:.4f}"] for n, (v, low, high) in document["off_policy"].items()]
        parts.append(Part(words["policy"], grids=[Grid(("", "", "95 %"), earned)]))
    ladder = [[r["rung"], f"{r['ndcg@10']:.4f}", f"{r['seconds']:.0f} s", r["reason"]] for r in document["ladder"]]
    parts.append(Part(words["ladder"], grids=[Grid(("", "ndcg@10", "", ""), ladder)]))
    gains = learned.promotion.ranker.gains() if learned.promotion.ranker else {}
    rows = [[name, f"{share:.1%}"] for name, share in gains.items() if share > 0]
    parts.append(
        Part(words["ranker"], [learned.promotion.reason], [Grid((words["features"], ""), rows)] if rows else [])
    )
    return Page(words["title"], parts, language, words["contents"], make_tiles(whole))


def draw_verdict(name: str, verdict: Verdict, words: Words) -> Part:
    """A section on one kind of lists."""
    columns, rows = score_rows(verdict)
    heading = words["test"].format(name=name)
    counts = words["lists"].format(lists=verdict.lists, users=verdict.users)
    return Part(heading, [counts, *lead_sentences(verdict, words)], [Grid(columns, rows)], [draw_scores(verdict)])


def lead_sentences(verdict: Verdict, words: Words) -> list[str]:
    """How far the model is ahead, or behind."""
    return [
        words["lead"].format(metric=metric, name=verdict.best[metric], value=lead.value, low=lead.low, high=lead.high)
        for metric, lead in verdict.leads.items()
        if metric in LED
    ]


def score_rows(verdict: Verdict) -> tuple[tuple[str, ...], list[list[str]]]:
    """Column names, and a row for each ranking, the best first."""
    names = sorted(verdict.metrics, key=lambda name: (name not in OWN, -verdict.metrics[name][LED[0]]))
    rows = []
    for name in names:
        cells = [name]
        for metric in METRICS:
            bounds = verdict.intervals[name][metric]
            cells.append(f"{verdict.metrics[name][metric]:.4f} ({bounds.low:.3f}–{bounds.high:.3f})")
        rows.append(cells)
    return ("", *METRICS), rows


def draw_scores(verdict: Verdict, metric: str = LED[0]) -> Figure:
    """A dot and an interval for each ranking."""
    names = sorted(verdict.metrics, key=lambda name: -verdict.metrics[name][metric])
    values = [verdict.metrics[name][metric] for name in names]
    colors = [COLORS[0] if name == MODEL else COLORS[1] if name in OWN else QUIET for name in names]
    trace = {
        "type": "scatter",
        "mode": "markers",
        "x": values,
        "y": list(range(len(names))),
        "marker": {"color": colors, "size": 9},
        "error_x": error_bars(values, [verdict.intervals[name][metric] for name in names]),
        "hovertemplate": "%{x:.4f}<extra></extra>",
    }
    return figure([trace], height=60 + 26 * len(names), xaxis=axis(title=metric), yaxis=names_axis(names))


def make_tiles(verdict: Verdict | None) -> list[tuple[str, str, str]]:
    """Key figures."""
    if verdict is None:
        return []
    own, bounds = verdict.metrics[MODEL], verdict.intervals[MODEL]
    return [(m, f"{own[m]:.3f}", f"{bounds[m].low:.3f} – {bounds[m].high:.3f}") for m in LED]


def write_card(learned: Learned, log: Log, file: Path, name: str) -> None:
    """The model card of the folder ``name``, in Markdown."""
    words = CHINESE if learned.recommender.config.preset == "zh" else ENGLISH
    lines = [f"# {words['title']}", "", words["sampled" if learned.windows.is_sampled else "shown"], ""]
    for kind, verdict in learned.verdicts.items():
        columns, rows = score_rows(verdict)
        lines += [f"## {words['test'].format(name=kind)}", ""]
        lines += [words["lists"].format(lists=verdict.lists, users=verdict.users), *lead_sentences(verdict, words), ""]
        lines += ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
        lines += ["| " + " | ".join(row) + " |" for row in rows] + [""]
    lines += [f"- {words['ranker']}: {learned.promotion.reason}", *(f"- {alarm.message}" for alarm in learned.alarms)]
    lines += [f"- {source}" for source in log.sources]
    lines += ["", "```python", "from kits.recommender import Recommender", ""]
    lines += [f'Recommender.load("{name}").recommend(interests="…", k=10)', "```", ""]
    file.write_text("\n".join(lines), encoding="utf-8")
