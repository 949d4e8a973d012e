"""The section of a report on decisions: the costs, what they lead to, and the curve behind them."""

from __future__ import annotations

from collections.abc import Mapping

from core.evaluate.canvas import COLORS, QUIET, Figure, axis, figure
from core.evaluate.document import Panel
from core.evaluate.risk import RiskPoint
from core.evaluate.texts import Language
from core.evaluate.wording import percent
from kits.support.scope.judge import Judge
from kits.support.scope.measure import Measured
from kits.support.scope.policy import Policy

_TEXTS: dict[str, tuple[str, str]] = {
    "title": ("Answer, ask back, or hand over", "回答、追问或转人工"),
    "costs": (
        "A wrong answer costs {wrong:g}, a hand-over {handoff:g}, a clarifying question {clarify:g}. So to answer is "
        "cheaper than to hand over from a probability of {threshold} on that the intent is right.",
        "答错一次的代价为 {wrong:g}，转人工为 {handoff:g}，追问一次为 {clarify:g}。"
        "与转人工相比，意图判断正确的概率不低于 {threshold} 时才值得直接回答。",
    ),
    "outcome": (
        "On the held-out rows {coverage} are answered, {risk} of these wrongly; {clarified} are asked back. "
        "A row costs {cost:.3f} on average ({low:.3f} to {high:.3f}); handing over everything would cost {handoff:g}.",
        "在留出的数据上，{coverage} 直接回答，其中 {risk} 答错；{clarified} 追问。"
        "每条平均代价 {cost:.3f}（{low:.3f} 至 {high:.3f}）；全部转人工的代价为 {handoff:g}。",
    ),
    "made": (
        "The data holds too few texts out of scope to learn from: they were imitated, by striking out the intent of "
        "others. Bring real ones, labelled oos.",
        "数据中范围外的样本太少，只能通过隐去其他样本的意图来模拟。请补充标为 oos 的真实样本。",
    ),
    "coverage": ("share answered", "直接回答的比例"),
    "risk": ("share of these wrong", "其中答错的比例"),
    "cost": ("cost of a row", "每条代价"),
    "threshold": ("answered from", "回答的最低把握"),
    "of_interval": ("95 % interval", "95% 区间"),
    "model": ("this model", "本模型"),
}
SHOWN_ROWS = 12


def make_panel(
    measured: Measured, others: Mapping[str, Measured], policy: Policy, judge: Judge, language: Language
) -> Panel:
    """The section for one model, its baselines drawn beside it."""

    def text(key: str) -> str:
        return _TEXTS[key][language == "zh"]

    metrics, interval = measured.metrics, measured.intervals["scope.cost"]
    sentences = [
        text("costs").format(
            wrong=policy.cost_wrong,
            handoff=policy.cost_handoff,
            clarify=policy.cost_clarify,
            threshold=percent(policy.answer_from, language),
        ),
        text("outcome").format(
            coverage=percent(metrics["scope.coverage"], language),
            risk=percent(metrics.get("scope.risk", 0.0), language),
            clarified=percent(metrics["scope.clarified"], language),
            cost=metrics["scope.cost"],
            low=interval.low,
            high=interval.high,
            handoff=policy.cost_handoff,
        ),
    ]
    if not judge.outside_rows:
        sentences.append(text("made"))
    step = max(1, len(measured.curve) // SHOWN_ROWS)
    rows = tuple(
        (
            f"{point.threshold:.3f}",
            percent(point.coverage, language),
            percent(point.risk, language),
            f"{100 * point.risk_interval.low:.1f}–{100 * point.risk_interval.high:.1f}",
            f"{point.cost:.3f}",
            f"{point.cost_interval.low:.3f}–{point.cost_interval.high:.3f}",
        )
        for point in measured.curve[1::step]
    )
    columns = ("threshold", "coverage", "risk", "of_interval", "cost", "of_interval")
    curves = {text("model"): measured.curve} | {name: other.curve for name, other in others.items()}
    drawn = _draw(curves, text("coverage"), text("risk"), text("cost"))
    return Panel(text("title"), tuple(sentences), drawn, tuple(map(text, columns)), rows)


def _draw(curves: Mapping[str, tuple[RiskPoint, ...]], coverage: str, risk: str, cost: str) -> Figure:
    """Risk above, cost below, both over coverage; the model's with the band of its interval."""
    traces: list[Figure] = []
    for number, (name, points) in enumerate(curves.items()):
        shares = [round(point.coverage, 4) for point in points]
        color = COLORS[number % len(COLORS)] if number < 2 else QUIET
        for axis_name, values, bands in (
            ("y", [p.risk for p in points], [p.risk_interval for p in points]),
            ("y2", [p.cost for p in points], [p.cost_interval for p in points]),
        ):
            if number == 0:
                around = {
                    "x": shares + shares[::-1],
                    "y": [b.high for b in bands] + [b.low for b in reversed(bands)],
                    "fill": "toself", "fillcolor": "rgba(63,122,214,0.15)", "line": {"width": 0},
                }  # fmt: skip
                traces.append(
                    {"type": "scatter", "mode": "lines", "hoverinfo": "skip", "showlegend": False, "yaxis": axis_name}
                    | around
                )
            traces.append(
                {
                    "type": "scatter",
                    "mode": "lines",
                    "name": name,
                    "x": shares,
                    "y": [round(v, 5) for v in values],
                    "yaxis": axis_name,
                    "showlegend": axis_name == "y",
                    "line": {"color": color, "width": 2},
                    "hovertemplate": "%{x:.1%} → %{y:.3f}",
                }
            )
    return figure(
        traces,
        height=460,
        legend=True,
        xaxis=axis(title=coverage, range=[0, 1.02], tickformat=".0%", anchor="y2"),
        yaxis=axis(title=risk, domain=[0.55, 1.0], tickformat=".1%"),
        yaxis2=axis(title=cost, domain=[0.0, 0.45]),
    )
