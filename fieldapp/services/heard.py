"""The state of a device after a page of what the centre said: receipts, tokens, messages, orders, centre time. Pure.

The book writes all of it in one transaction with the cursor of the shard behind it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from fieldapp.services.contents import Entries
from fieldapp.services.filed import Filed
from fieldapp.services.hearing import Effect, effect_of
from fieldapp.services.listening import News
from fieldapp.services.mail import Letter, beyond_room
from fieldapp.services.membership import Membership
from fieldapp.services.orders import Orders, in_force
from sync.keys import believable
from sync.trust import TrustedState

MAX_TOKENS: Final = 1024
"""Drop tokens on a device, the newest: more than any work needs, and surely as many as one record holds."""


@dataclass(frozen=True, slots=True)
class Heard:
    """What is to be written: `letters` are all messages that stay, `new_letters` those of them that just came."""

    membership: Membership
    orders: Orders
    effect: Effect
    tokens: tuple[bytes, ...] = field(repr=False)
    letters: dict[bytes, Letter] = field(repr=False)
    new_letters: tuple[Letter, ...] = field(repr=False)


def heard(
    news: News,
    cursor: str,
    *,
    membership: Membership,
    trust: TrustedState,
    orders: Orders,
    tokens: tuple[bytes, ...],
    letters: Mapping[bytes, Letter],
    entries: Entries,
    filed: Mapping[bytes, Filed],
    centre_now: int,
    now: int,
) -> Heard:
    """Take `news` into the present state. `centre_now`: the latest time known before, `now`: this clock's, in seconds."""
    said = believable(news.centre_time, now, trust.directory.issued)
    latest = max(centre_now, said)
    ordered = (
        orders.with_policies(news.policies)
        .with_wipes(
            news.wipes, device_id=membership.device_id, command_keys=trust.root.command_keys, now=latest
        )
        .with_handled([*(env_hash for env_hash, *_ in news.messages), *news.rekeys])
        .with_handled(news.odd, odd=len(news.odd))
    )
    came = {(one := Letter.of(*message)).id: one for message in news.messages}
    outdated = beyond_room({**letters, **came})
    return Heard(
        membership=membership.listened(
            cursor,
            said,
            news.heard,
            news.read_tokens,
            tuple(news.refills),
            now=latest,
            rekeyed=bool(news.rekeys),
        ),
        orders=ordered,
        effect=effect_of(
            news.receipts,
            entries,
            filed,
            keep=in_force(trust.directory.policy, ordered.policy).keep,
            now=now,
        ),
        tokens=(*tokens, *news.drop_tokens)[-MAX_TOKENS:],
        letters={key: letter for key, letter in {**letters, **came}.items() if key not in outdated},
        new_letters=tuple(letter for key, letter in came.items() if key not in outdated),
    )
