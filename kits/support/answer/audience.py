"""Whether a text speaks of private or of business customers, or says nothing about it."""

from __future__ import annotations

import re

from kits.support.answer.response import Audience

# "The company does not refund me" is about somebody else's company; "my company" and "company account" are not.
_BUSINESS = re.compile(
    r"""
    \b(?:my|our|for|of|as)\s+(?:(?:a|an|the|own|small)\s+)*(?:company|companies|business|businesses|firm|firms|shop|restaurant|employees?|staff|freelancers?)\b
    |\b(?:business|company|corporate|commercial)\s+(?:accounts?|cards?|customers?|clients?|loans?|transfers?|payments?|cash|start|pro|prices?)\b
    |\bbusiness(?:es)?\b(?=\W*$)|\bcompanies\b(?=\W*$)
    |公司(?:账户|卡|客户|贷款|户|的?账)|企业(?:账户|客户|贷款|户)|对公|商业账户|[我咱]们?(?:的)?(?:公司|店|餐馆|企业)|员工
    """,
    re.IGNORECASE | re.VERBOSE,
)
_PRIVATE = re.compile(
    r"\b(?:private|personal)\s+(?:accounts?|cards?|customers?|clients?|loans?)\b|\b(?:for|as)\s+(?:a\s+)?private\b"
    r"|私人(?:账户|客户|卡)|个人(?:账户|客户|贷款|卡)|对私",
    re.IGNORECASE,
)


def tell_audience(text: str) -> Audience | None:
    """Whom a text speaks of.

    >>> tell_audience("and for business accounts?"), tell_audience("那公司账户呢？")
    ('business', 'business')
    >>> tell_audience("the company refuses")
    """
    is_business, is_private = bool(_BUSINESS.search(text)), bool(_PRIVATE.search(text))
    if is_business == is_private:
        return None
    return "business" if is_business else "private"
