"""P4: seal one screening for three roles and the registrar; receive it at a desk that is registrar and one role.

Ours is `Sealer.seal` and `Intake.receive`: everything but storage. The floor is every libsodium call that one such
pass makes, recorded with its arguments by standing in for PyNaCl in `sync.primitives`, and then made again alone.
Neither touches a disk, so the clock is the thread's processor time: what other programs take does not count.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, Final, cast

from nacl.exceptions import CryptoError

from bench import made_up
from bench.harness import Bench, Cell, Goal, Kind, Operation, Sample, require
from fieldapp.codec import draft_body, screening_body
from fieldapp.services.desk.ceremony import CentrePlan, RolePlan, found
from fieldapp.services.desk.records import Published, RoleKeys
from fieldapp.services.filed import Filed, What
from fieldapp.services.membership import Membership
from fieldapp.services.sealing import Body, Sealer
from fieldapp.vault.root import ChainState
from sync import primitives
from sync.canonical import Value, dumps
from sync.certificate import Certificate
from sync.chain import ChainLedger
from sync.directory import Policy
from sync.intake import Accepted, Intake, Lookups
from sync.keys import DevicePrekeys, LivePrekey, choose_prekey
from sync.primitives import SigningKey, random_bytes
from sync.protocol import MsgType, SenderKind
from sync.trust import TrustedState
from tests.fakes.clock import START

PASSES: Final = 60
"""Envelopes in one round."""
ROLES: Final = ("intake", "police", "welfare")


def bench(*, short: bool = False) -> Bench:
    """Return P4; short: few envelopes."""
    return Bench(
        "P4",
        "seal one screening for 3 roles and the registrar, and open it",
        Goal(ratio=1.3),
        (
            Cell("its libsodium calls", Kind.FLOOR, _floor),
            Cell("Sealer.seal, Intake.receive", Kind.OURS, _ours),
        ),
        repeats=3 if short else PASSES,
    )


@dataclass(frozen=True, slots=True)
class Pair:
    """A device that seals, and a desk that receives; `body` is what travels."""

    sealer: Callable[[], Sealer]
    intake: Intake
    record: Filed
    body: Body

    def seal(self) -> bytes:
        """Return the envelope of the screening."""
        sealer = self.sealer()
        sealer.seal(self.record, [self.body])
        return sealer.entries[0].envelope

    def receive(self, envelope: bytes) -> Accepted:
        """Receive it, or stop the bench."""
        result = self.intake.receive(envelope)
        if not isinstance(result, Accepted):
            raise AssertionError("the envelope was not accepted")
        return result


@asynccontextmanager
async def _ours(_directory: Path) -> AsyncIterator[Operation]:
    pair = made_pair()

    async def once() -> Sample:
        start = time.thread_time()
        envelope = pair.seal()
        middle = time.thread_time()
        accepted = pair.receive(envelope)
        end = time.thread_time()
        require(dumps(cast(Value, accepted.body)) == pair.body.data, "the screening did not come back")
        require(made_up.ALIAS.encode() not in envelope, "the envelope is readable")
        return Sample(end - start, {"seal": middle - start, "receive": end - middle})

    require(made_up.ALIAS.encode() in pair.body.data, "the search for readable words finds nothing")
    yield once


@asynccontextmanager
async def _floor(_directory: Path) -> AsyncIterator[Operation]:
    pair = made_pair()
    with recording() as sealing:
        envelope = pair.seal()
    with recording() as receiving:
        pair.receive(envelope)
    require(len(sealing) > 12 and len(receiving) > 12, "calls to libsodium were not recorded")

    async def once() -> Sample:
        start = time.thread_time()
        replay(sealing)
        middle = time.thread_time()
        replay(receiving)
        end = time.thread_time()
        parts = {f"seal, {len(sealing)}": middle - start, f"receive, {len(receiving)}": end - middle}
        return Sample(end - start, parts)

    yield once


Calls = list[partial[object]]


class _Recorder(ModuleType):
    """Stands in for PyNaCl's bindings and remembers every call with its arguments."""

    def __init__(self, real: ModuleType) -> None:
        super().__init__(real.__name__)
        self._real = real
        self.calls: Calls = []

    def __getattr__(self, name: str) -> Any:
        real = getattr(self._real, name)
        if not callable(real):
            return real

        def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append(partial(real, *args, **kwargs))
            return real(*args, **kwargs)

        return call


@contextmanager
def recording() -> Iterator[Calls]:
    """Record every call of libsodium that is made in the block."""
    real: ModuleType = vars(primitives)["sodium"]
    recorder = _Recorder(real)
    vars(primitives)["sodium"] = recorder
    try:
        yield recorder.calls
    finally:
        vars(primitives)["sodium"] = real


def replay(calls: Calls) -> None:
    """Make recorded calls again; a slot that is for somebody else fails as it did."""
    for call in calls:
        with suppress(CryptoError):
            call()


def made_pair() -> Pair:
    """Make a device with a finished screening, and a desk that knows it."""
    policy = Policy(1, 0, 1, 60, {"default": ROLES})
    roles = {name: RolePlan(f"Made-up {name}", "centre") for name in ROLES}
    centre = found(CentrePlan("Made-up centre", "https://relay.example", policy=policy, roles=roles), START)
    trust = next(r.trust for r in centre.records if isinstance(r, Published))
    rings = {r.role_id: r.ring for r in centre.records if isinstance(r, RoleKeys)}
    signing, prekeys = SigningKey.generate(), DevicePrekeys.generate(START)
    device = Certificate(
        SenderKind.DEVICE,
        centre.centre_id,
        random_bytes(16),
        signing.public,
        prekeys.current,
        START,
        "police",
        (),
    )
    membership = Membership(device.device_id, signing, prekeys, b"", random_bytes(16).hex(), 3, "", START, {})
    screening = made_up.finished()
    record = Filed(
        screening.id, screening.id, What.SCREENING, screening.alias, START, "", "",
        content=cast(dict[str, Value], draft_body(screening)),
    )  # fmt: skip
    live = [key for name in ("registrar", "intake") for key in rings[name].live()]
    return Pair(
        lambda: Sealer(membership, trust, ChainState(), [random_bytes(32)], START),
        _intake(trust, device, live),
        record,
        Body(MsgType.SCREENING, dumps(cast(Value, screening_body(screening)))),
    )


def _intake(trust: TrustedState, device: Certificate, live: list[LivePrekey]) -> Intake:
    """Return the intake of the desk that holds the registrar's and one role's prekeys, as in the week of sealing."""
    directory = trust.directory
    of_week = {choose_prekey(role, START).pk for role in (directory.registrar, *directory.roles.values())}
    ledger = ChainLedger()
    return Intake(
        trust.centre_id,
        live,
        [prekey for prekey in live if prekey.pair.public in of_week],
        Lookups(lambda _: device, lambda _: ledger, lambda _: None, lambda *_: directory),
        lambda _header, _body: None,
    )
