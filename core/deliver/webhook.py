"""A signed webhook: one POST, whose receiver computes the signature itself, and drops what is old or was seen.

t, v1 = values of the header X-Fieldkits-Signature: t=…,v1=…
hmac_sha256(key, t + "." + body) == v1      and |now - t| < 5 minutes
Idempotency-Key was not seen before
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from core.deliver.address import Target
from core.deliver.post import Failure, Limits, open_target, post
from core.deliver.signature import HEADER, sign


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where to post to, and how.

    Attributes:
        target: The address in its parts.
        secret: Key of the signature; None: not signed.
        limits: Time, and whether to a private address.
    """

    target: Target
    secret: bytes | None
    limits: Limits

    def post(self, body: bytes, key: str) -> Failure | None:
        """Post JSON.

        Args:
            body: What is sent, and signed.
            key: The Idempotency-Key.

        Returns:
            None if the receiver answered with a status of 200 to 299. The text of its answer is not
            read: whatever it holds, and however long it is, it changes nothing.
        """
        headers = {"Idempotency-Key": key}
        if self.secret is not None:
            headers[HEADER] = sign(self.secret, body, int(time.time()))
        answer = post(self.target, body, headers, self.limits)
        return answer if isinstance(answer, Failure) else None


def open_webhook(url: str, secret: str | None, limits: Limits, where: str) -> Webhook:
    """Check a webhook's address.

    Raises:
        ConfigError: It is incomplete, or holds a name and password, which belong into no address.
    """
    return Webhook(open_target(url, where), secret.encode() if secret else None, limits)
