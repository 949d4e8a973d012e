"""What people say to any company, and no company has to teach: greetings, thanks, goodbyes, the wish for a person.

It stands in where a model was trained without them, or nobody approved a text for them. Only words that say nothing
else count as civilities: "hello, I lost my card" is about the card.
"""

from __future__ import annotations

import re
from typing import Literal

from kits.support.dialogue.context import asks_who_answers

Civility = Literal["greeting", "thanks", "goodbye"]
_ENDS = re.compile(r"[\s,.!?;:~，。！？；：～…]*[,.!?;:~，。！？；：～…][\s,.!?;:~，。！？；：～…]*")
_CIVILITIES: dict[Civility, re.Pattern[str]] = {
    "greeting": re.compile(
        r"(?:hi|hello|hey|good (?:morning|afternoon|evening|day)|greetings)(?: there| all| everyone| team)?"
        r"|[你您]好|(?:早上|上午|下午|晚上)好|在吗|有人吗",
        re.IGNORECASE,
    ),
    "thanks": re.compile(
        r"(?:(?:no|ok|okay|great|perfect|many) )?(?:thanks|thank you|thx|cheers)"
        r"(?: (?:a lot|so much|very much|again|for (?:your|the|all the) (?:help|answer|reply)|for helping(?: me)?))*"
        r"|(?:好的)?(?:非常)?(?:谢谢|多谢|感谢)[你您]?(?:了|啦|的帮助)?",
        re.IGNORECASE,
    ),
    "goodbye": re.compile(
        r"(?:good ?)?bye(?: bye| for now)?|see you(?: later| soon)?|have a (?:nice|good|great) (?:day|evening|weekend)"
        r"|再见|拜拜|回见",
        re.IGNORECASE,
    ),
}
_FILLER = re.compile(r"no|ok|okay|fine|good|great|perfect|super|alright|好的?|好吧|嗯|行|不用了?", re.IGNORECASE)
_PEOPLE = (
    r"(?:some(?:one|body)|any(?:one|body)|persons?|people|humans?|agents?|representatives?|operators?|advis[eo]rs?"
    r"|colleagues?|employees?)"
)
_PERSON = re.compile(
    r"\b(?:(?:speak|talk|chat)\s+(?:to|with)|(?:connect|transfer|pass|put)\s+me\s+(?:on\s+|over\s+|through\s+)?(?:to|with))"
    rf"\s+(?:(?:an?|the|one|of|your|any|real|live|human|actual)\s+){{0,4}}{_PEOPLE}\b"
    r"|\b(?:want|need|get\s+me)\s+(?:an?\s+)?(?:real|live|human)\s+(?:person|being|agent)\b"
    r"|^\W*(?:(?:real|live|human)\s+)?(?:person|human|agent|representative|operator)(?:\s+please)?\W*$"
    r"|转(?:接)?人工|人工(?:客服|服务)|^\W*人工\W*$|(?:找|要|跟|和)(?:一?[个位])?(?:真人|客服|人工|工作人员)",
    re.IGNORECASE,
)


def find_civility(text: str) -> Civility | None:
    """What a text that says nothing else says; of several the last.

    >>> find_civility("Thanks a lot, bye!"), find_civility("您好"), find_civility("hello, I lost my card")
    ('goodbye', 'greeting', None)
    """
    found: Civility | None = None
    for piece in filter(None, _ENDS.split(" ".join(text.split()))):
        kind = next((kind for kind, pattern in _CIVILITIES.items() if pattern.fullmatch(piece)), None)
        if kind is None and not _FILLER.fullmatch(piece):
            return None
        found = kind or found
    return found


def wants_person(text: str) -> bool:
    """Whether someone asks for a person in so many words.

    >>> wants_person("can I speak to someone please"), wants_person("转人工"), wants_person("send money to someone")
    (True, True, False)
    """
    return bool(_PERSON.search(text)) and not asks_who_answers(text)
