"""A second verifier of transcripts, which shares no code with the project: TRANSCRIPT [--roster ROSTER.toml].

Written from docs/transcript.md. Whom other mechanisms than the second-price auction ask, ballots, and what comes out it
takes from what a quorum signed; evidence, and that blocks are valid, from the log. Needs PyNaCl 1.6.2 or newer.
"""

# fmt: off
# ruff: noqa: D101, D102, D103, E731 - functions have the names of the specification
import hashlib
import json
import re
import sys
import tomllib
from collections import namedtuple
from contextlib import suppress
from fractions import Fraction
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
split = lambda data: [data[at : at + 32] for at in range(0, len(data), 32)]
number = lambda data: int.from_bytes(data, "little")
signed = lambda data: int.from_bytes(data, "big", signed=True)
wide_number = lambda code, data: signed(data) if code == 1 else Fraction(*decode(data, "ii"))
small = lambda point: (number(point) & (2**255 - 1)) in {0, 1, P - 1, Y8, P - Y8}  # of small order
good = lambda point: len(point) == 32 and number(point) & (2**255 - 1) < P and not small(point)
wide = lambda seed, at: hashlib.sha512(b"mechdesign/scalar/1" + seed + at.to_bytes(4, "big")).digest()
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
    pairs = zip(value, shape, strict=True) if shape else ()
    demand(all(type(x) in KINDS[kind] and (kind != "i" or 0 <= x < 2**63) for x, kind in pairs), "another form")
    return value
def climb(node, index, count, path):
    width, left = count, list(path)
    while width > 1:
        if index ^ 1 < width:
            node = digest("mechdesign/merkle/node/1", *((left.pop(0), node) if index % 2 else (node, left.pop(0))))
        index, width = index // 2, (width + 1) // 2
    demand(not left and index == 0 < count, "the path leads elsewhere")
    return digest("mechdesign/merkle/root/1", count.to_bytes(4, "big"), node)
def weigh(weights, points):
    result = IDENTITY
    for weight, point in zip((weight % ORDER for weight in weights), points, strict=True):
        demand(good(point), "a point is not canonical, or of small order")
        if weight:
            product = bindings.crypto_scalarmult_ed25519_noclamp(weight.to_bytes(32, "little"), point)
            result = bindings.crypto_core_ed25519_add(result, product)
    return result
def check_proof(tag, context, rows, challenge, responses):
    numbers = [number(each) for each in (challenge, *split(responses))]
    sizes = [len(challenge), len(responses)] == [32, 32 * len(rows)]
    demand(sizes and numbers[0] and max(numbers) < ORDER, "a proof is malformed")
    answers = zip(rows, numbers[1:], strict=True)
    first = b"".join(weigh((r, -numbers[0]), row[at : at + 2]) for row, r in answers for at in (0, 2))
    hashed = digest(tag, context, b"\2" * len(rows), b"".join(map(b"".join, rows)), first)
    demand(scalars(hashed, 1) == numbers[:1], "a proof is false")
G = bindings.crypto_scalarmult_ed25519_base_noclamp(b"\1" + bytes(31))
H2 = digest("mechdesign/second-generator/1", bytes(4))  # the first that decodes to a point
for _ in range(3):
    H2 = bindings.crypto_core_ed25519_add(H2, H2)
