"""Pages of a PDF are drawn by a program that is shut in, and nothing it says is believed without a look."""

import asyncio
import importlib.util
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

from fieldapp.services.desk import page_program, pages
from fieldapp.services.desk.page_program import HEAD, MAGIC, SIDE, Result
from fieldapp.services.desk.pages import LAST_PAGE, Page, PageNotDrawn, Why, draw
from fieldapp.services.media.pictures import shape_of
from tests.fakes import documents

pytestmark = pytest.mark.anyio
LETTER = documents.document("one", "two", "three")


async def why(document: bytes, number: int = 0) -> Why | None:
    try:
        await draw(document, number)
    except PageNotDrawn as error:
        return error.why
    return None


def picture(page: Page) -> Image.Image:
    return Image.open(io.BytesIO(page.picture))


def saying(code: str) -> list[str]:
    """A program that does this in place of drawing."""
    return [sys.executable, "-I", "-c", f"import os, sys, time\n{code}"]


def answer(
    result: int = Result.DRAWN, count: int = 1, width: int = 2, height: int = 3, pixels: bytes = bytes(18)
) -> bytes:
    return HEAD.pack(MAGIC, result, count, width, height) + pixels


async def test_a_page_is_drawn_upright_in_colour_and_as_our_photos_are() -> None:
    page = await draw(LETTER, 2)
    assert (page.pages, page.more) == (3, False)
    assert shape_of(page.picture) == (1448, SIDE)
    red, green, blue = documents.corner(picture(page))
    assert red > 240 > 20 > max(green, blue)
    assert page.picture != (await draw(LETTER, 0)).picture
    assert "pypdfium2" not in sys.modules, "the process with the keys never loads the library"


async def test_a_document_says_what_is_the_matter_with_it() -> None:
    assert await why(documents.locked()) is Why.PASSWORD
    assert await why(documents.document()) is Why.EMPTY
    assert await why(LETTER, 3) is Why.EMPTY
    for bad in (
        b"",
        b"%PDF-1.7 made up",
        LETTER[:300],
        b"\xff" * 5000,
        documents.document("x", box=b"0 0 1 1e9")[:400],
    ):
        assert await why(bad) is Why.FAILED
    assert await why(LETTER, LAST_PAGE) is Why.FAILED
    assert await why(LETTER + bytes(page_program.MOST_BYTES)) is Why.FAILED


async def test_a_page_that_cannot_be_drawn_still_says_how_many_there_are() -> None:
    broken = documents.pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 3/Kids[null null null]>>"]
    )
    with pytest.raises(PageNotDrawn) as refused:
        await draw(broken, 0)
    assert (refused.value.why, refused.value.pages) == (Why.FAILED, 3)


async def test_documents_made_to_do_harm_end_in_a_picture_or_in_one_error() -> None:
    huge = await draw(documents.document("x", box=b"0 0 1000000000 1000000000"), 0)
    assert picture(huge).size == (SIDE, SIDE)
    thin = await draw(documents.document("x", box=b"0 0 1000000000 1"), 0)
    assert picture(thin).size == (SIDE, 1)
    many = await draw(documents.many_pages(100_000), LAST_PAGE - 1)
    assert (many.pages, many.more) == (LAST_PAGE, True)
    assert picture(await draw(documents.nested(), 0)).size == (1448, SIDE)
    assert picture(await draw(documents.bomb(8_000), 0)).height == SIDE
    assert await why(documents.endless()) is Why.FAILED


