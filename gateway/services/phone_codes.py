"""A phone confirmed by a one-time code: few codes an hour, few tries a code, hashed at rest, over after minutes.

A confirmed phone gets a session: a random token of which only the hash is kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets

from gateway.domain import identifiers
from gateway.domain.driver_requests import CodeTerms, DriverRefused, SentCode
from gateway.services.driver_port import CodeSender, DriverShelf
from gateway.services.ports import Clock

HOUR_MS = 3_600_000
ASKED, ASKED_FROM = "code", "code_from"
SCRYPT = {"n": 2**12, "r": 8, "p": 1, "dklen": 32}  # 4 MiB, some ms: six digits are few, the five tries protect them


class PhoneCodes:
    def __init__(self, shelf: DriverShelf, sender: CodeSender, clock: Clock, terms: CodeTerms) -> None:
        self._shelf, self.sender, self._clock, self._terms = shelf, sender, clock, terms

    def ask(self, phone: str, address: str) -> int:
        """Send a new code to this phone; until when it holds. Raises DriverRefused."""
        if problem := identifiers.mobile(phone):
            raise DriverRefused("phone", f"手机号码{problem[0]}", f"the number {problem[1]}", field="driver_phone")
        now_ms, digest, terms = self._clock.wall_ms(), self._shelf.phone_digest(phone), self._terms
        for what, who, most in ((ASKED, digest, terms.per_phone_h), (ASKED_FROM, address, terms.per_address_h)):
            if self._shelf.count(what, who, now_ms - HOUR_MS) >= most:
                raise DriverRefused("too_many", "验证码请求过多，请一小时后再试，或找门卫登记",
                                    "too many codes were asked for; try again in an hour, or ask the guard", field="driver_phone")  # fmt: skip
        code = f"{secrets.randbelow(10**terms.digits):0{terms.digits}d}"
        salt, until_ms = secrets.token_hex(16), now_ms + terms.valid_s * 1000
        self._shelf.put_code(digest, SentCode(salt, _digest(salt, code), until_ms, 0))
        self._shelf.note(ASKED, digest, now_ms)
        self._shelf.note(ASKED_FROM, address, now_ms)
        try:
            self.sender.send(phone, code, until_ms)
        except OSError as error:
            raise DriverRefused("unsent", "验证码未能发出，请找门卫", f"the code could not be sent ({error.strerror or 'no line'}); ask the guard") from None  # fmt: skip
        return until_ms

    def confirm(self, phone: str, code: str) -> str:
        """A session's token for the right code. Raises DriverRefused; a wrong code is counted before it is told."""
        digest, now_ms = self._shelf.phone_digest(phone), self._clock.wall_ms()
        sent = self._shelf.code(digest)
        if sent is None or sent.until_ms <= now_ms or sent.tries >= self._terms.tries:
            raise DriverRefused("no_code", "验证码已失效，请重新获取", "the code is no longer valid; ask for a new one", field="code")  # fmt: skip
        self._shelf.missed(digest)  # counted first: a cut connection is no free try
        if not hmac.compare_digest(_digest(sent.salt, code.strip()), sent.digest):
            left = self._terms.tries - sent.tries - 1
            if not left:
                self.sender.done(phone)
            raise DriverRefused("wrong_code", f"验证码不正确，还可试 {left} 次", f"the code is wrong; {left} tries are left", field="code")  # fmt: skip
        token = secrets.token_urlsafe(32)
        self._shelf.spend(digest, token_digest(token), now_ms + self._terms.session_h * HOUR_MS)
        self.sender.done(phone)
        return token

    def phone_of(self, token: str) -> str:
        """The digest of a session's phone. Raises DriverRefused."""
        found = self._shelf.phone_of(token_digest(token), self._clock.wall_ms()) if token else None
        if found is None:
            raise DriverRefused("no_session", "请先验证手机号码", "confirm your phone number first", field="code")
        return found


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def _digest(salt: str, code: str) -> str:
    return hashlib.scrypt(code.encode(), salt=bytes.fromhex(salt), **SCRYPT).hex()
