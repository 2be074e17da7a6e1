"""Plain dictionaries for screenings and contacts: what the vault stores and what envelopes carry.

Only text, whole numbers, true/false, null, lists and tables with keys ``[a-z0-9_]+``; the canonical JSON
bytes are made by ``sync.canonical``. Keys of the instrument therefore travel in lower case (``s04t``).
Every body carries ``v``; every key is always present, except for ``open_override`` and ``open_finish`` of a draft, which
are there while something is half chosen at the end, and for ``attachments``. Reading is strict: an unknown version
or key, a wrong type or an impossible value raises CodecError that names the field and never shows its content.

==================  ==============================================================================
draft               everything, for this device's vault only
screening body      answers, context and the result, without identity and contact details
identity body       who the person is, for matching
safe-contact body   how the person can be reached
contact body        one logged contact with its alarm
attachments         a key of the screening and the contact body, absent when no files belong to it
unfinished body     a contact or rules that are half typed, for this device's vault only
==================  ==============================================================================
"""

from fieldapp.codec.attachments import (
    attachment_body,
    attachments_field,
    read_attachment,
    read_attachments,
)
from fieldapp.codec.contacts import ContactReport, contact_body, parse_contact_body
from fieldapp.codec.fields import VERSION, Body
from fieldapp.codec.reading import (
    Instruments,
    ScreeningReport,
    parse_draft,
    parse_identity_body,
    parse_safe_contact_body,
    parse_screening_body,
)
from fieldapp.codec.unfinished import parse_unfinished, unfinished_body
from fieldapp.codec.writing import (
    case_contact_body,
    draft_body,
    identity_body,
    safe_contact_body,
    screening_body,
)

__all__ = [
    "VERSION",
    "Body",
    "ContactReport",
    "Instruments",
    "ScreeningReport",
    "attachment_body",
    "attachments_field",
    "case_contact_body",
    "contact_body",
    "draft_body",
    "identity_body",
    "parse_contact_body",
    "parse_draft",
    "parse_identity_body",
    "parse_safe_contact_body",
    "parse_screening_body",
    "parse_unfinished",
    "read_attachment",
    "read_attachments",
    "safe_contact_body",
    "screening_body",
    "unfinished_body",
]
