"""How one announced group comes about, or does not.

1. The convener announces; players enrol; both are flooded.
2. The convener proposes a roster: attempt 0 of the enrolled, in the order in which they reached it.
3. Each listed member that finds its own enrolment there signs the roster, once an attempt, and in the journal first. It
   waits an eighth of the attempt's time before, so that a convener that tells two stories is seen through first.
4. The convener signs **last**, when it has the signature of every other member, and floods roster and signatures as the
   certificate. Until then there is no group; from then on there is one, and anybody can check it.
5. Where signatures are missing at the attempt's end, the next attempt leaves out who did not sign.

Since the convener signs last and at most once, an honest one forms at most one group of an announcement. A convener
that proposes two rosters in one attempt has signed both: whoever sees them signs nothing of it any more. Members that
signed before they saw signed one of the two, so no two rosters of an attempt that share an honest member are both
signed by all. And a member that signed a later attempt never enters an earlier one. Whom the convener picks, and
whether it tries at all, nobody polices.

Names in a roster differ, and anybody can enrol under a name that another goes by. An honest convener takes the one that
it has known by that name for the longest time, so no player that made itself known is kept out by one that learnt the
name from it. Keys need no such rule: nobody enrols with another's (``holds_key``).
"""

from mechdesign.group.lobby.convention import (
    Announcement,
    Certificate,
    Consent,
    Enrolment,
    Item,
    Proposal,
    consent_signed,
    signed_by,
    valid_certificate,
    valid_enrolment,
    valid_proposal,
)
from mechdesign.group.lobby.events import Flood, FormationEffect, FormationFailed, Formed, NamedSince, Seat, record_key
from mechdesign.group.messages import Append
from mechdesign.group.roster import Roster
from mechdesign.kernel.crypto import MemberId
from mechdesign.kernel.errors import LocalProtocolError
from mechdesign.kernel.machine import Instant
from mechdesign.kernel.wire import encode

__all__ = ["Formation"]

_SPARE = 2
# Enrolments kept for each place of the group: more than it takes, since some repeat a name or a key.


