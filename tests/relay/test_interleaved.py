"""Two processes of one relay on PostgreSQL, stopped in the middle of their transactions, step by step."""

import secrets
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import pytest
from sqlalchemy import select
from sqlalchemy.engine import Connection, Engine

from sync.relay import auth, centres, documents, streams
from sync.relay.backends import PostgreSQL
from sync.relay.centres import DeskEntry, Signer
from sync.relay.database import Database
from sync.relay.documents import WrittenOnceError
from sync.relay.drops import Drop, Outcome, _store
from sync.relay.quotas import DEFAULT_QUOTA
from sync.relay.schema import stream
from sync.relay.settings import database_url
from tests.fakes.postgres import PostgresServer
from tests.relay.harness import START, envelope, relay, run

CENTRE, KEY, BOX = b"c" * 16, b"k" * 32, b"b" * 16
SIGNER = Signer(KEY, CENTRE, True)
DAY = 20_000


@pytest.fixture
def engine(postgres_url: str) -> Iterator[Engine]:
    async def made() -> None:
        database = Database(postgres_url)
        await database.open()
        await database.write(centres.add_centre, CENTRE, KEY, "Made-up centre")
        await database.write(centres.replace_desks, SIGNER, [DeskEntry(KEY, True, frozenset({BOX}))])
        await database.close()

    run(made())
    engine = PostgreSQL().engine(database_url(postgres_url), 5)
    yield engine
    engine.dispose()


@pytest.fixture
def stream_id(engine: Engine) -> int:
    with engine.connect() as connection:
        found: int = connection.execute(select(stream.c.stream_id).where(stream.c.name == BOX)).scalar_one()
        return found


def waiting(engine: Engine) -> int:
    """How many connections stand still because another one holds what they want."""
    with engine.connect() as connection:
        query = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
        return int(connection.exec_driver_sql(query).scalar_one())


def while_held(
    engine: Engine, first: Callable[[Connection], object], second: Callable[[Connection], object]
) -> tuple[object, "Future[object]"]:
    """Run `first`, then `second` on another connection until it waits, then commit the first; return both results."""
    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as held:
            result = first(held)

            def run_second() -> object:
                with engine.begin() as other:
                    return second(other)

            future = pool.submit(run_second)
            pause = threading.Event()
            for _ in range(3000):
                if waiting(engine) or future.done():
                    break
                pause.wait(0.01)
            assert not future.done(), "the second transaction did not wait for the first"
        future.exception(60)
    return result, future


def put(connection: Connection, stream_id: int, body: bytes) -> bytes:
    item_id = streams.new_item_id()
    streams.append(connection, stream_id, [(item_id, body)], DAY)
    return item_id


def test_no_item_becomes_visible_before_one_with_a_lower_position(engine: Engine, stream_id: int) -> None:
    """The gap in a sequence: had the second item been shown first, a cursor behind it would hide the first."""
    bodies = [envelope(), envelope()]
    seen: list[bytes] = []

    def second(connection: Connection) -> None:
        put(connection, stream_id, bodies[1])
        # Its own transaction sees both; what any other reader sees is asked below.
        assert [item.body for item in streams.page(connection, stream_id, None, 9).items] == bodies

    def first(connection: Connection) -> None:
        put(connection, stream_id, bodies[0])
        with engine.connect() as reader:
            seen.extend(item.body for item in streams.page(reader, stream_id, None, 9).items)

    _, future = while_held(engine, first, second)
    future.result()
    assert seen == []
    with engine.connect() as reader:
        assert [item.body for item in streams.page(reader, stream_id, None, 9).items] == bodies


def test_a_writer_that_fails_leaves_no_gap_that_could_fill_later(engine: Engine, stream_id: int) -> None:
    with engine.connect() as connection:
        put(connection, stream_id, envelope())
        connection.rollback()
    with engine.begin() as connection:
        put(connection, stream_id, envelope())
        positions = connection.execute(select(stream.c.last_position).where(stream.c.stream_id == stream_id))
        assert positions.scalar_one() == 1


def test_the_same_drop_at_two_processes_is_stored_once(engine: Engine, stream_id: int) -> None:
    token, body = secrets.token_bytes(32), envelope()
    with engine.begin() as connection:
        centres.change_tokens(connection, CENTRE, {token}, {}, ())
    same, other = Drop(token, BOX, body), Drop(token, BOX, envelope())
    (stored,), repeated = while_held(
        engine,
        lambda c: _store(c, [same], DEFAULT_QUOTA, DAY),
        lambda c: _store(c, [same, other], DEFAULT_QUOTA, DAY),
    )  # type: ignore[misc]
    results = repeated.result()
    assert stored.outcome is Outcome.STORED
    assert [result.outcome for result in results] == [Outcome.REPEATED, Outcome.CONFLICT]  # type: ignore[attr-defined]
    assert results[0].item_id == stored.item_id  # type: ignore[index]
    with engine.connect() as reader:
        assert len(streams.page(reader, stream_id, None, 9).items) == 1