SHUT_IN = """
import ctypes, os, runpy, resource, signal, socket, sys
program = runpy.run_path(sys.argv[1])
if "without" in sys.argv:
    program["_CALLS"].clear()
program["limit"]()
program["shut_in"]()
tried = {
    "read a file": lambda: open("/etc/hostname"),
    "write a file": lambda: open(sys.argv[2], "w"),
    "write elsewhere": lambda: os.mkdir(sys.argv[2]),
    "use the network": lambda: socket.socket(),
    "copy a channel": lambda: os.dup(1),
    "fork": os.fork,
    "become another program": lambda: os.execv("/bin/true", ["true"]),
    "disturb the desk": lambda: os.kill(os.getppid(), 0),
    "look whether it is there": lambda: os.stat(sys.argv[1]),
    "take back what was given up": lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (9, 9)),
    "take all memory": lambda: bytearray(program["MEMORY"]),
}
for name, attempt in tried.items():
    if "without" in sys.argv and name in ("fork", "become another program"):
        continue  # root may
    try:
        attempt()
    except (OSError, ValueError, MemoryError):
        continue
    print(name)
print("done", sorted(os.environ))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no filter of system calls")
def test_the_program_can_reach_nothing_once_it_is_shut_in(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", SHUT_IN, page_program.__file__, str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, text=True, env={})
    assert done.stdout.splitlines() == ["done ['LC_CTYPE']"] or done.stdout == "done []\n", done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is drawn there")
def test_even_without_a_filter_it_opens_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-I", "-c", SHUT_IN, page_program.__file__, str(tmp_path / "new"), "without"]
    done = subprocess.run(command, capture_output=True, text=True, env={})
    limited = {"read a file", "write a file", "use the network", "copy a channel"}
    assert "done" in done.stdout, done.stderr
    assert limited.isdisjoint(done.stdout.splitlines())


@pytest.mark.skipif(sys.platform == "win32", reason="nothing is drawn there")
def test_a_system_with_stricter_limits_still_draws() -> None:
    strict = (
        "import os, resource, sys\n"
        "for kind in (resource.RLIMIT_CPU, resource.RLIMIT_CORE, resource.RLIMIT_FSIZE):\n"
        "    resource.setrlimit(kind, (5, 5) if kind == resource.RLIMIT_CPU else (0, 0))\n"
        "os.execv(sys.argv[1], sys.argv[1:])"
    )
    command = pages.program()
    assert command
    done = subprocess.run(
        [sys.executable, "-I", "-c", strict, *command, "0"], input=LETTER, capture_output=True, env={}
    )
    assert done.returncode == 0, done.stderr
    assert HEAD.unpack_from(done.stdout)[1] == Result.DRAWN


@pytest.mark.parametrize(
    "code",
    [
        "",
        "sys.stdout.write('garbage')",
        f"sys.stdout.buffer.write({answer(pixels=bytes(17))!r})",
        f"sys.stdout.buffer.write({answer(pixels=bytes(19))!r})",
        "sys.stdout.buffer.write({!r})".format(answer(width=0, pixels=b"")),
        f"sys.stdout.buffer.write({answer(count=0)!r})",
        f"sys.stdout.buffer.write({answer(result=77)!r})",
        f"sys.stdout.buffer.write({answer(result=Result.PASSWORD)!r})",
        "sys.stdout.buffer.write({!r})".format(b"XPG1" + answer()[4:]),
        f"sys.stdout.buffer.write({HEAD.pack(MAGIC, 0, 1, SIDE + 1, 1)!r} + bytes(2049 * 3))",
        f"sys.stdout.buffer.write({answer()!r}); sys.exit(1)",
        f"sys.stdout.buffer.write({answer()!r}); sys.stdout.flush(); os.abort()",
        "os.kill(os.getpid(), 11)",
    ],
)
async def test_an_odd_answer_is_no_page(code: str) -> None:
    with pytest.raises(PageNotDrawn) as refused:
        await draw(LETTER, 0, saying(code))
    assert refused.value.why is Why.FAILED


async def test_a_page_beyond_the_last_one_is_no_page() -> None:
    with pytest.raises(PageNotDrawn) as refused:
        await draw(LETTER, 5, saying(f"sys.stdout.buffer.write({answer(count=5)!r})"))
    assert refused.value.why is Why.FAILED
    assert (await draw(LETTER, 5, saying(f"sys.stdout.buffer.write({answer(count=6)!r})"))).pages == 6


async def test_a_true_answer_of_the_same_form_is_a_page() -> None:
    page = await draw(LETTER, 0, saying(f"sys.stdin.buffer.read(); sys.stdout.buffer.write({answer()!r})"))
    assert picture(page).size == (2, 3)
    page = await draw(LETTER + bytes(900_000), 0, saying(f"sys.stdout.buffer.write({answer()!r})"))
    assert picture(page).size == (2, 3), "one that does not want to read all of it hangs nothing"


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The process ids of the programs that were started."""
    seen: list[int] = []
    made = pages._Talk.connection_made

    def watched(talk: pages._Talk, transport: asyncio.BaseTransport) -> None:
        seen.append(transport.get_pid())  # type: ignore[attr-defined]
        made(talk, transport)

    monkeypatch.setattr(pages._Talk, "connection_made", watched)
    return seen


async def ended(process_id: int) -> None:
    """Wait until there is no such process."""
    for _ in range(1000):
        try:
            os.kill(process_id, 0)
        except ProcessLookupError:
            return
        await asyncio.sleep(0.01)
    raise AssertionError("the program still runs")


