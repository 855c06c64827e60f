"""Makes raw mails for tests, with invented people and reserved domains."""

import itertools
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate

_numbers = itertools.count(1)


def mail(
    *,
    sender: str = "Marina Prado <marina@trigal.example>",
    to: str = "suporte@presteza.example",
    subject: str = "NF-e rejeitada com código 539",
    text: str = "Boa tarde. A nota do pedido 1932 volta com rejeição 539.",
    html: str = "",
    cc: str = "",
    message_id: str = "",
    in_reply_to: str = "",
    references: str = "",
    headers: dict[str, str] | None = None,
    files: tuple[tuple[str, str, bytes], ...] = (),
) -> bytes:
    """Return the bytes of one mail; ids are given without angle brackets."""
    message = EmailMessage(policy=SMTP)
    if sender:
        message["From"] = sender
    message["To"] = to
    if cc:
        message["Cc"] = cc
    message["Subject"] = subject
    message["Date"] = formatdate(localtime=False)
    message["Message-ID"] = f"<{message_id or f'm{next(_numbers)}@cliente.example'}>"
    if in_reply_to:
        message["In-Reply-To"] = f"<{in_reply_to}>"
    if references:
        message["References"] = references
    for name, value in (headers or {}).items():
        message[name] = value
    message.set_content(text)
    if html:
        message.add_alternative(html, subtype="html")
    for name, content_type, content in files:
        maintype, _slash, subtype = content_type.partition("/")
        message.add_attachment(content, maintype=maintype, subtype=subtype, filename=name)
    return message.as_bytes()
