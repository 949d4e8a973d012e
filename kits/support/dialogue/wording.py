"""The sentences that the assistant says by itself, in English and Chinese side by side."""

from __future__ import annotations

WORDS: dict[str, tuple[str, str]] = {
    "greeting": ("Hello! What can I do for you?", "您好！请问有什么可以帮您？"),
    "thanks": ("You are welcome.", "不客气。"),
    "goodbye": ("Goodbye, and thank you for your message.", "再见，感谢您的咨询。"),
    "clarify": (
        "I want to be sure that I understand you. Do you mean one of these?",
        "我想确认一下您的意思，您是指下面哪一个？",
    ),
    "hand_over_unsure": (
        "I am not sure that I can answer this correctly, so I pass you on to a colleague, who can read everything you "
        "have written here.",
        "这个问题我没有把握答对，现在为您转接同事，您前面写的内容同事都能看到。",
    ),
    "hand_over_unanswered": (
        "I have no answer to this, so I pass you on to a colleague, who can read everything you have written here.",
        "这个问题我没有答案，现在为您转接同事，您前面写的内容同事都能看到。",
    ),
    "hand_over_incomplete": (
        "I could not make out what I need for this, so I pass you on to a colleague.",
        "我没能得到需要的信息，现在为您转接同事。",
    ),
    "hand_over_requested": ("I pass you on to a colleague.", "好的，为您转接同事。"),
    "out_of_scope": (
        "I am afraid that this is nothing I can help with. If you have a question about our services, I am glad to "
        "answer it; or say that you would like to talk with a person.",
        "抱歉，这个问题不在我的服务范围内。您可以问我与我们业务有关的问题，也可以说“转人工”。",
    ),
    "again": ("I did not recognise it. ", "没有识别出来。"),
}  # fmt: skip


def say(key: str, language: str) -> str:
    """A sentence in a language."""
    return WORDS[key][language == "zh"]