class Formation:
    """One announcement, as one player sees it: its convener, an enrolled player, or one that only passes it on.

    Args:
        announcement: a valid one.
        seat: our keys and checks.
        now: when we first saw it.
        keep: how long it is kept after its end.
        named: since when we know players by their names.

    Attributes:
        mine: our enrolment, or None.
        proposal: the newest attempt, or None.
        rival: another proposal of the same attempt; it ends the formation, and both are passed on as the proof.
        certificate: the group, or None.
        over: why the formation failed, or empty.
        dropped: what was refused, by reason.
    """

    def __init__(self, announcement: Announcement, seat: Seat, now: Instant, keep: Instant, named: NamedSince) -> None:
        self.announcement = announcement
        self.id = announcement.id
        self.mine: Enrolment | None = None
        self.proposal: Proposal | None = None
        self.rival: Proposal | None = None
        self.certificate: Certificate | None = None
        self.over = ""
        self.dropped: dict[str, int] = {}
        # Names are digests, and are compared far more often than they change.
        self._items: dict[bytes, Item] | None = None
        self._seat = seat
        self._me = seat.signer.public
        self._keep = keep
        self._named = named
        self._convenes = announcement.convener == self._me
        self._attempt_time = announcement.terms.attempt_ms * 1000
        self._enrolments: dict[MemberId, Enrolment] = {}
        self._roster: Roster | None = None
        self._consents: dict[MemberId, Consent] = {}
        self._signed: dict[int, bytes] = {}
        self._close_at: Instant | None = now + announcement.terms.enrol_ms * 1000 if self._convenes else None
        self._sign_at: Instant | None = None
        self._attempt_ends: Instant | None = None
        # Longer than the convener may take, by the attempt that it may be ahead of us.
        self._ends: Instant | None = now + announcement.terms.duration_ms * 1000 + self._attempt_time
        self.forget: Instant = self._ends + keep

    @property
    def deadline(self) -> Instant:
        """When :meth:`tick` has work to do, or the formation can be forgotten."""
        times = (self._close_at, self._sign_at, self._attempt_ends, self._ends, self.forget)
        return min(time for time in times if time is not None)

    @property
    def ours(self) -> bool:
        """Whether we convened it or enrolled."""
        return self._convenes or self.mine is not None

    @property
    def running(self) -> bool:
        """Whether it may still come about, as far as we can tell."""
        return self.certificate is None and not self.over

    @property
    def items(self) -> dict[bytes, Item]:
        """What others should have, by name: always the least that leads to the same state."""
        if self._items is None:
            self._items = {item.name: item for item in self._least()}
        return self._items

    def _least(self) -> list[Item]:
        if self.certificate is not None:
            return [self.certificate]
        if self._ends is None:
            return []
        if self.proposal is None:
            return [self.announcement, *self._enrolments.values()]
        if self.rival is not None:
            return [self.announcement, self.proposal, self.rival]
        return [self.announcement, self.proposal, *self._consents.values()]

    @property
    def state(self) -> str:
        """Where it stands and who is waited for, in words."""
        terms = self.announcement.terms
        if self.certificate is not None:
            return f"formed with {len(self.certificate.signatures)} members"
        if self.over:
            return f"failed: {self.over}"
        if self.proposal is None or self._roster is None:
            return f"enrolling: {len(self._enrolments)} of {terms.size_min} to {terms.size_max}"
        convener = self.announcement.convener
        missing = [line.name for line in self._roster.members if line.id not in (*self._consents, convener)]
        names = ", ".join(missing) or f"{self._roster.name(convener)}, the convener"
        return f"attempt {self.proposal.attempt}: waits for the signature of {names}"

    def enrol(self, invitation: bytes, now: Instant) -> list[FormationEffect]:
        """Enrol ourselves; nothing happens the second time.

        Raises:
            LocalProtocolError: it is too late, or we would not be admitted.
        """
        self._items = None
        if self.mine is not None:
            return []
        if self.proposal is not None or not self.running:
            raise LocalProtocolError(f"it is too late to enrol: {self.state}")
        seat = self._seat
        unsigned = Enrolment(self.id, seat.line, seat.possession, invitation)
        mine = Enrolment(self.id, seat.line, seat.possession, invitation, signed_by(unsigned, seat.signer))
        if not valid_enrolment(mine, self.announcement, seat.scheme, seat.holds_key):
            raise LocalProtocolError(f"we would not be admitted: {self.announcement.terms.admission.text}")
        self.mine = self._enrolments[self._me] = mine
        record = encode((self.announcement.wire, mine.wire))
        return [Append("lobby", record_key("enrolled", self.id), record), Flood(mine, True), *self._crowd(now)]

    # What a restart brings back. -------------------------------------------------------------------------------------

    def enrolled(self, mine: Enrolment) -> None:
        """We enrolled in an earlier life."""
        self._items = None
        self.mine = self._enrolments[self._me] = mine

    def signed(self, attempt: int, roster: bytes) -> None:
        """We signed a roster in an earlier life."""
        self._signed[attempt] = roster

    def failed(self, why: str, now: Instant) -> None:
        """It failed in an earlier life."""
        self.over = why
        self._end(now)

    def proposed(self, proposal: Proposal, now: Instant) -> bool:
        """We proposed a roster in an earlier life, and go on with the newest; whether it is one that we could make."""
        self._items = None
        newer = self.proposal is None or proposal.attempt > self.proposal.attempt
        roster = self._judge(proposal)
        if newer and roster is not None:
            self.proposal, self._roster, self._close_at = proposal, roster, None
            self._attempt_ends = now + self._attempt_time
        return roster is not None

    # What others send. -----------------------------------------------------------------------------------------------

    def take(self, item: Item, now: Instant) -> list[FormationEffect]:
        """Judge a part of this formation; what is new is passed on."""
        self._items = None
        if isinstance(item, Certificate):
            return self._certified(item, now)
        if self.certificate is not None or self.over:
            return []
        match item:
            case Enrolment():
                return self._enrolment(item, now)
            case Proposal():
                return self._proposed(item, now)
            case Consent():
                return self._consent(item, now)
            case Announcement():
                return []

    def _enrolment(self, item: Enrolment, now: Instant) -> list[FormationEffect]:
        if self.proposal is not None or item.member in self._enrolments:
            return []
        if len(self._enrolments) >= _SPARE * self.announcement.terms.size_max:
            return self._drop("crowded")
        if not valid_enrolment(item, self.announcement, self._seat.scheme, self._seat.holds_key):
            return self._drop("enrolment")
        self._enrolments[item.member] = item
        return [Flood(item), *self._crowd(now)]

    def _proposed(self, item: Proposal, now: Instant) -> list[FormationEffect]:
        current = self.proposal
        if current is not None and (item.attempt < current.attempt or item.signed == current.signed):
            return []
        roster = self._judge(item)
        if roster is None or self._convenes:
            return self._drop("proposal")
        if current is not None and item.attempt == current.attempt:
            self.rival = item
            self._sign_at = None
            self._consents.clear()
            return [Flood(item), *self._failed(f"the convener signed two rosters for attempt {item.attempt}")]
        self.proposal, self._roster = item, roster
        self._consents.clear()
        # It was waiting for the attempt before, if for any.
        self._sign_at = None
        if self.mine is not None and item.by(self._me) == self.mine:
            if self._signed.get(item.attempt) == roster.digest:
                return [Flood(item), *self._give(roster)]
            if item.attempt > max(self._signed, default=-1):
                self._sign_at = now + self._attempt_time // 8
        return [Flood(item)]

    def _consent(self, item: Consent, now: Instant) -> list[FormationEffect]:
        roster = self._roster
        if roster is None or item.roster != roster.digest or item.member in self._consents:
            return []
        # The convener has no consent to give but the certificate.
        stranger = roster.place(item.member) is None or item.member == self.announcement.convener
        signed = consent_signed(item.roster)
        if stranger or not self._seat.scheme.verify(item.member, signed, item.signature):
            return self._drop("consent")
        self._consents[item.member] = item
        return [Flood(item), *self._seal(now)]

    def _certified(self, item: Certificate, now: Instant) -> list[FormationEffect]:
        if self.certificate is not None:
            return []
        known = () if self.proposal is None else self.proposal.enrolments
        roster = valid_certificate(item, self._seat.scheme, self._seat.holds_key, known)
        if roster is None or item.announcement.id != self.id:
            return self._drop("certificate")
        if roster.place(self._me) is not None and item.proposal.attempt < max(self._signed, default=-1):
            # We gave that attempt up, on the convener's own word, when we signed a later one.
            return self._drop("late certificate")
        return self._exists(item, roster, now)

    def _judge(self, proposal: Proposal) -> Roster | None:
        known = list(self._enrolments.values()) if self.proposal is None else list(self.proposal.enrolments)
        return valid_proposal(proposal, self.announcement, known, self._seat.scheme, self._seat.holds_key)

    # What is due. ----------------------------------------------------------------------------------------------------

    def tick(self, now: Instant) -> list[FormationEffect]:
        """Do what is due at :attr:`deadline`."""
        self._items = None
        if self._close_at is not None and self._close_at <= now:
            return self._close(now)
        if self._sign_at is not None and self._sign_at <= now:
            return self._sign()
        if self._attempt_ends is not None and self._attempt_ends <= now:
            return self._again(now)
        if self._ends is not None and self._ends <= now:
            return self._fail("no roster was signed by all of its members in time", now)
        return []

    def _sign(self) -> list[FormationEffect]:
        self._sign_at = None
        if self._roster is None or self.proposal is None:
            return []
        attempt, digest = self.proposal.attempt, self._roster.digest
        self._signed[attempt] = digest
        return [Append("lobby", record_key("signed", self.id, attempt), digest), *self._give(self._roster)]

    def _give(self, roster: Roster) -> list[FormationEffect]:
        if self.proposal is None:
            return []
        signature = self._seat.signer.sign(consent_signed(roster.digest))
        consent = Consent(self.id, self.proposal.attempt, self._me, roster.digest, signature)
        self._consents[self._me] = consent
        return [Flood(consent, True)]

    def _crowd(self, now: Instant) -> list[FormationEffect]:
        """Close early where nobody else can enrol."""
        terms = self.announcement.terms
        everybody = bool(terms.admission.keys) and terms.admission.policy == "allow_list"
        listed = everybody and all(key in self._enrolments for key in terms.admission.keys)
        if self._close_at is None or not (listed or len(self._enrolments) >= terms.size_max):
            return []
        return self._close(now)

    def _close(self, now: Instant) -> list[FormationEffect]:
        """Choose among the enrolled: first come, first served, without those who share a key or another's name."""
        self._close_at = None
        taken: set[bytes | str] = set()
        chosen: list[Enrolment] = []
        own = [self.mine] if self.mine is not None else []
        for enrolment in [*own, *(each for each in self._bearers().values() if each != self.mine)]:
            line = enrolment.line
            # Two who know one secret can both show that they do.
            claims: set[bytes | str] = {line.name, line.curve, line.sealing}
            if len(chosen) < self.announcement.terms.size_max and not claims & taken:
                chosen.append(enrolment)
                taken |= claims
        return self._propose(0, chosen, now)

    def _bearers(self) -> dict[str, Enrolment]:
        """For each name the enrolment of whoever has been known by it for the longest time, or else came first."""
        bearers: dict[str, Enrolment] = {}
        for enrolment in self._enrolments.values():
            name = enrolment.line.name
            bearers[name] = min(bearers.get(name, enrolment), enrolment, key=self._age)
        return bearers

    def _age(self, enrolment: Enrolment) -> tuple[bool, Instant]:
        since = self._named(enrolment.member, enrolment.line.name)
        return since is None, since or 0

    def _propose(self, attempt: int, chosen: list[Enrolment], now: Instant) -> list[FormationEffect]:
        terms = self.announcement.terms
        if len(chosen) < terms.size_min:
            what = "enrolled" if attempt == 0 else "signed"
            return self._fail(f"{len(chosen)} {what}, and {terms.size_min} are needed", now)
        if attempt >= terms.attempts:
            return self._fail(f"nobody's roster was signed by all in {attempt} attempts", now)
        unsigned = Proposal(self.id, attempt, tuple(sorted(chosen, key=lambda enrolment: enrolment.member)))
        proposal = Proposal(self.id, attempt, unsigned.enrolments, signed_by(unsigned, self._seat.signer))
        if not self.proposed(proposal, now):
            return self._fail("the enrolled make no roster", now)
        self._consents.clear()
        append = Append("lobby", record_key("proposed", self.id, attempt), proposal.wire)
        return [append, Flood(proposal, True), *self._seal(now)]

    def _again(self, now: Instant) -> list[FormationEffect]:
        """The next attempt, without those who did not sign."""
        self._attempt_ends = None
        if self.proposal is None:
            return []
        signers = (*self._consents, self._me)
        stay = [enrolment for enrolment in self.proposal.enrolments if enrolment.member in signers]
        return self._propose(self.proposal.attempt + 1, stay, now)

    def _seal(self, now: Instant) -> list[FormationEffect]:
        """Sign as the last, where we convene and all others have signed."""
        roster, proposal = self._roster, self.proposal
        if not self._convenes or roster is None or proposal is None or self._attempt_ends is None:
            return []
        if not all(member in self._consents for member in roster.ids if member != self._me):
            return []
        own = self._seat.signer.sign(consent_signed(roster.digest))
        signatures = (own if member == self._me else self._consents[member].signature for member in roster.ids)
        return self._exists(Certificate(self.announcement, proposal, tuple(signatures)), roster, now)

    def _exists(self, certificate: Certificate, roster: Roster, now: Instant) -> list[FormationEffect]:
        self.certificate = certificate
        self._end(now)
        if roster.place(self._me) is not None:
            record = Append("lobby", record_key("formed", self.id), certificate.wire)
            return [record, Flood(certificate, self._convenes), Formed(self.id, roster, certificate)]
        return [Flood(certificate), *self._failed("the group was formed without us")]

    def _fail(self, why: str, now: Instant) -> list[FormationEffect]:
        self._end(now)
        return self._failed(why)

    def _failed(self, why: str) -> list[FormationEffect]:
        if self.over:
            return []
        self.over = why
        record = Append("lobby", record_key("failed", self.id), why.encode())
        return [record, FormationFailed(self.id, why)] if self.ours else []

    def _end(self, now: Instant) -> None:
        self._close_at = self._sign_at = self._attempt_ends = self._ends = None
        # A member that failed may still hear that it was wrong; others only keep what exists.
        self.forget = now + self._keep if self.ours or self.certificate is not None else now

    def _drop(self, reason: str) -> list[FormationEffect]:
        self.dropped[reason] = self.dropped.get(reason, 0) + 1
        return []
