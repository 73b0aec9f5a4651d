"""E-mail by the city's own mail server (SMTP)."""

from __future__ import annotations

import smtplib
import ssl
from email.message import EmailMessage
from urllib.parse import unquote, urlsplit

from gisops.adapters import Message, Refused, Send, Unreachable

TIMEOUT_S = 10.0


def sender(url: str, sent_from: str) -> Send:
    """Send through ``smtp://[user:password@]host[:port]`` (STARTTLS where the server offers it, and always before a
    password) or ``smtps://``. The message's id follows from the delivery, so that a mail server or reader can tell a
    repeat. Raises ``Refused`` for what the server will never take (5xx), ``Unreachable`` for everything else.
    """
    parts = urlsplit(url)
    host = parts.hostname or ""
    secure = ssl.create_default_context()

    def send(message: Message) -> None:
        try:
            with _open() as server:
                server.send_message(_written(message, sent_from), from_addr=sent_from, to_addrs=[message.to])
        except smtplib.SMTPRecipientsRefused as error:
            code = max((refused[0] for refused in error.recipients.values()), default=0)
            raise (Refused if code >= 500 else Unreachable)(f"SMTP {code}") from error
        except smtplib.SMTPResponseException as error:
            permanent = error.smtp_code >= 500 and not isinstance(error, smtplib.SMTPAuthenticationError)
            raise (Refused if permanent else Unreachable)(f"SMTP {error.smtp_code}") from error
        except (OSError, smtplib.SMTPException) as error:
            raise Unreachable(type(error).__name__) from error

    def _open() -> smtplib.SMTP:
        if parts.scheme == "smtps":
            server: smtplib.SMTP = smtplib.SMTP_SSL(host, parts.port or 465, timeout=TIMEOUT_S, context=secure)
        else:
            server = smtplib.SMTP(host, parts.port or 25, timeout=TIMEOUT_S)
            server.ehlo()
            if server.has_extn("starttls") or parts.username:
                server.starttls(context=secure)
        if parts.username:
            server.login(unquote(parts.username), unquote(parts.password or ""))
        return server

    return send


def _written(message: Message, sent_from: str) -> EmailMessage:
    written = EmailMessage()
    written["Subject"] = f"{message.title_zh} / {message.title_en}"
    written["From"] = sent_from
    written["To"] = message.to
    written["Message-ID"] = f"<{message.delivery_id}@gisops>"
    written["Auto-Submitted"] = "auto-generated"
    written.set_content(f"{message.text_zh}\n\n{message.text_en}\n")
    return written
