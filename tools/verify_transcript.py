"""A second verifier, written from docs/transcript.md: verify_transcript.py TRANSCRIPT [FINGERPRINT OF THE ROSTER]."""

# ruff: noqa: D101, D102, D103, E731 - functions have the names of the specification
import hashlib
import json
import re
import sys
from collections import namedtuple
from contextlib import suppress
from fractions import Fraction
from functools import reduce
from math import prod
from pathlib import Path

import msgpack
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl import bindings

P, ORDER, IDENTITY = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493, b"\1" + bytes(31)
Y8, F, NIL = 2707385501144840649318225287225658788936804267575313519463743609750303402022, (int, Fraction), type(None)
PROPOSE, ENROL, DECLINE, SEAL, REPORT, OPEN, TIMER, ATTEST, EVIDENCE, SHARE, COIN, CARRY, RECEIPT = range(1, 14)
PHASES, AUCTION = {CARRY: "gathering", SEAL: "sealing", REPORT: "asking", COIN: "tossing"}, "auction.second-price/1"
KINDS = {"b": [bytes], "i": [int], "t": [str], "a": [tuple], "o": [bool], "n": [bytes, NIL], "f": F, "m": (*F, NIL)}
SHAPES = dict(enumerate(["b", "bto", "bin", "bin", "bibb", "bit", "bibtb", "b", "bib", "bib", "bia", "bbft"], ENROL))
NAMES = """format mechanism version code parameters asked seal threshold size deposit sanctions accounts tie currency
decimals enrol report open attest players_min default payment_max custodian roll rolled nonce"""
Proposal, ENTRY = namedtuple("Proposal", NAMES), "position kind sender sequence data header signature index path"
Entry, Dealing = namedtuple("Entry", ENTRY), namedtuple("Dealing", "dealer context name encrypted ciphertext")
encode = lambda value: msgpack.packb(value, use_bin_type=True, default=extend)
sized = lambda data, width: len(data).to_bytes(width, "big") + data
digest = lambda tag, *parts: hashlib.sha256(sized(tag.encode(), 2) + b"".join(sized(x, 8) for x in parts)).digest()
split, number = lambda x: [x[at : at + 32] for at in range(0, len(x), 32)], lambda x: int.from_bytes(x, "little")
wide_number = lambda code, x: int.from_bytes(x, "big", signed=True) if code == 1 else Fraction(*decode(x, "ff"))
good = lambda point: len(point) == 32 and (y := number(point) & (2**255 - 1)) < P and y not in {0, 1, P - 1, Y8, P - Y8}
wide = lambda seed, at: hashlib.sha512(b"mechdesign/scalar/1" + seed + at.to_bytes(4, "big")).digest()
lagrange = lambda nodes, x: [prod((x - j) * pow(i - j, -1, ORDER) for j in nodes if j != i) for i in nodes]
add, multiply = bindings.crypto_core_ed25519_add, bindings.crypto_scalarmult_ed25519_noclamp
scalars = lambda seed, count: [number(wide(seed, at)) % (ORDER - 1) + 1 for at in range(count)]


def demand(holds, what):
    if not holds:
        raise ValueError(what)


