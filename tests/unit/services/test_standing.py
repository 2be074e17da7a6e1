"""A device that its centre lets wait, withdraws, or that was put back: it keeps recording, and nothing is lost."""

from dataclasses import replace
from pathlib import Path

import pytest

from fieldapp.services.filed import Stage
from fieldapp.services.gate import Gate
from fieldapp.services.membership import Standing
from fieldapp.services.notebook import Notebook
from fieldapp.services.settings import Settings
from fieldapp.system import SystemIds
from fieldapp.vault import FLOOR, SlotKind, VaultReadOnly
from fieldapp.vault.guard import WIPE_AFTER
from sync.client import CentreClient, RelayClient
from sync.directory import Directory, Revocation, sign_directory
from sync.protocol import MsgType
from sync.trust import TrustedState, make_blob
from tests.fakes.centre import ScriptedCentre
from tests.fakes.clock import FixedClock
from tests.fakes.keystore import MemoryKeystore
from tests.unit.services.conftest import PASSPHRASE, Switchable, screen

pytestmark = pytest.mark.anyio


def ruled(centre: ScriptedCentre, v: int, **changes: object) -> TrustedState:
    """Sign the next directory of the centre."""
    directory: Directory = replace(
        centre.directory, v=v, prev_hash=centre.trust.dir_hash, **changes  # type: ignore[arg-type]
    )  # fmt: skip
    centre.directory = directory
    blob = make_blob([centre.signed_root], sign_directory(directory, centre.root, [centre.dir_key]))
    centre.trust = TrustedState.pin(centre.root.centre_id, blob)
    return centre.trust


def device_id(notebook: Notebook) -> bytes:
    assert notebook.book.membership
    return notebook.book.membership.device_id


