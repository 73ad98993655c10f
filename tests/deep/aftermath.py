"""What has to be true after a run of crashes, by Sendoso's own list of sends; each fault is a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from deep.crashes import Run
from deep.story import ASKED, CANCEL, DECLINED, LIMIT, STORY, Left, Step, Told
from sendoso_mcp.spending.ledger import UNSETTLED, Break, Ledger, State
from sendoso_mcp.spending.limits import SEND, SENDS, TEAM, Bucket, cents

Row = dict[str, Any]


@dataclass
class Faults:
    """What went wrong in a run."""

    duplicates: list[str] = field(default_factory=list)
    overspends: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    others: list[str] = field(default_factory=list)

    @property
    def all(self) -> list[str]:
        return [*self.duplicates, *self.overspends, *self.lost, *self.others]


@dataclass(frozen=True)
class Record:
    """The rows of an intent, as the last row of the trail has them."""

    intent: Row
    attempt: Row | None
    holds: list[Row]

    @property
    def unsettled(self) -> bool:
        return self.intent["state"] in UNSETTLED

    def worth(self, gifts: dict[str, Row]) -> int:
        """What it stands for, in cents: what Sendoso charges for its gift, or what is held for it."""
        if self.attempt is None:
            return 0
        if self.unsettled:
            return int(self.attempt["held_cents"])
        gift = gifts.get(self.attempt["send_id"])
        return 0 if gift is None or gift["status"] == "cancelled" else cents(Decimal(str(gift["cost"])))


def faults_of(run: Run) -> Faults:
    """Everything that is not as it has to be after a run that was played to the end."""
    faults = Faults()
    end = run.left[-1]
    for step in STORY:
        if len(gifts := end.gifts_of(step)) > 1:
            faults.duplicates.append(f"{len(gifts)} gifts for the key {step.name}")
    for told in run.told:
        faults.others += _misled(told, run, end)
    faults.lost += _forgotten(run)
    ledger = Ledger(run.ledger, account=run.settings.account)
    try:
        _check_ledger(ledger, end, faults)
    finally:
        ledger.close()
    return faults


def _misled(told: Told, run: Run, end: Left) -> Iterator[str]:
    """How an answer is not what there was as its life began calls for."""
    step, outcome, gifts = told.step, told.outcome, end.gifts_of(told.step)
    want = _wanted(step, told.life, told.before)
    if outcome != want:
        yield f"life {told.life}: {step.name} ended as {outcome}, not {want}: {told.words}"
    elif outcome == "sent" and [told.send_id] != [gift["id"] for gift in gifts]:
        yield f"life {told.life}: {step.name} was told {told.send_id}, and there is {[*end.gifts]}"
    elif outcome not in ("sent", "cancelled", "already_cancelled") and gifts and _later(told, run) is None:
        yield f"life {told.life}: {step.name} ended as {outcome} and there is a gift"


def _wanted(step: Step, life: int, before: Left) -> str:
    gifts, standing = before.gifts_of(step), before.standing(step)
    if step is CANCEL:
        over = [gift["status"] for gift in before.gifts_of(ASKED)] == ["cancelled"]
        return "already_cancelled" if over else "cancelled"
    if gifts:
        return "sent"
    if any(intent.state in UNSETTLED for intent in standing):
        return "unknown"
    if any(intent.state is State.DECLINED for intent in standing):
        return "declined"
    # After a crash the person says yes to everything.
    return "sent" if step is DECLINED and life else step.ends


def _later(told: Told, run: Run) -> Told | None:
    """A later answer to the same call that says `sent`."""
    return next(
        (one for one in run.told if one.step is told.step and one.life > told.life and one.outcome == "sent"),
        None,
    )


def _forgotten(run: Run) -> Iterator[str]:
    """What was durable at one time and is not there later."""
    for earlier, later in zip(run.left, run.left[1:], strict=False):
        there = {intent.id: intent for intent in later.intents}
        for intent in earlier.intents:
            now, then = there.get(intent.id), intent.attempt
            if now is None:
                yield f"intent {intent.id} ({intent.state}) is gone"
            elif then is not None and (now.attempt is None or now.attempt.token != then.token):
                yield f"the order of intent {intent.id} is gone"
            elif then is not None and now.attempt and then.send_id not in (None, now.attempt.send_id):
                yield f"the send of intent {intent.id} is gone"
        for gift in earlier.gifts.keys() - later.gifts.keys():
            yield f"send {gift} is gone"


def _check_ledger(ledger: Ledger, end: Left, faults: Faults) -> None:
    found = ledger.verify()
    if isinstance(found, Break):
        faults.others.append(f"the trail is broken: {found}")
    records: dict[str, Record] = {}
    cancelled = Counter[str]()
    for entry in ledger.trail():
        rows = entry.record
        attempt = rows["attempts"][0] if rows["attempts"] else None
        records[entry.intent_id] = Record(rows["intent"][0], attempt, rows["holds"])
        cancelled[entry.intent_id] += entry.to_state is State.CANCELLED
    if twice := [intent for intent, times in cancelled.items() if times > 1]:
        faults.others.append(f"money was given back twice for {twice}")
    _check_gifts(records, end, faults)
    _check_money(ledger, records, end, faults)


def _check_gifts(records: dict[str, Record], end: Left, faults: Faults) -> None:
    owners = {record.attempt["send_id"]: record for record in records.values() if record.attempt is not None}
    for id_, gift in end.gifts.items():
        owner = owners.get(id_)
        if owner is None:
            faults.lost.append(f"no intent has {id_}, and Sendoso does: {gift['message']}")
        elif (gift["status"] == "cancelled") != (owner.intent["state"] == State.CANCELLED):
            faults.others.append(f"{id_} is {gift['status']} and its intent {owner.intent['state']}")
    for send_id in owners.keys() - {None}:
        if send_id not in end.gifts:
            faults.others.append(f"an intent has {send_id}, and Sendoso does not")


def _check_money(ledger: Ledger, records: dict[str, Record], end: Left, faults: Faults) -> None:
    """Each intent's money in each bucket, what policy sees of it, and that it is what was really spent."""
    real = sum(record.worth(end.gifts) for record in records.values())
    for id_, record in records.items():
        for hold in record.holds:
            if hold["bucket"] == SENDS:
                continue
            if hold["amount"] != record.worth(end.gifts):
                sentence = f"{hold['bucket']} has {hold['amount']} cents for {id_}: {record.worth(end.gifts)}"
                kind = faults.overspends if hold["amount"] < record.worth(end.gifts) else faults.others
                kind.append(sentence)
    keys = {hold["bucket"] for record in records.values() for hold in record.holds}
    for kind in sorted({key.partition(":")[0] for key in keys} - {SENDS, TEAM, SEND.key}):
        # At midnight there are two days.
        used = sum(ledger.used([Bucket(key)]).used[key] for key in keys if key.partition(":")[0] == kind)
        if used != real:
            sentence = f"{kind} shows {used} cents, and {real} are spent or held"
            (faults.overspends if used < real else faults.others).append(sentence)
    unsettled = sum(record.worth(end.gifts) for record in records.values() if record.unsettled)
    team = ledger.used([Bucket(TEAM, unseen_at=ledger.position())]).used[TEAM]
    if team != unsettled:
        faults.others.append(f"{team} cents are held from the team's budget, not {unsettled}")
    spent = sum(
        cents(Decimal(str(gift["cost"]))) for gift in end.gifts.values() if gift["status"] != "cancelled"
    )
    if spent + unsettled > LIMIT * 100:
        faults.overspends.append(f"{spent + unsettled} cents are spent or held of {LIMIT} USD")
    if spent + unsettled != real:
        faults.lost.append(f"Sendoso charges {spent} cents and {unsettled} are held, but {real} are known")
