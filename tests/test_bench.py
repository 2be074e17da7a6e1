"""Each bench in its short form: it runs, and its own checks (round trip, ciphertext on the disk) hold. No times."""

import asyncio
import json
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from bench import harness, p4_envelope, p6_link
from bench.harness import Bench, Cell, Goal, Kind, Operation, Result, Round, Sample
from bench.link import Link, shaped
from bench.run import BENCHES, main, table
from tests.browser.conftest import chromium_path

# P3 and P10b need a browser, P3 has a test of its own, P6 counts too; P5c needs a peer; the rest are parts of others.
OTHERWISE = ("P3", "P6", "P5c", "P8t", "P2w", "P2k", "P3w", "P9p", "P9u", "P10b")


@pytest.mark.parametrize("name", [name for name in BENCHES if name not in OTHERWISE])
def test_a_bench_does_its_work(name: str, tmp_path: Path) -> None:
    bench = BENCHES[name](short=True)
    assert bench is not None
    result = asyncio.run(harness.run(bench, 1, tmp_path))
    assert len(result.kept) == 1
    assert all(result.seconds(cell).least > 0 for cell in bench.cells)
    assert bench.id in table(result)
    assert list(tmp_path.iterdir()) == []


def test_a_screening_crosses_a_bad_link_within_its_round_trips_and_bytes(tmp_path: Path) -> None:
    bench = BENCHES["P6"](short=True)
    assert bench is not None
    result = asyncio.run(harness.run(bench, 1, tmp_path))
    counts = result.counts(bench.cells[1])
    assert counts["envelopes"].most == 1
    assert counts["round trips after TLS"].most <= p6_link.MOST_ROUND_TRIPS
    assert 1 < counts["bytes / envelope"].most <= p6_link.MOST_BYTES
    assert "bytes / envelope" in table(result)


def test_the_link_is_slow_far_and_loses_by_count() -> None:
    async def crossing(size: int, **link_is: float) -> tuple[float, Link]:
        async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readexactly(size)
            writer.write(b"\1")
            writer.close()

        link = Link(**{"hurry": 20.0} | link_is)  # type: ignore[arg-type]
        server = await asyncio.start_server(echo, "127.0.0.1", 0)
        async with server, shaped(link, server.sockets[0].getsockname()[1]):
            reader, writer = await asyncio.open_connection("127.0.0.1", link.port)
            start = time.perf_counter()
            writer.write(bytes(size))
            assert await reader.read() == b"\1"
            writer.close()
            return (time.perf_counter() - start) * link.hurry, link

    async def scenario() -> None:
        # Never faster than the link: connection, one way, the bytes, the way back. Slower is the machine's affair.
        seconds, link = await crossing(12_500)
        assert seconds >= 0.5 + 2.0 + 0.5
        assert (link.up, link.down, link.connections) == (12_500, 1, 1)
        lossy, _ = await crossing(12_500, one_lost_of=5)
        assert lossy >= 0.5 + 2.0 + 0.5 + 0.5 - 3 * 1460 / 6250

    asyncio.run(scenario())


def test_a_peer_that_is_not_installed_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FIELDAPP_BENCH_NODE", raising=False)
    done = CliRunner().invoke(main, ["--short", "--only", "P5c"])
    assert done.exit_code == 0, done.output
    assert done.output.startswith("P5c skipped: there is no node with")


@pytest.mark.browser
def test_a_tap_is_measured_in_a_browser(tmp_path: Path) -> None:
    chromium_path()
    bench = BENCHES["P3"](short=True)
    assert bench is not None
    assert asyncio.run(harness.run(bench, 1, tmp_path)).kept


def test_the_driver_prints_json() -> None:
    done = CliRunner().invoke(main, ["--short", "--only", "P4", "--json"])
    assert done.exit_code == 0, done.output
    (result,) = json.loads(done.output)["results"]
    assert [cell["kind"] for cell in result["cells"]] == ["floor", "ours"]


def test_the_floor_makes_every_call_that_an_envelope_makes() -> None:
    pair = p4_envelope.made_pair()
    with p4_envelope.recording() as sealing:
        envelope = pair.seal()
    with p4_envelope.recording() as receiving:
        pair.receive(envelope)
    names = [call.func.__name__ for call in sealing]
    assert names.count("crypto_box_seal") == 8
    assert names.count("crypto_sign") == 1
    # Eight slots, tried with the registrar's and the role's prekey of the week.
    assert [call.func.__name__ for call in receiving].count("crypto_box_seal_open") == 16


def _result(canaries: list[float]) -> Result:
    async def nothing() -> Sample:
        return Sample(1.0)

    class Open:
        async def __aenter__(self) -> Operation:
            return nothing

        async def __aexit__(self, *_: object) -> None:
            return None

    values = iter(canaries)
    bench = Bench("P0", "nothing", Goal(ratio=1.1), (Cell("a", Kind.FLOOR, lambda _: Open()),), repeats=1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(harness, "canary", lambda: next(values))
        return asyncio.run(harness.run(bench, 2))


def test_a_round_in_which_the_machine_was_slow_does_not_count() -> None:
    slow_then_quiet = _result([1.0, 1.0, 1.0, 1.2, 1.1, 1.0])
    assert slow_then_quiet.dropped == 1
    assert [one.canary for one in slow_then_quiet.kept] == [1.0, 1.1]
    first_was_slow = _result([2.0, 2.0, 1.0, 1.0, 1.0, 1.0])
    assert first_was_slow.dropped == 1
    assert all(one.canary == 1.0 for one in first_was_slow.kept)


def test_ratios_are_taken_inside_a_round() -> None:
    async def never(_: Path) -> None: ...

    cells = (Cell("floor", Kind.FLOOR, never), Cell("ours", Kind.OURS, never))  # type: ignore[arg-type]
    rounds = [
        Round(1, {"floor": Sample(1.0), "ours": Sample(1.2)}),
        Round(1, {"floor": Sample(10.0), "ours": Sample(13.0)}),
        Round(1, {"floor": Sample(4.0), "ours": Sample(5.0)}),
    ]
    result = Result(Bench("P0", "made up", Goal(ratio=1.3), cells, 1), rounds, 0)
    assert result.against_floor(cells[1]).median == pytest.approx(1.25)
    assert Goal(extra=0.15).value(0.5, 0.4) == pytest.approx(0.1)


def test_a_bench_whose_record_is_readable_stops(tmp_path: Path) -> None:
    (tmp_path / "v.db").write_bytes(b"Madeup Canaryword")
    assert harness.readable(tmp_path, b"Canaryword")
    with pytest.raises(AssertionError, match="readable"):
        harness.require(not harness.readable(tmp_path, b"Canaryword"), "the draft is readable on the disk")
