"""Every word on the page of a backtest, in English and Chinese side by side."""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "zh"]

TEXTS: dict[str, tuple[str, str]] = {
    "title": ("What the alarms would have been worth", "告警回测报告"),
    "kicker": ("Backtest · {start} to {end}", "回测 · {start} 至 {end}"),
    "contents": ("Contents", "目录"),
    "no_script": (
        "The plots need JavaScript. Every number that matters is also in a table.",
        "图表需要启用 JavaScript；所有重要数字也都列在表格中。",
    ),
    "plot_note": ("Plot; the numbers are in the table next to it.", "图；数值见相邻表格。"),
    "summary": ("In short", "摘要"),
    "tile_false": ("false alarms per series and month", "每序列每月误报数"),
    "tile_found": ("events found", "发现的事件"),
    "tile_delay": ("median delay", "中位延迟"),
    "tile_alarms": ("alarms in all", "告警总数"),
    "within": (
        "{kind}: {false} false alarms in {months} series-months, {rate} per month ({low} to {high}). "
        "That is within the budget of {budget}.",
        "{kind}：{months} 个序列月中误报 {false} 次，每月 {rate}（{low} 至 {high}），未超出预算 {budget}。",
    ),
    "unclear": (
        "{kind}: {false} false alarms in {months} series-months, {rate} per month ({low} to {high}). "
        "That is above the budget of {budget}, but may be chance.",
        "{kind}：{months} 个序列月中误报 {false} 次，每月 {rate}（{low} 至 {high}），"
        "高于预算 {budget}，但可能只是偶然。",
    ),
    "beyond": (
        "{kind}: {false} false alarms in {months} series-months, {rate} per month ({low} to {high}). "
        "That is more than the budget of {budget}: choose a threshold on quiet history (tune).",
        "{kind}：{months} 个序列月中误报 {false} 次，每月 {rate}（{low} 至 {high}），"
        "超出预算 {budget}：请用 tune 在平静的历史数据上选定阈值。",
    ),
    "found_of": (
        "{found} of {events} events were found ({low} to {high}), half of them within {delay}.",
        "{events} 个事件中发现 {found} 个（{low} 至 {high}），一半在 {delay} 内发现。",
    ),
    "found_few": (
        "{found} of {events} events were found ({low} to {high}): fewer than half, so there is no median delay.",
        "{events} 个事件中发现 {found} 个（{low} 至 {high}），不足一半，因此没有中位延迟。",
    ),
    "no_truth": (
        "It was not said what happened (--truth), so every alarm counts as false, and nothing can be said of misses.",
        "未提供真实事件（--truth），因此所有告警都算作误报，也无法评价漏报。",
    ),
    "timeline": ("Events and alarms", "事件与告警"),
    "timeline_note": (
        "Bars are events, dots are alarms. Only series with either are shown.",
        "横条为事件，圆点为告警；只显示有事件或告警的序列。",
    ),
    "event": ("event", "事件"),
    "side_event": ("shows here, too", "连带表现"),
    "right": ("right alarm", "正确告警"),
    "wrong": ("false alarm", "误报"),
    "rivals": ("Beside other alarms", "与其他告警方法比较"),
    "rivals_note": (
        "All see the same items and windows, with the same smallest number of stories and the same pause between two "
        "alarms. By chance: as many alarms in each series as ours, at random times, the mean of 100 draws.",
        "所有方法使用相同的条目、窗口、最少报道数和告警间隔。"
        "随机：每个序列的告警次数与我们相同，时间随机，取 100 次平均。",
    ),
    "alarm": ("alarm", "方法"),
    "ours": ("ours", "本方法"),
    "never": ("never", "从不告警"),
    "always": ("always", "始终告警"),
    "by_chance": ("by chance", "随机"),
    "three_sigma": ("3 standard deviations", "三倍标准差"),
    "word_counts": ("words counted", "关键词计数"),
    "alarms": ("alarms", "告警"),
    "false": ("false", "误报"),
    "per_month": ("per series-month", "每序列月"),
    "found": ("found", "发现"),
    "recall": ("recall", "召回率"),
    "delay": ("median delay", "中位延迟"),
    "windows": ("{number} windows", "{number} 个窗口"),
    "budget": ("False alarms and the budget", "误报与预算"),
    "budget_note": (
        "Per series and month in which nothing is known to have happened; bars are 95 % intervals. "
        "The line is what the budget allows.",
        "按没有已知事件的序列月计算；误差线为 95% 区间，短线为预算上限。",
    ),
    "kind": ("series", "序列类型"),
    "topic": ("Topics", "主题"),
    "company": ("Companies", "公司"),
    "overall": ("All news", "全部新闻"),
    "series_months": ("series-months", "序列月"),
    "allowed": ("allowed", "预算"),
    "by_strength": ("By strength", "按强度"),
    "strength": ("strength", "强度"),
    "events": ("events", "事件"),
    "curve": ("Planted surges", "植入的激增"),
    "curve_note": (
        "Surges planted into this history: negative stories are made so many times as frequent as usual for {length} "
        "windows. Where the series has fewer than one a window, as if it had one.",
        "在这段历史中植入激增：在 {length} 个窗口内使负面报道达到平时的若干倍；平时每窗口不足一条的序列按一条计算。",
    ),
    "times": ("times the usual", "倍数"),
    "planted": ("planted", "植入"),
    "stories": ("stories each", "每次报道数"),
    "every_event": ("Every event", "全部事件"),
    "every_alarm": ("Every alarm", "全部告警"),
    "series": ("series", "序列"),
    "start": ("begins (UTC)", "开始（UTC）"),
    "end": ("ends", "结束"),
    "seen": ("seen after", "发现用时"),
    "missed": ("missed", "漏报"),
    "opened": ("raised (UTC)", "发出（UTC）"),
    "test": ("test", "检验"),
    "severity": ("severity", "级别"),
    "volume": ("volume", "数量"),
    "share": ("share", "占比"),
    "warning": ("warning", "警告"),
    "critical": ("critical", "严重"),
    "p_value": ("p-value", "p 值"),
    "verdict": ("verdict", "判定"),
    "withdrawn": ("withdrawn later", "后已撤回"),
    "facts": ("How it was measured", "测量方式"),
    "items": ("Items", "条目"),
    "late": ("of them too late for their window", "其中迟到而未计入窗口"),
    "model": ("Model", "模型"),
    "window": ("Window", "窗口"),
    "minutes": ("{number} min", "{number} 分钟"),
    "budget_is": ("Budget", "预算"),
    "threshold": ("Threshold", "阈值"),
    "by_budget": ("from the budget", "由预算推得"),
    "method": (
        "The monitor's own code ran on a virtual clock. An alarm is right if its windows touch an event of its series; "
        "where an event only shows in passing, an alarm is neither asked for nor false. The delay runs from the "
        "event's start to the alarm, and events that were missed count as found later than their end. "
        "Intervals: Garwood 1936 for rates, Clopper and Pearson 1934 for shares.",
        "由监控程序本身的代码在虚拟时钟上运行。告警窗口与同序列事件重叠即为正确；事件只是连带表现的序列，既不要求告警也不算误报。"
        "延迟从事件开始算到告警发出，漏报的事件按晚于其结束处理。"
        "区间：比率用 Garwood 1936，比例用 Clopper–Pearson 1934。",
    ),
    "none": ("none", "无"),
}


def texts_in(language: Language) -> dict[str, str]:
    """All texts in one language, by key."""
    column = 1 if language == "zh" else 0
    return {key: pair[column] for key, pair in TEXTS.items()}
