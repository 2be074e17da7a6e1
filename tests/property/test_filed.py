"""What a filed record holds is found in its bytes whatever is written in and around it, and read when it is asked for."""

import json
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fieldapp.domain.attachment import Attachment, AttachmentKind
from fieldapp.services.filed import Filed, Part, What
from fieldapp.services.later import LaterRead
from sync.protocol import MsgType

SLY = ('"content":{', ',"handover":', '},"handover":[', '\\"content":{"', "null", "\\", '"', "{", "}")
"""Texts that look like what is looked for; escaped on the disk."""
texts = st.one_of(
    st.sampled_from(SLY),
    st.lists(st.sampled_from(SLY), max_size=3).map("".join),
    st.text('abc\\"{}:,é', max_size=8),
)
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-5, 5), texts),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(st.sampled_from(("content", "handover", "a", "notes")), inner, max_size=3),
    ),
    max_leaves=12,
)
contents = st.one_of(
    st.none(), st.dictionaries(st.sampled_from(("content", "handover", "zz", "a")), values, max_size=4)
)
FILE = Attachment(
    bytes(16), AttachmentKind.PHOTO, "image/jpeg", '"content":{,"handover":', 10, bytes(32), (bytes(32),)
)
PART = Part(MsgType.SCREENING, b"h" * 32, b"p" * 32, opened=True)


def record(content: object, words: str = "", *, files: bool = False) -> Filed:
    return Filed(
        record_id=b"r" * 16,
        case_id=b"c" * 16,
        what=What.SCREENING,
        alias=words,
        at=3,
        level=words,
        band="NOW",
        outcome=words,
        handover=(words, words),
        keep_until=date(2030, 1, 2),
        content=content,  # type: ignore[arg-type]
        parts=(PART,),
        attachments=(FILE,) if files else (),
    )


@given(contents, texts, st.booleans())
def test_whatever_is_written_in_a_record_comes_back(content: object, words: str, files: bool) -> None:
    made = record(content, words, files=files)
    data = made.to_bytes()
    read = Filed.from_bytes(data)
    assert read == made
    assert (read.content is None) == (content is None)
    assert (None if read.content is None else dict(read.content)) == json.loads(data)["content"]
    assert read.to_bytes() == data


def test_nothing_of_it_is_read_before_it_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    data = record({"notes": "made up"}).to_bytes()
    parsed: list[str] = []
    real = json.loads
    monkeypatch.setattr("json.loads", lambda text: (parsed.append(text), real(text))[1])
    read = Filed.from_bytes(data)
    assert "made up" not in "".join(parsed)
    assert read.content == {"notes": "made up"}
    assert read.content is not None
    assert read.content["notes"] == "made up"
    assert len(parsed) == 2, "once"


def test_a_content_that_is_no_table_says_so_and_shows_nothing() -> None:
    for text in (b"{", b'["made up"]', b"\xff"):
        with pytest.raises(ValueError) as caught:
            len(LaterRead(text))
        assert "made up" not in str(caught.value)
    assert repr(LaterRead(b'{"notes":"made up"}')) == "LaterRead()"