@pytest.mark.parametrize(
    "code",
    [
        "time.sleep(600)",
        "sys.stdout.close(); os.close(1); time.sleep(600)",
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)",
    ],
)
async def test_a_program_that_hangs_is_ended(code: str, started: list[int]) -> None:
    with pytest.raises(PageNotDrawn):
        await draw(LETTER, 0, saying(code), seconds=0.5)
    await ended(*started)


async def test_a_program_that_writes_without_end_is_ended(started: list[int]) -> None:
    with pytest.raises(PageNotDrawn):
        await draw(LETTER, 0, saying("\nwhile True: os.write(1, bytes(1 << 20))"))
    await ended(*started)


async def test_whoever_gives_a_page_up_ends_its_program(started: list[int]) -> None:
    drawing = asyncio.ensure_future(draw(LETTER, 0, saying("time.sleep(600)")))
    for _ in range(1000):
        await asyncio.sleep(0.01)
        if started:
            break
    drawing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await drawing
    await ended(*started)


async def test_the_program_gets_no_secret_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MADE_UP_SECRET", "in the environment")
    held = os.open(tmp_path / "vault", os.O_RDWR | os.O_CREAT)
    os.set_inheritable(held, True)
    said = answer(width=1, height=1, pixels=b"abc")
    check = (
        "assert 'MADE_UP_SECRET' not in os.environ\n"
        "assert sys.flags.isolated and os.getcwd() == '/'\n"
        f"try: os.fstat({held})\nexcept OSError: sys.stdout.buffer.write({said!r})"
    )
    try:
        assert picture(await draw(LETTER, 0, saying(check))).size == (1, 1)
    finally:
        os.close(held)


def test_the_program_leaves_no_compiled_file_of_what_it_reads(tmp_path: Path) -> None:
    (tmp_path / "made_up.py").write_text("pass")
    command = pages.program()
    assert command
    code = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import made_up"
    subprocess.run([*command[:-1], "-c", code], check=True, env={})
    assert [file.name for file in tmp_path.iterdir()] == ["made_up.py"]


ACTIONS = (
    b"/OpenAction<</S/JavaScript/JS(app.alert\\(1\\); this.exportDataObject\\({cName:'x'}\\))>>",
    b"/OpenAction<</S/Launch/F(/bin/true)>>",
    b"/OpenAction<</S/URI/URI(http://made-up.invalid/)>>",
    b"/OpenAction<</S/GoToR/F(/etc/hostname)/D[0/Fit]>>",
    b"/Names<</EmbeddedFiles<</Names[(x)<</F(x.pdf)/EF<</F 4 0 R>>>>]>>>>",
    b"/AA<</WP<</S/SubmitForm/F(http://made-up.invalid/)>>>>/AcroForm<</XFA(<x/>)/Fields[]>>",
)


async def test_what_a_document_would_do_is_not_done() -> None:
    plain = await draw(documents.document("one"), 0)
    for action in ACTIONS:
        assert (await draw(documents.document("one", catalogue=action), 0)).picture == plain.picture


async def test_a_turned_page_is_drawn_turned() -> None:
    turned = documents.document("one", box=documents.A4 + b"]/Rotate 90/Made[")
    assert picture(await draw(turned, 0)).size == (SIDE, 1448)


async def test_where_nothing_can_be_shut_in_nothing_is_drawn(monkeypatch: pytest.MonkeyPatch) -> None:
    assert pages.program()
    found = importlib.util.find_spec
    for missing in ("pypdfium2", "resource"):
        with monkeypatch.context() as patched:
            patched.setattr(
                importlib.util, "find_spec", lambda name, gone=missing: None if name == gone else found(name)
            )
            assert await why(LETTER) is Why.NOWHERE
    monkeypatch.setattr(sys, "frozen", True, raising=False)
    assert await why(LETTER) is Why.NOWHERE


async def test_a_program_that_cannot_be_started_is_one_error() -> None:
    with pytest.raises(PageNotDrawn):
        await draw(LETTER, 0, ["/made/up/python"])


@pytest.mark.parametrize("error", [RuntimeError("can't start new thread"), MemoryError()])
async def test_a_system_without_room_for_a_program_is_one_error(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def no_room(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(asyncio.get_running_loop(), "subprocess_exec", no_room)
    assert await why(LETTER) is Why.FAILED