async def test_a_suspended_device_records_seals_nothing_and_leaves_no_gap(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    book = notebook.book
    before = await screen(notebook)
    await book.save_trust(ruled(centre, 2, devices_suspended=(device_id(notebook),)))
    assert book.standing is Standing.SUSPENDED
    waits = [await screen(notebook) for _ in range(2)]
    await notebook.delivery.once()
    assert [book.stage(record) for record in waits] == [Stage.LOCAL] * 2
    # What was sealed before still goes its way: the centre has counted on it.
    assert book.stage(before) is Stage.STORED
    assert notebook.delivery.waiting == 2
    await book.save_trust(ruled(centre, 3, devices_suspended=()))
    assert book.standing is Standing.ENROLLED
    await notebook.delivery.once()
    assert [book.stage(record) for record in waits] == [Stage.STORED] * 2
    arrived = await centre.pull(desk)
    assert sorted(a.header.seq for a in arrived) == list(range(1, len(arrived) + 1))


async def test_a_withdrawn_device_enrols_anew_and_sends_everything_that_nobody_opened(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    book, old = notebook.book, device_id(notebook)
    sealed = await screen(notebook)
    await notebook.delivery.once()
    first_seq = len(await centre.pull(desk))
    await book.save_trust(ruled(centre, 2, devices_revoked=(Revocation(old, first_seq + 1),)))
    assert book.standing is Standing.REVOKED
    made_since = await screen(notebook)
    assert book.stage(made_since) is Stage.LOCAL
    await book.join(centre.member(), centre.trust, await centre.tokens(desk))
    assert book.standing is Standing.ENROLLED
    assert device_id(notebook) != old
    await notebook.delivery.once()
    arrived = [a for a in await centre.pull(desk) if a.header.sender_id == device_id(notebook)]
    assert {a.header.record_id for a in arrived} == {sealed.record_id, made_since.record_id}
    assert [a.header.seq for a in sorted(arrived, key=lambda a: a.header.seq)] == list(
        range(1, len(arrived) + 1)
    )
    again = min(a.header.seq for a in arrived if a.header.record_id == sealed.record_id)
    assert again == 1, "what was made first is sealed first"
    assert all(entry.seq <= len(arrived) for entry, _ in book.on_the_way)


async def test_a_cut_in_the_middle_of_enrolling_anew_leaves_the_old_or_the_new_state(
    gate: Gate, notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    sealed = await screen(notebook)
    await notebook.book.save_trust(ruled(centre, 2, devices_revoked=(Revocation(device_id(notebook), 1),)))
    tokens = await centre.tokens(desk)
    # Joined, and cut off before anything was sealed under the new identity.
    await notebook.book._worker.run(notebook.book._join, centre.member(), centre.trust, tokens)
    found = notebook.book.record(sealed.record_id)
    assert found
    assert (found.sealed, found.content is not None, notebook.book.on_the_way) == (False, True, ())
    again = await gate.unlock(PASSPHRASE)
    await again.delivery.stop()
    await again.book.seal_waiting()
    found = again.book.record(sealed.record_id)
    assert found
    assert found.sealed
    assert [entry.seq for entry, _ in again.book.on_the_way] == [1, 2]


async def test_what_was_dropped_at_sealing_keeps_its_envelopes(
    notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    policy = replace(centre.directory.policy, keep=0)
    await notebook.book.save_trust(ruled(centre, 2, policy=policy))
    sealed = await screen(notebook)
    found = notebook.book.record(sealed.record_id)
    assert found
    assert found.content is None
    envelopes = {entry.envelope for entry, _ in notebook.book.on_the_way}
    await notebook.book.save_trust(ruled(centre, 3, devices_revoked=(Revocation(device_id(notebook), 1),)))
    await notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    assert {entry.envelope for entry, _ in notebook.book.on_the_way} == envelopes


async def test_records_that_were_put_back_are_read_only_until_the_device_enrols_anew(
    tmp_path: Path, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    def relays(url: str) -> RelayClient:
        return RelayClient(url, transport=network)

    folder, keystore = tmp_path / "put back", MemoryKeystore()
    gate = Gate(folder, keystore, clock, SystemIds(), relays, calibrated=lambda: FLOOR)
    notebook = await gate.create(PASSPHRASE, Settings())
    await notebook.delivery.stop()
    await notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    network.off()
    first = await screen(notebook)
    await gate.lock()
    backup = {path.name: path.read_bytes() for path in folder.iterdir()}
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    await screen(notebook)
    await gate.lock()
    for name, content in backup.items():
        (folder / name).write_bytes(content)

    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    assert notebook.book.standing is Standing.PUT_BACK
    old = device_id(notebook)
    with pytest.raises(VaultReadOnly):
        await screen(notebook)
    await notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    assert notebook.book.standing is Standing.ENROLLED
    assert device_id(notebook) != old
    network.on()
    second = await screen(notebook)
    await notebook.delivery.once()
    await gate.lock()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    assert notebook.book.standing is Standing.ENROLLED
    arrived = await centre.pull(desk)
    (report,) = [a for a in arrived if a.header.msg_type is MsgType.DEVICE_REPORT]
    assert report.body == {"at": clock.now(), "device_id": old.hex(), "kind": "put_back", "v": 1}
    assert {first.record_id, second.record_id} == {a.header.record_id for a in arrived if a is not report}
    assert old not in {a.header.sender_id for a in arrived}
    await gate.shut()


async def enrolled_with_keys(
    tmp_path: Path, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> tuple[Gate, Path]:
    """Return an open, enrolled device that a key store guards, and its folder."""
    folder = tmp_path / "put back"
    gate = Gate(
        folder,
        MemoryKeystore(),
        clock,
        SystemIds(),
        lambda url: RelayClient(url, transport=network),
        calibrated=lambda: FLOOR,
    )
    notebook = await gate.create(PASSPHRASE, Settings())
    await notebook.delivery.stop()
    await notebook.book.join(centre.member(), centre.trust, await centre.tokens(desk))
    return gate, folder


async def test_an_older_header_is_told_to_the_worker_and_the_centre_until_it_is_understood(
    tmp_path: Path, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    gate, folder = await enrolled_with_keys(tmp_path, network, centre, desk, clock)
    network.off()
    await gate.lock()
    old = (folder / "v.hdr").read_bytes()
    await gate.unlock(PASSPHRASE)
    await gate.lock()
    (folder / "v.hdr").write_bytes(old)
    for _ in range(2):
        notebook = await gate.unlock(PASSPHRASE)
        await notebook.delivery.stop()
        assert (notebook.book.keys_put_back, notebook.book.standing) == (True, Standing.ENROLLED)
        assert len(notebook.book.on_the_way) == 1  # the next one waits until this one has arrived
        await gate.lock()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    record = await screen(notebook)
    await notebook.book.understood_put_back()
    assert not notebook.book.keys_put_back
    await gate.lock()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    assert not notebook.book.keys_put_back
    network.on()
    while len(notebook.book.on_the_way) and notebook.delivery.waiting:
        await notebook.delivery.once()
    arrived = await centre.pull(desk)
    reported = [a.body for a in arrived if a.header.msg_type is MsgType.DEVICE_REPORT]
    own = device_id(notebook).hex()
    assert reported == [{"at": clock.now(), "device_id": own, "kind": "put_back", "v": 1}]
    assert record.record_id in {a.header.record_id for a in arrived}
    await gate.shut()


async def test_whoever_understands_it_in_the_second_notebook_ends_neither_notice_nor_report_of_the_first(
    tmp_path: Path, network: Switchable, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    gate, folder = await enrolled_with_keys(tmp_path, network, centre, desk, clock)
    notebook = gate.notebook
    assert notebook
    second = "harmless sextant walnut copper ninety"
    await notebook.book.set_word(SlotKind.OPEN, PASSPHRASE, second)
    network.off()
    await gate.lock()
    old = (folder / "v.hdr").read_bytes()
    await (await gate.unlock(PASSPHRASE)).delivery.stop()
    await gate.lock()
    (folder / "v.hdr").write_bytes(old)
    for shown in (True, False):
        book = (await gate.unlock(second)).book
        assert (book.is_second, book.keys_put_back, list(book.on_the_way)) == (True, shown, [])
        if shown:
            await book.understood_put_back()
        await gate.lock()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    assert notebook.book.keys_put_back
    assert len(notebook.book.on_the_way) == 1, "the report to the centre"
    await gate.shut()


async def test_an_older_header_without_an_upload_pass_left_keeps_nobody_out(
    tmp_path: Path, centre: ScriptedCentre, clock: FixedClock
) -> None:
    folder = tmp_path / "put back"
    gate = Gate(folder, MemoryKeystore(), clock, SystemIds(), RelayClient, calibrated=lambda: FLOOR)
    notebook = await gate.create(PASSPHRASE, Settings())
    await notebook.delivery.stop()
    await notebook.book.join(centre.member(), centre.trust, [])
    await gate.lock()
    old = (folder / "v.hdr").read_bytes()
    await gate.unlock(PASSPHRASE)
    await gate.lock()
    (folder / "v.hdr").write_bytes(old)
    notebook = await gate.unlock(PASSPHRASE)
    assert notebook.book.keys_put_back
    await gate.shut()


async def test_a_search_in_the_notes_erases_nothing_however_many_there_were(
    tmp_path: Path, clock: FixedClock
) -> None:
    keystore = MemoryKeystore()
    gate = Gate(tmp_path / "device", keystore, clock, SystemIds(), RelayClient, calibrated=lambda: FLOOR)
    await gate.create(PASSPHRASE, Settings())
    await gate.lock()
    keystore.values[WIPE_AFTER] = (1).to_bytes(4, "little") + bytes(4)
    assert await gate.search("the number of the dentist") is None
    notebook = await gate.unlock(PASSPHRASE)
    assert not notebook.book.is_second
    # There is no centre here that wishes it: a wish of one before is taken away, behind the notebook that is shown.
    await gate.shut()
    assert WIPE_AFTER not in keystore.values


async def test_a_device_hears_of_it_by_the_directory_and_knows_it_after_a_lock(
    gate: Gate, notebook: Notebook, centre: ScriptedCentre, desk: CentreClient
) -> None:
    trust = ruled(centre, 2, devices_suspended=(device_id(notebook),))
    await desk.put_directory(2, trust.blob)
    await notebook.delivery.once()
    assert notebook.book.standing is Standing.SUSPENDED
    await gate.lock()
    again = await gate.unlock(PASSPHRASE)
    assert again.book.standing is Standing.SUSPENDED


async def test_the_policy_on_guesses_is_left_outside_the_notebook_and_an_older_copy_says_nothing(
    tmp_path: Path, centre: ScriptedCentre, desk: CentreClient, clock: FixedClock
) -> None:
    keystore, folder = MemoryKeystore(), tmp_path / "device"
    gate = Gate(folder, keystore, clock, SystemIds(), RelayClient, calibrated=lambda: FLOOR)
    notebook = await gate.create(PASSPHRASE, Settings())
    await notebook.delivery.stop()
    assert WIPE_AFTER not in keystore.values
    strict = replace(centre.directory.policy, wipe_after=20)
    await notebook.book.join(centre.member(), ruled(centre, 2, policy=strict), await centre.tokens(desk))
    assert keystore.values[WIPE_AFTER] == (20).to_bytes(4, "little") + bytes(4)
    await gate.lock()
    older = (folder / "v.db").read_bytes()
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    await notebook.book.save_trust(ruled(centre, 3, policy=replace(strict, wipe_after=0)))
    assert WIPE_AFTER not in keystore.values
    await gate.lock()
    (folder / "v.db").write_bytes(older)
    notebook = await gate.unlock(PASSPHRASE)
    await notebook.delivery.stop()
    assert notebook.book.standing is Standing.PUT_BACK
    assert WIPE_AFTER not in keystore.values
    await gate.shut()