def test_directory_versions_rise_whoever_writes_them(engine: Engine) -> None:
    _, lower = while_held(
        engine,
        lambda c: documents.put_directory(c, CENTRE, 5, b"five"),
        lambda c: documents.put_directory(c, CENTRE, 4, b"four"),
    )
    assert isinstance(lower.exception(), WrittenOnceError)


def test_two_lists_of_desks_do_not_mix(engine: Engine) -> None:
    def entries(*keys: bytes) -> list[DeskEntry]:
        return [DeskEntry(key, key == KEY, frozenset({BOX})) for key in keys]

    _, second = while_held(
        engine,
        lambda c: centres.replace_desks(c, SIGNER, entries(KEY, b"1" * 32)),
        lambda c: centres.replace_desks(c, SIGNER, entries(KEY, b"2" * 32)),
    )
    second.result()
    with engine.connect() as reader:
        found = [centres.find_signer(reader, key) is not None for key in (KEY, b"1" * 32, b"2" * 32)]
    assert found == [True, False, True]


def test_a_cursor_that_two_processes_move_stays_at_the_further_place(engine: Engine, stream_id: int) -> None:
    with engine.begin() as connection:
        near, far = (put(connection, stream_id, envelope()) for _ in range(2))
    _, second = while_held(
        engine,
        lambda c: streams.move_cursor(c, KEY, stream_id, far),
        lambda c: streams.move_cursor(c, KEY, stream_id, near),
    )
    assert isinstance(second.exception(), streams.CursorBehindError)
    with engine.begin() as connection:
        assert streams.collect(connection, stream_id) == 2
        assert streams.collect(connection, stream_id) == 0


def test_who_inserts_the_same_row_later_runs_again_and_sees_it(postgres_url: str, engine: Engine) -> None:
    """A lost race is not a failure: a nonce, an enrolment, a key that another process has just written."""
    enrol_id, database = secrets.token_bytes(16), Database(postgres_url)
    runs: list[int] = []

    def opened(connection: Connection) -> bool:
        runs.append(1)
        return documents.open_enrolment(connection, CENTRE, enrol_id, START)

    async def again() -> None:
        assert await database.write(opened) is False
        await database.close()

    with ThreadPoolExecutor(1) as pool:
        with engine.begin() as held:
            assert documents.open_enrolment(held, CENTRE, enrol_id, START) is True
            future = pool.submit(run, again())
            pause = threading.Event()
            while not waiting(engine) and not future.done():
                pause.wait(0.01)
        future.result(60)
    assert runs == [1, 1]


def test_a_nonce_is_spent_once_by_whichever_process(engine: Engine) -> None:
    spent, again = while_held(
        engine, lambda c: auth._spend(c, KEY, b"n" * 32, DAY), lambda c: auth._spend(c, KEY, b"n" * 32, DAY)
    )
    assert (spent, again.result()) == (SIGNER, None)


def test_every_connection_waits_for_the_disk_and_gives_up_on_the_stuck(postgres_url: str) -> None:
    engine = PostgreSQL().engine(database_url(postgres_url), 1)
    wanted = {
        "synchronous_commit": "on",
        "transaction_isolation": "read committed",
        "lock_timeout": "10s",
        "statement_timeout": "1min",
        "idle_in_transaction_session_timeout": "30s",
    }
    with engine.connect() as connection:
        connection.exec_driver_sql("SET default_transaction_isolation TO serializable")
        connection.commit()
        found = {name: connection.exec_driver_sql(f"SHOW {name}").scalar_one() for name in wanted}
    engine.dispose()
    assert found == wanted


def test_a_server_that_restarted_is_found_again(postgres_url: str, postgres_server: PostgresServer) -> None:
    async def scenario() -> None:
        async with relay(postgres_url) as r:
            centre = await r.centre()
            (token,) = await centre.tokens(1)
            body = envelope()
            postgres_server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
            )
            answers = [(await r.drop(centre.box, token, body)).status_code for _ in range(12)]
            assert set(answers) <= {503, 201, 200}
            assert answers.count(201) == 1
            assert answers[-1] == 200
            assert (await centre.desk.page(centre.box)).bodies == [body]

    run(scenario())