def extend(value):  # what msgpack has no form for: fractions, and integers past 64 bits
    if value.denominator > 1:
        return msgpack.ExtType(2, encode((value.numerator, value.denominator)))
    large = msgpack.ExtType(1, int(value).to_bytes(int(value).bit_length() // 8 + 1, "big", signed=True))
    return value.numerator if -(2**63) <= value < 2**64 else large


def decode(data, shape=""):
    value = msgpack.unpackb(data, use_list=False, ext_hook=wide_number) if isinstance(data, bytes) else data
    demand(value is data or encode(value) == data, "bytes are not in canonical form")
    for x, kind in zip(value, shape, strict=True) if shape else ():
        demand(type(x) in KINDS[kind] and (kind != "i" or 0 <= x < 2**63), "another form")
    return value


def climb(node, index, count, path):
    width, left = count, list(path)
    while width > 1:
        if index ^ 1 < width:
            node = digest("mechdesign/merkle/node/1", *((left.pop(0), node) if index % 2 else (node, left.pop(0))))
        index, width = index // 2, (width + 1) // 2
    return not left and digest("mechdesign/merkle/root/1", count.to_bytes(4, "big"), node)


def weigh(weights, points):
    pairs = [(weight % ORDER, point) for weight, point in zip(weights, points, strict=True)]
    demand(all(good(point) for _, point in pairs), "a point is not canonical, or of small order")
    return reduce(add, (multiply(weight.to_bytes(32, "little"), point) for weight, point in pairs if weight), IDENTITY)


def check_proof(tag, context, rows, challenge, responses):
    numbers = [number(each) for each in (challenge, *split(responses))]
    demand(len(challenge) == 32 and len(responses) % 32 == 0 < numbers[0] <= max(numbers) < ORDER, "a malformed proof")
    pairs = [(row[at : at + 2], r) for row, r in zip(rows, numbers[1:], strict=True) for at in (0, 2)]
    first = b"".join(weigh((r, -numbers[0]), pair) for pair, r in pairs)
    hashed = digest(tag, context, b"\2" * len(rows), b"".join(map(b"".join, rows)), first)
    demand(scalars(hashed, 1) == numbers[:1], "a proof is false")


G = bindings.crypto_scalarmult_ed25519_base_noclamp(b"\1" + bytes(31))
H2 = reduce(lambda x, _: add(x, x), range(3), digest("mechdesign/second-generator/1", bytes(4)))  # the first point


class Session:
    def __init__(self, data):
        version, _, members, faults, self.epoch, *_ = decode(data, "itatiiiiib")
        self.ids, names, curves, self.keys = zip(*(decode(member, "btbb") for member in members), strict=True)
        self.name, self.n = dict(zip(self.ids, names, strict=True)), len(members)
        demand({len(key) for key in self.ids + curves + self.keys} == {32}, "a key of the roster")
        demand(version == 1 and len(self.name) == len(set(names)) == len(set(self.keys)) == self.n, "names or keys")
        self.b = {"byzantine": (self.n - 1) // 3, "unanimous": self.n - 1, "majority": 0}[faults]
        self.q, self.checked, self.roster = (self.n + self.b) // 2 + 1, {}, digest("mechdesign/roster/1", data)

    def check(self, _, kind, sender, sequence, data, header, signature, index, path):
        version, group, epoch, _, author, _, _, root, count = decode(header, "ibiiiaabi")
        same = (version, group, epoch, self.ids[author]) == (1, self.roster, self.epoch, sender)
        demand(same and kind < 256 and sequence < 2**48, "a block is of another group or author")
        leaf = digest("mechdesign/leaf/1", encode((kind, sender, sequence)), digest("mechdesign/leaf/data/1", data))
        demand(index < count and root == climb(leaf, index, count, path), "a block has another root")
        demand(good(sender) and good(signature[:32]) and number(signature[32:]) < ORDER, "a signature is malformed")
        Ed25519PublicKey.from_public_bytes(sender).verify(signature, digest("mechdesign/block/sign/1", header))

    def found(self, first, inputs):
        p = self.p = Proposal(*decode(first.data, "itibtatiifaattiiiiiinmtbib"))
        asked, sequence = tuple(member for member in self.ids if member in p.asked), first.sequence.to_bytes(8, "big")
        fit = first.kind == PROPOSE and p.format == 2 and asked == p.asked != () and self.b < p.threshold <= self.q
        demand(fit and p.decimals <= 18 and p.seal in ("open", "commit_reveal", "threshold"), "the proposal")
        keys = b"".join(self.ids), b"".join(self.keys), p.threshold.to_bytes(2, "big")
        self.committee, self.full = digest("mechdesign/committee/1", *keys), f"{p.mechanism}/{p.version}"
        self.id = digest("mechdesign/session/1", self.roster, first.sender, sequence, first.data)
        self.proposer, self.position = first.sender, inputs[-1].position
        leaves = (digest("mechdesign/input/1", encode(entry[:5])) for entry in inputs)
        self.inputs = reduce(lambda x, leaf: digest("mechdesign/inputs/1", x, leaf), leaves, self.id)

    def collect(self, entries):
        said, self.left, self.guilty, self.answers, last = {(ATTEST,): {}}, set(), set(), {}, (0, 0)
        size, coin, dealt = self.p.size, 96 * self.n + 128, self.p.seal == "threshold"
        room = {REPORT: range(size + 1), OPEN: range(size + 5), SEAL: range(coin + size + 193) if dealt else [32]}
        room |= {COIN: range(coin + 1), SHARE: range(32 * max(self.n, self.p.rolled) + 129)}
        for entry in entries:
            (first, *values), who, kind = decode(entry.data, SHAPES[entry.kind]), entry.sender, entry.kind
            name, step = self.name[who], values[0] if kind in (*PHASES, OPEN, SHARE, TIMER) else 0
            demand(kind == EVIDENCE or first == self.id, f"an entry of {name} is of another session")
            demand(kind not in room or values[-1] is None or len(values[-1]) in room[kind], f"{name} says too much")
            rank = {OPEN: (step, 2), ATTEST: (1000, 0)}.get(kind, (step, 1) if kind in PHASES else last)
            demand(rank >= last and (kind != ATTEST or values[0] == self.position), f"an entry of {name} is late")
            if kind in (ENROL, DECLINE):
                leaves, fits = values[1:] == [False], kind == DECLINE or who in self.p.asked
                demand(fits and (last == (0, 0) or (leaves and who not in said[ATTEST,])), f"{name} answers too late")
                demand(who not in self.answers, f"{name} answers twice")
                self.answers[who], self.left = kind == ENROL, self.left | ({who} if leaves else set())
                continue
            if kind in PHASES or (kind == TIMER and values[1] in PHASES.values()):
                said.pop((SHARE, step), ())  # these came before the close
            about = {TIMER: values, RECEIPT: values[2:], CARRY: (step, entry.sequence), ATTEST: (), EVIDENCE: (first,)}
            heard, last = said.setdefault((kind, *about.get(kind, (step,))), {}), rank
            demand(who not in heard and (kind != EVIDENCE or not heard), f"{name} says a thing twice")
            heard[who] = values
        return said

    def deals(self, kind, step, dealer, data):
        size, purpose = (self.p.size + 20, "report") if kind == SEAL else (0, "coin")
        context = encode((self.roster, self.epoch, self.id, step, purpose, dealer))
        name = digest("mechdesign/dealing-name/1", context, data or b"")
        with suppress(Exception):  # an invalid dealing is its dealer's offence, and no error of the file
            commitments, encrypted, challenge, responses, ciphertext = decode(data, "bbbbb")
            demand([len(commitments), len(encrypted), len(ciphertext)] == [32 * self.n, 32 * self.n, size], "a size")
            if name not in self.checked:
                rows = [(G, *each) for each in zip(split(commitments), self.keys, split(encrypted), strict=True)]
                stated = encode((context, self.committee, ciphertext))
                check_proof("mechdesign/dealing/1", stated, rows, challenge, responses)
                points, first = split(commitments), range(1, self.p.threshold + 1)
                on = [weigh(lagrange(first, x), points[: first[-1]]) == points[x - 1] for x in range(1, self.n + 1)]
                demand(all(on), "a dealing has too high a degree")
                self.checked[name] = Dealing(dealer, context, name, split(encrypted), ciphertext)
            return [self.checked[name]]
        return self.guilty.update({dealer} if data is not None else ()) or []

    def secrets(self, heard, dealt):
        targets, found = digest("mechdesign/share-targets/1", b"".join(each.name for each in dealt)), {}
        for who, (_, data) in heard.items():
            (opens, points, challenge, response), place = decode(data, "bbbb"), self.ids.index(who)
            encrypted = [each.encrypted[place] for each in dealt]
            demand(dealt and opens == targets, "a share of something else")
            with suppress(Exception):  # as above
                said = encode((self.committee, who, opens, b"".join(encrypted), points))
                weights = [1, *scalars(digest("mechdesign/share-coefficients/1", said), len(dealt) - 1)]
                row = H2, self.keys[place], weigh(weights, split(points)), weigh(weights, encrypted)
                check_proof("mechdesign/share/1", said, [row], challenge, response)
                found[place + 1] = split(points)
            self.guilty |= {who} if place + 1 not in found else set()
        held = sorted(found)[: self.p.threshold] if len(found) >= self.p.threshold else None
        return held and [(x, weigh(lagrange(held, 0), [found[i][at] for i in held])) for at, x in enumerate(dealt)]

    def opened(self, step, who, sealed, secret, salt=b"", padded=b""):
        where = self.roster, self.epoch.to_bytes(4, "big"), self.id, step.to_bytes(4, "big"), who, salt, padded
        with suppress(Exception):
            demand(secret or digest("mechdesign/commitment/1", *where) == sealed, "a false opening")
            if secret:
                key = digest("mechdesign/seal-key/1", (bound := self.committee + sealed.context), secret)
                padded = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed.ciphertext, bound, bytes(24), key)
            end = 4 + int.from_bytes(padded[:4], "big")
            whole = len(padded) == 4 + self.p.size and end <= len(padded) and not any(padded[end:])
            demand(whole or secret is None, "garbage in a valid dealing")
            return padded[4:end] if whole else None
        return self.guilty.add(who) or self.p.default

    def ballot(self, data):
        with suppress(Exception):  # what is no ballot is passed over
            return decode(data)[2:8]

    def end(self, entries):
        said, p, name, given, self.coin, step = self.collect(entries), self.p, self.name, {}, b"", 0
        followers, ran = set(self.ids) - self.left, lambda phase: len(said.get((TIMER, step, phase), {})) >= self.q
        paid = lambda m: sum(x[1] for key in said if key[0] == RECEIPT for x in said[key].values() if x[0] == m)
        self.players = [m for m in p.asked if self.answers.get(m) and (not p.custodian or paid(m) >= p.deposit)]
        drained = "aborted: the members change" if ran("draining") and not said[ATTEST,] else None
        gone = set() if {key[0] for key in said if said[key]} & {*PHASES, ATTEST} else {name[m] for m in self.left}
        few, lost, out = len(self.answers) < (need := self.q + len(gone)), self.n < need, {*p.asked} - {*self.players}
        if not ran("enrolling") and (any(self.answers.get(m, 2) > lost for m in out) or self.q <= len(followers) * few):
            return None if {key[0] for key in said} & {*PHASES} else drained
        forced = {x for _, x in p.accounts} & {*name.values()} - {name[m] for m in (*self.players, self.proposer)}
        if len(self.players) < (self.q if p.rolled else p.players_min) or few or forced or p.custodian in gone:
            return "aborted: too few take part, or no outcome can be certified"
        alone, proved = self.full == AUCTION and not p.rolled, entries[-1].kind == EVIDENCE
        seals = not alone and not any(said[k] and (k[0] in (OPEN, SHARE, ATTEST) or "opening" in k) for k in said)
        for step in range(1001):
            kind = next((k for k in PHASES if (k, step) in said or ran(PHASES[k])), 0)
            if alone:
                kind = (REPORT if p.seal == "open" else SEAL) if step == 0 else COIN if self.sale(given) is None else 0
            heard, sealed = said.get((kind, step), {}), p.seal == "threshold" or kind == COIN
            dealt = [x for m in self.ids if sealed and m in heard for x in self.deals(kind, step, m, heard[m][1])]
            waits = (followers if kind == COIN else set(self.players) if alone else set()) - set(heard)
            few, guilty = kind == COIN and len(dealt) <= self.b, self.guilty & {*self.players}
            shut = kind not in (0, CARRY) and not (waits and (few or not ran(PHASES[kind])))
            if "abort" in p.sanctions and step == 0 and kind != REPORT and (guilty or (proved and (not shut or seals))):
                return f"aborted: while nothing showed, {'a player cheated' if guilty else 'by an unjudged proof'}"
            if not shut:
                break
            told, shared = said.get((OPEN, step), {}), said.get((SHARE, step), {})
            if kind == REPORT:
                given = {m: x[1] for m, x in heard.items()}
            elif not sealed:
                given = {m: self.opened(step, m, heard[m][1], None, *x[1:]) for m, x in told.items()}
                if any(x[1] and m not in told for m, x in heard.items()) and not ran("opening"):
                    break
            elif dealt or few:
                if few or (pairs := self.secrets(shared, dealt)) is None:
                    return "aborted: it stays shut" if few or ran("opening") or followers <= set(shared) else drained
                if kind == SEAL:
                    given = {m: p.default for m, x in heard.items() if x[1] is not None}
                    given |= {x.dealer: self.opened(step, x.dealer, x, secret) for x, secret in pairs}
                parts = [part for x, secret in pairs for part in (x.context, x.name, secret)]
                self.coin = digest("mechdesign/coin/1", self.committee, *parts) if kind == COIN else b""
        cast = {self.ballot(x) for k in said if k[0] == CARRY for _, y in said[k].values() for x in y} - {None}
        last = {x[0]: x for x in sorted(cast, key=lambda x: x[4]) if sum(x[::4] == y[::4] for y in cast) == 1}.values()
        shut = p.seal == "open" or ran("opening") or len(said.get((SHARE, 0), {})) >= p.threshold
        shut = (shut or not any(x[5] and self.deals(SEAL, 0, *x[1::4]) for x in last)) and not said[ATTEST,]
        if p.rolled and shut and (ran("gathering") or len({x[0] for x in cast}) == p.rolled):
            return "aborted: too few gave a report"
        waits, told = followers - set(said[ATTEST,]), list(said[ATTEST,].values())
        best, step = max(told, key=told.count, default=[]), max(step - 1, 0)
        if told.count(best) >= self.q and (not waits or ran("attesting")):
            verdict, outcome, sentence = self.sale(given) if alone else (*best[2:], "the outcome is the quorum's word")
            demand(best == [self.position, self.inputs, verdict, outcome], "the quorum signed another outcome")
            end = ", where the deposits went nobody signs" * bool(p.deposit and {"forfeit", "abort"} & {*p.sanctions})
            return f"{verdict}: {sentence}; {told.count(best)} of {self.n} signatures, digest {outcome.hex()[:16]}{end}"
        return "aborted: no outcome can be certified any more" if told.count(best) + len(waits) < self.q else drained

    def sale(self, given):
        p, names, where = self.p, {m: self.name[m] for m in self.players}, (self.id, self.position, self.inputs)
        reserve, pattern = Fraction(json.loads(p.parameters)["reserve"]), r'"([0-9]{1,60}(?:/[1-9][0-9]{0,59})?)"'
        told = {names[m]: re.fullmatch(pattern, (given.get(m) or b"").decode(errors="replace")) for m in names}
        bids = {x: bid for x, y in told.items() if y and str(bid := Fraction(y[1])) == y[1] and bid >= reserve}
        top = [name for name in bids if bids[name] == max(bids.values())]
        if (tied := len(top) > 1 and p.tie == "by_coin") and not self.coin:
            return None
        for place in range(len(top) - 1, 0, -1) if tied else ():
            about = f"the highest bid/{len(top)}/{place}".encode()
            drawn = number(digest("mechdesign/draw/1", self.coin, about, bytes(8))[::-1])
            top[place], top[drawn % (place + 1)] = top[drawn % (place + 1)], top[place]
        unit, order = Fraction(1, 10**p.decimals), top if p.tie in ("lexicographic", "by_coin") else json.loads(p.tie)
        winner = min(top, key=lambda name: order.index(name) if name in order else len(order), default=None)
        price = max([reserve, *(bids[x] for x in bids if x != winner)]) if top else Fraction(0)
        parts = (price // unit * unit, "price"), (unit * (price % unit > unit / 2), "rounding")
        flows = tuple((winner, "SELLER", paid, reason) for paid, reason in parts if paid)
        held = [(name, -p.deposit) for name in names.values()] + [("DEPOSIT", len(names) * p.deposit)] * bool(p.deposit)
        text = json.dumps({"price": str(price), "winner": winner}, ensure_ascii=False, separators=(",", ":"))
        if None is not p.payment_max < sum(x[2] for x in flows) * (dict(p.accounts).get("SELLER") != winner):
            return "failed", digest("mechdesign/failure/1", encode((*where, "payment"))), "a payment is too high"
        outcome = digest("mechdesign/outcome/1", encode((*where, held, AUCTION, text, flows)))
        return "settled", outcome, f"{winner} wins, pays {price}" if winner else "not sold"


def verify(data, known=""):
    magic, version, encoded, frozen, later = decode(data, "tibaa")
    session, inputs = Session(encoded), [Entry(*decode(x, "iibibbbia")) for x in frozen]
    named, entries = session.roster.hex(), [*inputs, *(Entry(0, *decode(x, "ibibbbia")) for x in later)]
    demand((magic, version) == ("mechdesign transcript", 2) and known in ("", named[:16], named), f"roster {named}")
    for entry in entries:
        session.check(*entry)
    before, behind = {x.kind for x in inputs}, {x.kind for x in entries[len(inputs) :]}
    demand(ATTEST not in before and behind <= {ATTEST, DECLINE, TIMER, EVIDENCE}, "an entry is before or behind")
    demand([x.position for x in inputs] == sorted({x.position for x in inputs}), "the entries are not in order")
    early, end = session.found(inputs[0], inputs) or session.end(entries[1:-1]), session.end(entries[1:])
    demand(end and not early, "it does not end where the session does")
    demand(not later or end[:9] != "aborted: " or "any more" in end, "an entry is on the wrong side of the freeze")
    return f"{'authentic' if known else 'consistent'}: {session.full} {end}, roster fingerprint {named[:16]}"


if __name__ == "__main__":
    try:
        print(verify(Path(sys.argv[1]).read_bytes(), *sys.argv[2:]))
    except Exception as error:
        sys.exit(print(f"does not hold: {error or 'a signature is false'}") or 1)
