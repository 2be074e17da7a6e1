"""What a desk of an early release has in its vault is read by this one."""

from fieldapp.services.desk.envelopes import Outgoing, Posted, join_envelope
from fieldapp.services.desk.records import Progress
from sync import canonical
from sync.protocol import MsgType

ENVELOPE = b"made up bytes"
BEFORE = join_envelope({"device_id": "ab" * 16, "seq": 7, "shard": 3, "v": 1}, ENVELOPE)


def test_an_envelope_that_waited_is_sent_and_kept() -> None:
    assert Outgoing.from_bytes(BEFORE) == Outgoing(b"\xab" * 16, 3, 7, ENVELOPE, None, kept=True)


def test_the_place_in_the_box_stays() -> None:
    before = canonical.dumps({"counted": {"signature": 2}, "cursor": "cd" * 16, "v": 1})
    assert Progress.from_bytes(before) == Progress("cd" * 16, {"signature": 2})


def test_what_this_release_writes_is_read_back() -> None:
    waiting = Outgoing(b"\xab" * 16, 3, 7, ENVELOPE, MsgType.RECEIPT, kept=False)
    assert Outgoing.from_bytes(waiting.to_bytes()) == waiting
    posted = Posted(Outgoing(b"\xab" * 16, 3, 7, ENVELOPE, MsgType.WIPE), 1_800_000_000)
    assert Posted.from_bytes(posted.to_bytes()) == posted
    progress = Progress("cd" * 16, {"signature": 2}, "ef" * 16, 3, doubt=True)
    assert Progress.from_bytes(progress.to_bytes()) == progress
