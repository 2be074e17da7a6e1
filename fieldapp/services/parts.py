"""Which compartments a finished record travels in: one body for each kind of reader.

The answers, who the person is, and how to reach them are separate envelopes of one record, so that the centre can give
one without the others.
"""

from collections.abc import Mapping
from typing import cast

from fieldapp.assets import instrument_for
from fieldapp.codec import (
    attachments_field,
    identity_body,
    parse_draft,
    safe_contact_body,
    screening_body,
)
from fieldapp.domain.attachment import Attachment
from fieldapp.domain.screening import MustNotSee
from fieldapp.services.filed import Filed, What
from fieldapp.services.sealing import Body
from sync.canonical import Value, dumps
from sync.protocol import MsgType, Withheld


def bodies_of(record: Filed) -> list[Body]:
    """Return the bodies of a record that still has its content, the most urgent part first."""
    content, files = record.content or {}, record.attachments
    match record.what:
        case What.CONTACT:
            return [Body(MsgType.CONTACT, _with_files(content, files))]
        case What.RULES:
            return [Body(MsgType.SAFE_CONTACT, dumps(dict(content)))]
        case What.SCREENING:
            return _screening_bodies(content, files)


def _with_files(body: Mapping[str, object], files: tuple[Attachment, ...]) -> bytes:
    return dumps(cast(Value, {**body, **attachments_field(files)}))


def _screening_bodies(content: Mapping[str, Value], files: tuple[Attachment, ...]) -> list[Body]:
    screening = parse_draft(dict(content), instrument_for)
    main = Body(MsgType.SCREENING, _with_files(screening_body(screening), files))
    parts = (
        (MsgType.SAFE_CONTACT, safe_contact_body(screening)),
        (MsgType.IDENTITY, identity_body(screening)),
    )
    return [main, *(Body(kind, dumps(cast(Value, body))) for kind, body in parts if body is not None)]


def withheld_flags(answer: MustNotSee) -> int:
    """Turn the answer to "who must not see this?" into the flags of the header."""
    flags = Withheld(0)
    for agency in answer.agencies:
        flags |= Withheld[agency.value.upper()]
    if answer.person:
        flags |= Withheld.NAMED_PERSON
    return int(flags)
