"""How agents greet, wait and pass on, and how customers show that they are pleased or not: English and Chinese."""

from __future__ import annotations

import re


def _any(*alternatives: str) -> str:
    return "(?:" + "|".join(alternatives) + ")"


_HELLO = r"(?:hello|hi|hey|good (?:morning|afternoon|evening|day)|dear (?:customer|sir|madam)|welcome)\b[^.!?]*[.!?]\s*"
_NAMED = r"(?:this is|my name is|i am|i'm) [A-Z]\w+(?: speaking| here| from [^.!?]*)?[.!?]\s*"
_HERE = r"[A-Z]\w+ (?:here|speaking)[.!?]\s*"
_HELLO_ZH = r"(?:您好|你好|亲|早上好|下午好|晚上好)[^。！？，,!]{0,14}[。！？，,!]\s*"
GREETING = re.compile(r"^\s*" + _any(_HELLO, _NAMED, _HERE, _HELLO_ZH) + "+", re.IGNORECASE)

COURTESY = re.compile(
    r"\s*"
    + _any(
        r"i'?m (?:very )?sorry[^.!?]*[.!?]", r"sorry[^.!?]*[.!?]", r"thank(?:s| you)[^.!?]*[.!?]",
        r"you'?re welcome[.!]?", r"my pleasure[.!]?", r"good ?bye[.!]?", r"bye[.!]?", r"good luck[^.!?]*[.!?]",
        r"(?:good|very good|great|fine|understood|of course|gladly|all right)[.!,]", r"have a [^.!?]*[.!]",
        r"enjoy [^.!?]*[.!]", r"(?:is there|can i do|may i do)[^.!?]*(?:else|more)[^.!?]*[?]", r"anything else[?]",
        "不客气[^。！]*[。！]?", "谢谢[^。！]*[。！]?", "再见[。！]?", "好的[，。！]", "抱歉[^。！]*[。！]",
        "祝您[^。！]*[。！]?", "还有(?:什么|其他)[^？]*[？]",
    )
    + r"\s*",
    re.IGNORECASE,
)  # fmt: skip

HOLD = re.compile(
    r"\b"
    + _any(
        r"one moment", r"just a moment", r"a moment,? please", r"let me (?:check|look|see)",
        r"i(?:'ll| will)? (?:check|look) (?:it|that|this|into)", r"please (?:wait|hold)", r"stay in this chat",
    )
    + r"\b|请稍等|稍等一下|我查一下|我看一下",
    re.IGNORECASE,
)  # fmt: skip

HAND_OVER = re.compile(
    r"\b"
    + _any(
        r"(?:i|let me|i'll) (?:hand|pass|put|connect|transfer|forward) (?:you|this|it)",
        r"(?:hand|pass|transfer)(?:ed|ing) you",
        r"(?:colleague|specialist|team|expert)s? (?:will|takes?) (?:call|contact|over|get back|write)",
    )
    + r"\b|转(?:给|接|到|交).{0,8}(?:团队|同事|专员|部门|小组)|为您转接",
    re.IGNORECASE,
)

PLEASED = re.compile(
    r"\b"
    + _any(
        "thank", "thanks", "thx", "ty", "perfect", "great", "super", "excellent", "works", "worked", "done", "got it",
        "understood", "ok(?:ay)?", "fine", "good", "nice", "cool", "cheers", "alright", "all right", "clear",
        "wonderful", "lovely", "will do",
    )
    + r"\b|谢|好的|明白|知道了|行|可以了|搞定|收到|没问题|懂了",
    re.IGNORECASE,
)  # fmt: skip

DISPLEASED = re.compile(
    r"\b"
    + _any(
        "useless", "ridiculous", "no help", r"not help(?:ful|ed|ing)?", r"doesn'?t help", "waste of", "unacceptable",
        r"disappoint\w*", r"complain\w*", r"still (?:not|no|nothing|does|doesn)\w*", "forget it", "never ?mind",
        "another bank", "cancel everything", "awful", "terrible", "worst", "joke", "whatever",
        "not (?:good enough|an answer|ok|okay|fair|acceptable)", "scandal", "nonsense", "again the same", "give up",
        "leave it", "no use",
    )
    + r"\b|算了|没用|太差|投诉|垃圾|不行|还是不|什么破|失望|无语|换一?家",
    re.IGNORECASE,
)  # fmt: skip
