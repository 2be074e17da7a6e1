"""The metrics count, and there is nobody in them."""

import re
import secrets
from pathlib import Path

import httpx

from sync.relay.limits import token_hash
from sync.relay.metrics import DAYS, Metrics
from tests.relay.harness import START, FakeClock, b64, envelope, relay, run

LINE = re.compile(
    r"# TYPE fieldapp_relay_(requests|received_bytes|sent_bytes) gauge"
    r'|fieldapp_relay_(requests|received_bytes|sent_bytes)\{day="\d{4}-\d\d-\d\d",status="[2-5]xx"\} \d+'
)


def test_counts_and_sizes_by_day_and_status_class_and_no_identity(tmp_path: Path) -> None:
    async def scenario() -> None:
        file = tmp_path / "relay.prom"
        options = {"metrics_file": str(file), "maintenance_seconds": 0.05}
        async with relay(tmp_path / "relay.db", **options) as r:
            address = ("203.0.113.9", 4711)
            transport = httpx.ASGITransport(app=r.app, client=address)
            r.client._transport = transport
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            body = envelope()
            answer = await r.drop(centre.box, token, body)
            item_id = answer.json()["id"]
            await r.drop(centre.box, secrets.token_bytes(32), body)
            page = await centre.desk.page(centre.box)
            await centre.desk.commit(centre.box, page.cursor)
            metrics = r.app.user_middleware[0].kwargs["metrics"]
            assert isinstance(metrics, Metrics)
            metrics.write(file)
            text = file.read_text()
            for line in text.splitlines():
                assert LINE.fullmatch(line), line
            for secret in (
                centre.box,
                centre.centre_id.hex(),
                centre.desk.public.hex(),
                item_id,
                b64(token),
                token_hash(token).hex(),
                *address[0].split(".")[:1],
                str(int(START)),
                "/v1",
            ):
                assert secret not in text
            assert 'fieldapp_relay_requests{day="2024-10-04",status="4xx"} 1' in text
            (received,) = re.findall(r'received_bytes\{day="2024-10-04",status="2xx"\} (\d+)', text)
            assert 4096 <= int(received) < 3 * 4096
            (sent,) = re.findall(r'sent_bytes\{day="2024-10-04",status="2xx"\} (\d+)', text)
            assert int(sent) > 4096

    run(scenario())


def test_they_are_off_unless_asked_for(tmp_path: Path) -> None:
    async def scenario() -> None:
        async with relay(tmp_path / "relay.db") as r:
            assert (await r.client.get("/v1/health")).status_code == 200
            assert len(r.app.user_middleware) == 1
        assert [path.name for path in tmp_path.iterdir() if not path.name.startswith("relay.db")] == []

    run(scenario())


def test_only_the_last_days_are_kept_and_the_file_is_whole_or_old(tmp_path: Path) -> None:
    clock = FakeClock()
    metrics = Metrics(clock)
    for _ in range(DAYS + 3):
        metrics.count(201, 10, 1)
        clock.pass_days(1)
    assert len(re.findall(r"requests\{", metrics.text())) == DAYS
    file = tmp_path / "relay.prom"
    metrics.write(file)
    assert [path.name for path in tmp_path.iterdir()] == ["relay.prom"]
    assert file.read_text() == metrics.text()
