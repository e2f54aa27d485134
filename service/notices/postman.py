"""The postman: takes notices out of the outbox and hands them to the mail server."""

from __future__ import annotations

import hashlib
import logging
import re
import smtplib
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage

from service.notices.letters import Letter, written
from service.notices.outbox import Notice, State, claim, postpone, settle
from service.settings import Mail
from service.store.session import Store

log = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 20.0
_AT_ONCE = 50
_ADDRESS = re.compile(r"[^\s@<>,]+@[^\s@<>,]+")
_HERE = frozenset({"127.0.0.1", "::1", "localhost"})
# SMTP's "mailbox name not allowed", also for an address that no message can carry.
_IMPOSSIBLE = 553


@dataclass(frozen=True)
class Round:
    """What one round brought."""

    sent: int = 0
    failed: int = 0
    postponed: int = 0


@dataclass(frozen=True)
class Postman:
    """Sends what is due.

    Attributes:
        merchant: who writes.
        simulated: whether letters must say that no money moves.
    """

    store: Store
    mail: Mail
    merchant: str
    clock: Callable[[], datetime]
    simulated: bool = False

    def deliver(self) -> Round:
        """Send every notice that is due now, each at least once and as a rule once.

        Raises:
            StoreUnavailable: the database does not answer; what was sent may be sent again, under
                the same Message-ID.
        """
        counted = {"sent": 0, "failed": 0, "postponed": 0}
        while due := self._claimed():
            try:
                with self._connected() as server:
                    for notice in due:
                        counted[self._send(server, notice)] += 1
            except (OSError, smtplib.SMTPException) as exc:
                # The server is not there: nothing of this round will go.
                log.warning("no mail goes out, %s:%d: %s", self.mail.host, self.mail.port, exc)
                counted["postponed"] += self._postpone(due, str(exc))
                break
        return Round(**counted)

    def _claimed(self) -> list[Notice]:
        with self.store.write() as connection:
            return claim(connection, now=self.clock(), limit=_AT_ONCE)

    def _send(self, server: smtplib.SMTP, notice: Notice) -> str:
        letter = written(
            notice.kind,
            notice.matter,
            locale=notice.locale,
            merchant=self.merchant,
            simulated=self.simulated,
        )
        if not _ADDRESS.fullmatch(notice.address):
            return self._refused(notice, _IMPOSSIBLE)
        try:
            server.send_message(self._message(notice, letter))
        except smtplib.SMTPNotSupportedError:
            return self._refused(notice, _IMPOSSIBLE)
        except (smtplib.SMTPRecipientsRefused, smtplib.SMTPResponseException) as exc:
            return self._refused(notice, _code(exc))
        with self.store.write() as connection:
            settle(connection, notice.notice_id, State.SENT, now=self.clock())
        return "sent"

    def _refused(self, notice: Notice, code: int) -> str:
        with self.store.write() as connection:
            if 400 <= code < 500:
                postpone(connection, notice.notice_id, now=self.clock(), error=f"{code}")
                return "postponed"
            settle(connection, notice.notice_id, State.FAILED, now=self.clock(), error=f"{code}")
        # Never the address: the log is no place for it.
        log.error("notice %s is not taken by the mail server: %d", notice.notice_id, code)
        return "failed"

    def _postpone(self, due: list[Notice], error: str) -> int:
        with self.store.write() as connection:
            return sum(
                postpone(connection, notice.notice_id, now=self.clock(), error=error[:200])
                for notice in due
            )

    def _message(self, notice: Notice, letter: Letter) -> EmailMessage:
        message = EmailMessage()
        message["Subject"] = letter.subject
        message["From"] = Address(self.merchant, addr_spec=self.mail.sender)
        message["To"] = notice.address
        message["Date"] = self.clock()
        digest = hashlib.sha256(notice.notice_id.encode()).hexdigest()[:32]
        message["Message-ID"] = f"<{digest}@{self.mail.sender.rpartition('@')[2]}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        message.add_alternative(letter.html, subtype="html")
        message["Content-Language"] = letter.language
        return message

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        mail, trusted = self.mail, ssl.create_default_context()
        with (
            smtplib.SMTP_SSL(mail.host, mail.port, timeout=_TIMEOUT_SECONDS, context=trusted)
            if mail.encrypted
            else smtplib.SMTP(mail.host, mail.port, timeout=_TIMEOUT_SECONDS)
        ) as server:
            server.ehlo_or_helo_if_needed()
            if not mail.encrypted and server.has_extn("starttls"):
                server.starttls(context=trusted)
            elif not mail.encrypted and mail.user is not None and mail.host not in _HERE:
                raise smtplib.SMTPNotSupportedError("no encryption, and the password stays here")
            if mail.user is not None:
                server.login(mail.user, mail.password or "")
            yield server


def _code(exc: smtplib.SMTPException) -> int:
    if isinstance(exc, smtplib.SMTPRecipientsRefused):
        return min(code for code, _ in exc.recipients.values())
    return exc.smtp_code if isinstance(exc, smtplib.SMTPResponseException) else 0
