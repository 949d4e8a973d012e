"""Every word that a report shows, in English and Chinese side by side.

A key without its translation cannot be written down here, and a test compares the placeholders.
"""

from __future__ import annotations

from typing import Literal

Language = Literal["en", "zh"]

TEXTS: dict[str, tuple[str, str]] = {
    # The frame
    "contents": ("Contents", "目录"),
    "report": ("Model report", "模型报告"),
    "summary": ("In short", "摘要"),
    "made_on": ("Trained {when}", "训练时间：{when}"),
    "no_script": (
        "The plots need JavaScript. Every number that matters is also in a table.",
        "图表需要启用 JavaScript；所有重要数字也都列在表格中。",
    ),
    "plot_note": ("Plot; the numbers are in the table next to it.", "图；数值见相邻表格。"),
    "tile_lead": ("points ahead of {name}", "个百分点，领先 {name}"),
    "tile_ece": ("average error of stated confidence", "置信度平均误差"),
    "tile_rows": ("evaluated rows", "评估行数"),
    "warnings": ("Warnings", "警告"),
    "none": ("none", "无"),
    # The summary, in plain words
    "sum_single": (
        "On {rows} texts it had not seen, the model gets {score} of {task} right{baselines}.",
        "在 {rows} 条未见过的文本上，模型对 {task} 的判断正确率为 {score}{baselines}。",
    ),
    "sum_multi": (
        "On {rows} texts it had not seen, {precision} of the {task} labels the model assigns are right, and it "
        "finds {recall} of those it should: a micro-F1 of {score}{baselines}.",
        "在 {rows} 条未见过的文本上，模型给出的 {task} 标签有 {precision} 是正确的，应给出的标签找到了 {recall}："
        "微平均 F1 为 {score}{baselines}。",
    ),
    "sum_other": (
        "On {task}, the model reaches {metric} {score}{baselines}.",
        "在 {task} 上，模型的 {metric} 为 {score}{baselines}。",
    ),
    "sum_baseline": ("{name} {score}", "{name} 为 {score}"),
    "sum_separator": ("; ", "；"),
    "sum_ahead": (
        "That is {points} points better than {name} ({low} to {high}), more than chance explains.",
        "比 {name} 高 {points} 个百分点（{low} 至 {high}），超出偶然波动的范围。",
    ),
    "sum_level": (
        "The difference from {name}, {points} points ({low} to {high}), may be chance.",
        "与 {name} 相差 {points} 个百分点（{low} 至 {high}），可能只是偶然。",
    ),
    "sum_behind": (
        "It is {points} points worse than {name} ({low} to {high}): prefer the baseline.",
        "比 {name} 低 {points} 个百分点（{low} 至 {high}）：建议改用该基线。",
    ),
    "sum_calibrated": (
        "Its stated confidence is off by {after} points on average ({before} before calibration).",
        "它给出的置信度平均偏差 {after} 个百分点（校准前 {before}）。",
    ),
    "sum_ece": (
        "Its stated confidence is off by {after} points on average.",
        "它给出的置信度平均偏差 {after} 个百分点。",
    ),
    "sum_weakest": ("Weakest labels: {labels}.", "最弱的标签：{labels}。"),
    "sum_weak_label": ("{label} (F1 {f1}, {rows} rows)", "{label}（F1 {f1}，{rows} 行）"),
    # Verdicts on the training curve
    "verdict_converged": (
        "Training converged: the validation score no longer changes (best at epoch {epoch}).",
        "训练已收敛：验证集得分不再变化（最佳为第 {epoch} 轮）。",
    ),
    "verdict_oversure": (
        "The validation loss still rises while the score holds: the model grows over-sure, which calibration repairs.",
        "得分保持不变而验证损失仍在上升：模型变得过度自信，校准可以修正。",
    ),
    "verdict_improving": (
        "Training was still improving at its end (epoch {epoch}): train longer.",
        "训练结束时（第 {epoch} 轮）仍在提升：建议延长训练。",
    ),
    "verdict_overfitting": (
        "The model overfits from epoch {epoch} on: the best checkpoint, that of epoch {epoch}, is kept.",
        "模型在第 {epoch} 轮之后过拟合：保留第 {epoch} 轮的最佳检查点。",
    ),
    "verdict_diverged": (
        "Training diverged: the loss blew up; lower the learning rate.",
        "训练发散：损失失控，请降低学习率。",
    ),
    "verdict_short": (
        "Training was too short to judge: {points} validated points, at least 3 are needed.",
        "训练过短，无法判断：仅有 {points} 个验证点，至少需要 3 个。",
    ),
    # Facts
    "model_and_data": ("Model and data", "模型与数据"),
    "model": ("Model", "模型"),
    "data": ("Data", "数据"),
    "backbone": ("Backbone", "骨干模型"),
    "tuning": ("Tuning", "微调方式"),
    "parameters": ("Parameters", "参数量"),
    "trainable": ("{count}, of which {trainable} trained", "{count}，其中训练 {trainable}"),
    "size": ("Size", "大小"),
    "text_language": ("Language of the texts", "文本语言"),
    "seed": ("Random seed", "随机种子"),
    "versions": ("Versions", "版本"),
    "trained_at": ("Trained at", "训练时间"),
    "duration": ("Training time", "训练用时"),
    "rows_of": ("Rows: {split}", "行数：{split}"),
    "split": ("Split", "划分方式"),
    "rejected": ("Rejected rows", "被拒绝的行"),
    "sources": ("Sources", "数据来源"),
    "fingerprint": ("Fingerprint", "数据指纹"),
    # The ladder and the training curve
    "ladder": ("Which model was chosen", "模型选择"),
    "ladder_note": (
        "Every rung that was tried, scored on the validation rows ({metric}). A language model is chosen over "
        "n-grams only if it wins by more than its error bar; of several that cost the same to run, the better one.",
        "列出尝试过的每一级模型及其验证集得分（{metric}）。语言模型的优势超过误差范围时，才会取代 n-gram 模型；"
        "运行成本相同的几级之间，取其优者。",
    ),
    "rung": ("Rung", "级别"),
    "time": ("Time", "用时"),
    "chosen": ("chosen", "选用"),
    "reason": ("Why", "原因"),
    "training": ("Training curve", "训练曲线"),
    "epoch": ("Epoch", "轮次"),
    "step": ("Step", "步数"),
    "loss": ("Loss", "损失"),
    "train_loss": ("Training loss", "训练损失"),
    "validation_loss": ("Validation loss", "验证损失"),
    "learning_rate": ("Learning rate", "学习率"),
    "validation": ("Validation {metric}", "验证集{metric}"),
    # A task
    "task_facts": ("{labels} labels, {rows} evaluated rows", "{labels} 个标签，评估 {rows} 行"),
    "scores": ("Scores beside the baselines", "得分与基线对比"),
    "scores_note": (
        "In brackets the 95 % interval: where the score would lie with other rows of the same kind.",
        "括号内为 95% 置信区间：换用同类数据时得分可能所处的范围。",
    ),
    "metric": ("Metric", "指标"),
    "lower_is_better": ("lower is better", "越低越好"),
    "this_model": ("this model", "本模型"),
    "majority": ("always guessing by frequency", "按频率猜测"),
    "confusion": ("What is taken for what", "混淆情况"),
    "confusion_note": (
        "Rows are the truth, columns the prediction. Colour: share of the row.",
        "行为真实标签，列为预测标签；颜色表示在该行中的占比。",
    ),
    "missed_note": (
        "Rows where the true label was missed and another one was given in its place.",
        "漏掉真实标签、却给出另一标签的情况。",
    ),
    "confused_pairs": ("Most confused pairs", "最易混淆的标签对"),
    "no_pairs": ("No label was given in place of another.", "没有以一个标签代替另一个标签的情况。"),
    "truth": ("Truth", "真实"),
    "predicted": ("Predicted", "预测"),
    "count": ("Count", "数量"),
    "share_of_truth": ("Share of the true label", "占真实标签比例"),
    "ranking": ("Ranking: ROC and precision-recall", "排序能力：ROC 与精确率-召回率"),
    "ranking_note": (
        "How well the scores order texts, whatever the threshold. {shown}",
        "与阈值无关的排序能力。{shown}",
    ),
    "ranking_all": ("All labels are drawn.", "绘出全部标签。"),
    "ranking_some": (
        "Drawn: all labels together and the {count} weakest; areas of every label are in the table below.",
        "绘出全部标签的总体曲线和最弱的 {count} 个标签；每个标签的面积见下方表格。",
    ),
    "all_labels": ("all labels", "全部标签"),
    "false_positive_rate": ("False-positive rate", "假阳性率"),
    "true_positive_rate": ("True-positive rate", "真阳性率"),
    "roc_area": ("ROC area", "ROC 面积"),
    "calibration": ("Is a stated 90 % right 90 % of the time?", "置信度可信吗？"),
    "calibration_note": (
        "On the diagonal, confidence is honest; below it the model is too sure. "
        "Ranges with fewer than {fewest} predictions are in the table only.",
        "落在对角线上表示置信度可信；低于对角线表示模型过度自信。预测数少于 {fewest} 的区间只列在表中。",
    ),
    "calibration_multi": (
        "Every row-label decision counts; most are near zero, where a label is plainly absent.",
        "统计每个“行-标签”判断；多数接近零，即标签明显不存在。",
    ),
    "temperature": ("Temperature {value}", "温度 {value}"),
    "before": ("before calibration", "校准前"),
    "after": ("after calibration", "校准后"),
    "ece_of": ("{when}: ECE {value}", "{when}：ECE {value}"),
    "confidence": ("Confidence", "置信度"),
    "came_true": ("Came true", "实际正确率"),
    "predictions": ("Predictions", "预测数"),
    "labels": ("Every label", "各标签得分"),
    "label": ("Label", "标签"),
    "precision": ("Precision", "精确率"),
    "recall": ("Recall", "召回率"),
    "support": ("Rows", "行数"),
    "threshold": ("Threshold", "阈值"),
    "learning": ("Would more data help?", "更多数据有帮助吗？"),
    "training_rows": ("Training rows", "训练行数"),
    "score": ("Score", "得分"),
    "errors": ("Most confident mistakes", "最自信的错误"),
    "errors_note": (
        "Read these first: some are the model's faults, some are wrong labels in the data.",
        "建议优先查看：有些是模型的错误，有些是数据标注有误。",
    ),
    "no_errors": ("No mistake on the evaluated rows.", "评估数据上没有错误。"),
    "text": ("Text", "文本"),
    "place": ("Place", "位置"),
    # Scores by name
    "accuracy": ("Accuracy", "准确率"),
    "macro_f1": ("Macro F1", "宏平均 F1"),
    "micro_f1": ("Micro F1", "微平均 F1"),
    "micro_precision": ("Micro precision", "微平均精确率"),
    "micro_recall": ("Micro recall", "微平均召回率"),
    "balanced_accuracy": ("Balanced accuracy", "均衡准确率"),
    "subset_accuracy": ("All labels right", "完全匹配率"),
    "hamming": ("Wrong decisions", "错误判断率"),
    "roc_auc": ("ROC area (macro)", "ROC 面积（宏平均）"),
    "average_precision": ("Average precision (macro)", "平均精确率（宏平均）"),
    "log_loss": ("Log loss", "对数损失"),
    "brier": ("Brier score", "Brier 分数"),
    "ece": ("Calibration error (ECE)", "校准误差（ECE）"),
    # The model card
    "intended_use": ("Intended use", "用途"),
    "limits": ("Limits", "局限"),
    "how_to_load": ("How to load", "加载方法"),
    "limit_language": ("Trained on texts in: {language}.", "训练文本的语言：{language}。"),
    "limit_rare": (
        "Fewer than {fewest} evaluated rows, so their scores say little: {labels}.",
        "评估行数少于 {fewest}，得分参考价值有限：{labels}。",
    ),
    "limit_new": (
        "It gives one of its labels to any text, also to texts unlike those it was trained on.",
        "对任何文本都会给出已有标签之一，包括与训练数据不同的文本。",
    ),
}


def texts_in(language: Language) -> dict[str, str]:
    """All texts in one language, by key."""
    column = 1 if language == "zh" else 0
    return {key: pair[column] for key, pair in TEXTS.items()}
