"""What a device does with its records when it is enrolled anew, as another device with a new chain. Pure.

Everything that nobody provably opened, and that can still be read here, is sealed once more under the new identity: what
went out under the old one may have been refused. The centre may then see a record twice, and never not at all.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from fieldapp.services.contents import Entries
from fieldapp.services.filed import Filed


@dataclass(frozen=True, slots=True)
class Unsealed:
    """The records to be sealed again, by id, and the ids of the envelopes that they replace."""

    filed: Mapping[bytes, Filed]
    entries: frozenset[bytes]


def unsealed(filed: Iterable[Filed], entries: Entries) -> Unsealed:
    """Take back the sealing of every record that is neither opened nor without content.

    A record whose content was dropped at sealing keeps its envelopes: they still go their way, under the old identity.
    """
    again = {
        record.record_id: replace(
            record,
            parts=(),
            version=record.version + 1,
            attachments=tuple(file for file in record.attachments if file.id not in record.withdrawn),
            withdrawn=(),
        )
        for record in filed
        if record.sealed and not record.opened_at and record.content is not None
    }
    replaced = (key for key, (envelope, _) in entries.items() if envelope.record_id in again)
    return Unsealed(again, frozenset(replaced))