class Roster:
    def __init__(self, data):
        value = decode(data, "itatiiiiib")
        columns = zip(*(decode(member, "btbb") for member in value[2]), strict=True)
        (self.ids, names, curves, self.keys), self.epoch, self.n = columns, value[4], len(value[2])
        self.name, self.digest = dict(zip(self.ids, names, strict=True)), digest("mechdesign/roster/1", data)
        demand(value[0] == 1 and len(self.name) == len(set(names)) == len(set(self.keys)) == self.n, "names or keys")
        demand({len(key) for key in self.ids + curves + self.keys} == {32}, "a key of the roster")
        self.b = {"byzantine": (self.n - 1) // 3, "unanimous": self.n - 1, "majority": 0}[value[3]]
        self.q = (self.n + self.b) // 2 + 1
    def check(self, _, kind, sender, sequence, data, header, signature, index, path):
        version, group, epoch, _, author, _, _, root, count = decode(header, "ibiiiaabi")
        demand((version, group, epoch) == (1, self.digest, self.epoch), "the block is of another group")
        demand(self.ids[author] == sender and kind < 256 and sequence < 2**48, "the sender is not the block's author")
        leaf = digest("mechdesign/leaf/1", encode((kind, sender, sequence)), digest("mechdesign/leaf/data/1", data))
        demand(index < count and root == climb(leaf, index, count, path), "the block has another root")
        demand(good(sender) and good(signature[:32]) and number(signature[32:]) < ORDER, "the signature is malformed")
        Ed25519PublicKey.from_public_bytes(sender).verify(signature, digest("mechdesign/block/sign/1", header))
class Session:
    def __init__(self, r, inputs):
        first, self.r, self.position, self.checked = inputs[0], r, inputs[-1].position, {}
        p = self.p = Proposal(*decode(first.data, "itibtatiifaattiiiiiinmtbib"))
        asked, sequence = tuple(member for member in r.ids if member in p.asked), first.sequence.to_bytes(8, "big")
        fit = first.kind == PROPOSE and p.format == 2 and asked == p.asked != () and r.b < p.threshold <= r.q
        demand(fit and p.decimals <= 18 and p.seal in ("open", "commit_reveal", "threshold"), "the proposal")
        keys = b"".join(r.ids), b"".join(r.keys), p.threshold.to_bytes(2, "big")
        self.committee, self.full = digest("mechdesign/committee/1", *keys), f"{p.mechanism}/{p.version}"
        self.id = self.inputs = digest("mechdesign/session/1", r.digest, first.sender, sequence, first.data)
        self.proposer = first.sender
        for entry in inputs:
            self.inputs = digest("mechdesign/inputs/1", self.inputs, encode(entry[:5]))
    def collect(self, entries):
        said, self.left, self.guilty, self.answers, last = {(ATTEST,): {}}, set(), set(), {}, (0, 0)
        for entry in entries:
            (first, *values), who, kind = decode(entry.data, SHAPES[entry.kind]), entry.sender, entry.kind
            name, step = self.r.name[who], values[0] if kind in (*PHASES, OPEN, SHARE, TIMER) else 0
            demand(kind == EVIDENCE or first == self.id, f"an entry of {name} is of another session")
            rank = {OPEN: (step, 2), ATTEST: (1000, 0)}.get(kind, (step, 1) if kind in PHASES else last)
            demand(rank >= last and (kind != ATTEST or values[0] == self.position), f"an entry of {name} is late")
            if kind in (ENROL, DECLINE):
                new, leaves = who in self.p.asked and who not in self.answers and last == (0, 0), values[1:] == [False]
                gone = who in self.left or who in said[ATTEST,] or self.answers.get(who)
                demand(new or (leaves and not gone), f"{name} answers twice")
                self.answers, self.left = {who: kind == ENROL, **self.answers}, self.left | ({who} if leaves else set())
                continue
            if kind in PHASES or (kind == TIMER and values[1] in PHASES.values()):
                self.guilty |= set(said.pop((SHARE, step), ()))  # they shared before the close
            about = {TIMER: values, RECEIPT: values[2:], CARRY: (step, entry.sequence), ATTEST: (), EVIDENCE: (first,)}
            heard, last = said.setdefault((kind, *about.get(kind, (step,))), {}), rank
            demand(who not in heard and (kind != EVIDENCE or not heard), f"{name} says a thing twice")
            heard[who] = values
        return said
    def deals(self, kind, step, dealer, data):
        r, n, size = self.r, self.r.n, self.p.size + 20 if kind == SEAL else 0
        context = encode((r.digest, r.epoch, self.id, step, "report" if kind == SEAL else "coin", dealer))
        name = digest("mechdesign/dealing-name/1", context, data or b"")
        with suppress(Exception):  # an invalid dealing is its dealer's offence, and no error of the file
            commitments, encrypted, challenge, responses, ciphertext = decode(data, "bbbbb")
            demand([len(commitments), len(encrypted), len(ciphertext)] == [32 * n, 32 * n, size], "a size")
            if name not in self.checked:
                rows = [(G, *each) for each in zip(split(commitments), r.keys, split(encrypted), strict=True)]
                stated = encode((context, self.committee, ciphertext))
                check_proof("mechdesign/dealing/1", stated, rows, challenge, responses)
                mask = scalars(digest("mechdesign/dual-word/1", self.committee, name), n - self.p.threshold)
                below = [pow(prod(i - j for j in range(1, n + 1) if j != i), -1, ORDER) for i in range(1, n + 1)]
                word = [sum(m * i**power for power, m in enumerate(mask)) * under for i, under in enumerate(below, 1)]
                demand(weigh(word, split(commitments)) == IDENTITY, "a dealing has too high a degree")
                self.checked[name] = Dealing(dealer, context, name, split(encrypted), ciphertext)
            return [self.checked[name]]
        return self.guilty.update({dealer} if data is not None else ()) or []
    def secrets(self, heard, dealt):
        targets, found = digest("mechdesign/share-targets/1", b"".join(each.name for each in dealt)), {}
        for who, (_, data) in heard.items():
            (opens, points, challenge, response), place = decode(data, "bbbb"), self.r.ids.index(who)
            encrypted = [each.encrypted[place] for each in dealt]
            demand(dealt and opens == targets, "a share of something else")
            with suppress(Exception):  # as above
                said = encode((self.committee, who, opens, b"".join(encrypted), points))
                weights = [1, *scalars(digest("mechdesign/share-coefficients/1", said), len(dealt) - 1)]
                row = H2, self.r.keys[place], weigh(weights, split(points)), weigh(weights, encrypted)
                check_proof("mechdesign/share/1", said, [row], challenge, response)
                found[place + 1] = split(points)
            self.guilty |= {who} if place + 1 not in found else set()
        places = sorted(found)[: self.p.threshold]
        weights = [prod(j * pow(j - i, -1, ORDER) for j in places if j != i) for i in places]
        held = [weigh(weights, [found[i][at] for i in places]) for at in range(len(dealt))]
        return held if len(found) >= self.p.threshold else None
    def opened(self, step, who, sealed, secret, salt=b"", padded=b""):
        where = self.r.digest, self.r.epoch.to_bytes(4, "big"), self.id, step.to_bytes(4, "big"), who, salt, padded
        with suppress(Exception):
            demand(secret or digest("mechdesign/commitment/1", *where) == sealed, "a false opening")
            if secret:
                bound = self.committee + sealed.context
                key = digest("mechdesign/seal-key/1", bound, secret)
                padded = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed.ciphertext, bound, bytes(24), key)
            end = 4 + int.from_bytes(padded[:4], "big")
            whole = len(padded) == 4 + self.p.size and end <= len(padded) and not any(padded[end:])
            demand(whole or secret is None, "garbage in a valid dealing")
            return padded[4:end] if whole else None
        return self.guilty.add(who) or self.p.default
    def end(self, entries):
        """How the session ends with these entries, or None where it goes on."""
        said, p, r, given, self.coin, step = self.collect(entries), self.p, self.r, {}, b"", 0
        followers, ran = set(r.ids) - self.left, lambda phase: len(said.get((TIMER, step, phase), {})) >= r.q
        paid = [x for key in said if key[0] == RECEIPT for x in said[key].values()]
        held = {m for m in r.ids if not p.custodian or sum(x[1] for x in paid if x[0] == m) >= p.deposit}
        self.players = [m for m in p.asked if self.answers.get(m) and m in held]
        if any(self.answers.get(m, True) and m not in self.players for m in p.asked) and not ran("enrolling"):
            return None
        forced = {x for _, x in p.accounts} & {*r.name.values()} - {r.name[m] for m in (*self.players, self.proposer)}
        forced |= {p.custodian} & {r.name[m] for m in self.left}
        if (not p.rolled and len(self.players) < p.players_min) or len(followers) < r.q or forced:
            return "aborted: too few take part or can certify"
        alone, proved = self.full == AUCTION and not p.rolled, any(key[0] == EVIDENCE for key in said)
        stopped = lambda: "abort" in p.sanctions and not said[ATTEST,] and (proved or self.guilty & set(self.players))
        for step in range(1001):
            kind = next((k for k in PHASES if (k, step) in said or ran(PHASES[k])), 0)
            if alone:
                kind = (REPORT if p.seal == "open" else SEAL) if step == 0 else COIN if self.sale(given) is None else 0
            heard, sealed = said.get((kind, step), {}), p.seal == "threshold" or kind == COIN
            dealt = [x for m in r.ids if sealed and m in heard for x in self.deals(kind, step, m, heard[m][1])]
            waits = (followers if kind == COIN else set(self.players) if alone else set()) - set(heard)
            few = kind == COIN and len(dealt) <= r.b
            if kind in (0, CARRY) or stopped() or (waits and (few or not ran(PHASES[kind]))):
                break
            if few:
                return "aborted: too little is dealt for a coin"
            told, shared = said.get((OPEN, step), {}), said.get((SHARE, step), {})
            if kind == REPORT:
                given = {m: x[1] if len(x[1] or b"") <= p.size else None for m, x in heard.items()}
            elif not sealed:
                given = {m: self.opened(step, m, heard[m][1], None, *x[1:]) for m, x in told.items()}
                if any(x[1] and m not in told for m, x in heard.items()) and not ran("opening"):
                    break
            elif dealt:
                if (secrets := self.secrets(shared, dealt)) is None:
                    lacking = ran("opening") or followers <= set(shared)
                    return "aborted: fewer than t valid shares" if lacking else stopped() and "aborted: a conviction"
                pairs = list(zip(dealt, secrets, strict=True))
                if kind == SEAL:
                    given = {m: p.default for m, x in heard.items() if x[1] is not None}
                    given |= {x.dealer: self.opened(step, x.dealer, x, secret) for x, secret in pairs}
                parts = [part for x, secret in pairs for part in (x.context, x.name, secret)]
                self.coin = digest("mechdesign/coin/1", self.committee, *parts) if kind == COIN else b""
        cast = [x for key in said if key[0] == CARRY for _, data in said[key].values() for x in data]
        lines = lambda: {decode(ballot)[2] for ballot in cast}
        shut = p.seal == "open" or ran("opening") or len(said.get((SHARE, 0), {})) >= p.threshold
        if stopped() or (p.rolled and not said[ATTEST,] and shut and (ran("gathering") or len(lines()) == p.rolled)):
            return "aborted: a player was convicted, or too few gave a report"
        attested, step = said[ATTEST,], max(step - 1, 0)
        waits, told = followers - set(attested), list(attested.values())
        best = max(told, key=told.count, default=[])
        if told.count(best) >= r.q and (not waits or ran("attesting")):
            verdict, outcome, sentence = self.sale(given) if alone else (*best[2:], "the outcome is the quorum's word")
            demand(best == [self.position, self.inputs, verdict, outcome], "the quorum signed another outcome")
            return f"{verdict}: {sentence}; {told.count(best)} of {r.n} signatures, digest {outcome.hex()[:16]}"
        return "aborted: no outcome can be certified any more" if told.count(best) + len(waits) < r.q else None
    def sale(self, given):
        """Verdict, digest and words of a second-price auction; None where a coin has to fall first."""
        p, names, bids = self.p, {m: self.r.name[m] for m in self.players}, {}
        reserve, pattern = Fraction(json.loads(p.parameters)["reserve"]), r'"([0-9]{1,60}(?:/[1-9][0-9]{0,59})?)"'
        for member, name in names.items():
            found = re.fullmatch(pattern, (given.get(member) or b"").decode(errors="replace"))
            bids |= {name: bid} if found and str(bid := Fraction(found[1])) == found[1] and bid >= reserve else {}
        top = [name for name in bids if bids[name] == max(bids.values())]
        if (tied := len(top) > 1 and p.tie == "by_coin") and not self.coin:
            return None
        for place in range(len(top) - 1, 0, -1) if tied else ():
            about = f"the highest bid/{len(top)}/{place}".encode()
            drawn = int.from_bytes(digest("mechdesign/draw/1", self.coin, about, bytes(8)), "big")
            top[place], top[drawn % (place + 1)] = top[drawn % (place + 1)], top[place]
        unit, order = Fraction(1, 10**p.decimals), top if p.tie in ("lexicographic", "by_coin") else json.loads(p.tie)
        winner = min(top, key=lambda name: order.index(name) if name in order else len(order), default=None)
        price = max([reserve, *(bids[x] for x in bids if x != winner)]) if top else Fraction(0)
        parts = (price // unit * unit, "price"), (unit * (price % unit > unit / 2), "rounding")
        flows = tuple((winner, "SELLER", paid, reason) for paid, reason in parts if paid)
        held = [(name, -p.deposit) for name in names.values()] + [("DEPOSIT", len(names) * p.deposit)] * bool(p.deposit)
        moved = [x for payer, payee, paid, _ in flows for x in ((payer, -paid), (payee, paid))]
        demand(sum(x for _, x in held + moved) == 0 and all(x[2] > 0 for x in flows), "the flows do not sum to zero")
        text = json.dumps({"price": str(price), "winner": winner}, ensure_ascii=False, separators=(",", ":"))
        place = self.id, self.position, self.inputs
        if p.payment_max is not None and sum(x[2] for x in flows) > p.payment_max:
            return "failed", digest("mechdesign/failure/1", encode((*place, "payment"))), "a payment is too high"
        outcome = digest("mechdesign/outcome/1", encode((*place, held, AUCTION, text, flows)))
        return "settled", outcome, f"{winner} wins, pays {price}" if winner else "not sold"
def read_roster(path):
    file = tomllib.loads(Path(path).read_text())
    line = lambda m: (bytes.fromhex(m["key"]), m["name"], bytes.fromhex(m["curve"]), bytes.fromhex(m["sealing"]))
    model, nonce = "byzantine" if len(file["member"]) > 3 else "unanimous", bytes.fromhex(file.get("nonce", "00" * 16))
    limits = {"slots": 0, "depth": 64, "submission_bytes_max": 65536, "payload_bytes_max": 262144}
    head = 1, file["group"], [line(m) for m in file["member"]], file.get("faults", model), 0
    return encode((*head, *(file.get(name, limits[name]) for name in limits), nonce))
def verify(data, known=None):
    magic, version, encoded, frozen, later = decode(data, "tibaa")
    demand((magic, version) == ("mechdesign transcript", 1) and known in (None, encoded), "another format or roster")
    r, inputs = Roster(encoded), [Entry(*decode(x, "iibibbbia")) for x in frozen]
    entries = [*inputs, *(Entry(0, *decode(x, "ibibbbia")) for x in later)]
    for entry in entries:
        try:
            r.check(*entry)
        except Exception as error:
            raise ValueError(f"an entry of {r.name.get(entry.sender)}: {error or 'it is not signed'}") from error
    kinds, ordered = {x.kind for x in entries[len(inputs):]}, sorted({x.position for x in inputs})
    sides = kinds <= {ATTEST, DECLINE, TIMER, EVIDENCE} and all(x.kind != ATTEST for x in inputs)
    demand(sides and [x.position for x in inputs] == ordered, "the entries are not in the order of the log")
    end = (session := Session(r, inputs)).end(entries[1:])
    demand(end and not session.end(entries[1:-1]), "it does not end where the session does")
    demand(not later or end[:9] != "aborted: " or "certified" in end, "an entry is on the wrong side of the freeze")
    return f"{'authentic' if known else 'consistent'}: {session.full} {end}, roster fingerprint {r.digest.hex()[:16]}"
if __name__ == "__main__":
    try:
        print(verify(Path(sys.argv[1]).read_bytes(), read_roster(sys.argv[3]) if sys.argv[2:] else None))
    except Exception as error:
        sys.exit(print(f"does not hold: {error}") or 1)
