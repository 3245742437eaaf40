"""A second verifier of transcripts, for second-price auctions; it shares no code with the project.

Written from docs/transcript.md, it checks canonical form, signatures, inclusion, order, commitments, dealings, shares,
coins, flow sums and certificate, and computes inputs, auction and digest again. That a phase was over before the freeze
and the code digest it takes from the quorum; EVIDENCE it does not judge, and says so. Needs PyNaCl 1.6.2 or newer.
"""

# ruff: noqa: D101, D102, D103 - what functions do is said by the specification, whose names they have
import hashlib
import json
import re
import sys
from collections import namedtuple
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise
from math import prod
from pathlib import Path

import msgpack
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from nacl import bindings, exceptions

WRONG = (ValueError, TypeError, ArithmeticError, RecursionError, exceptions.CryptoError, msgpack.UnpackException)
P, ORDER, IDENTITY = 2**255 - 19, 2**252 + 27742317777372353535851937790883648493, b"\1" + bytes(31)
Y8 = 2707385501144840649318225287225658788936804267575313519463743609750303402022
ACCOUNTS = {"SELLER", "BUYER", "PROVIDER", "SINK", "FUNDER", "DEPOSIT"}
PROPOSE, ENROL, DECLINE, SEAL, REPORT, OPEN, TIMER, ATTEST, EVIDENCE, SHARE, COIN = range(1, 12)
KINDS = {"b": bytes, "i": int, "t": str, "a": tuple, "o": bool, "n": (bytes, type(None)), "f": (int, Fraction)}
SHAPES = dict(enumerate(("b", "bto", "bin", "bin", "bibb", "bit", "bibtb", "b", "bib", "bib"), ENROL))
ORDER_OF = {ENROL: 0, SEAL: 1, REPORT: 1, OPEN: 2, COIN: 3, ATTEST: 4}
NAMES = "mechanism version code parameters asked seal threshold size deposit sanctions accounts tie currency decimals"
Proposal = namedtuple("Proposal", f"format {NAMES} enrol_ms report_ms open_ms attest_ms players_min nonce")
Entry = namedtuple("Entry", "position kind sender sequence data header signature index path")


def demand(holds, what):
    if not holds:
        raise ValueError(what)


def plain(value, depth=16):
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return msgpack.ExtType(1, value.to_bytes(value.bit_length() // 8 + 1, "big", signed=True))
    if isinstance(value, Fraction):
        parts = value.as_integer_ratio()
        return msgpack.ExtType(2, encode(parts)) if parts[1] > 1 else plain(parts[0])
    known = isinstance(value, bool | int | bytes | str | None) or (isinstance(value, tuple) and depth)
    demand(known, "a value is not of the encoding")
    return [plain(item, depth - 1) for item in value] if isinstance(value, tuple) else value


def encode(value):
    return msgpack.packb(plain(value), use_bin_type=True)


def extension(code, data):
    demand(code in (1, 2) and len(data) <= 1024, "an unknown extension type")
    return int.from_bytes(data, "big", signed=True) if code == 1 else Fraction(*decode(data))


def decode(data, shape=""):
    value = msgpack.unpackb(data, use_list=False, ext_hook=extension)
    demand(encode(value) == data, "bytes are not in canonical form")
    return fields(value, shape) if shape else value


def fields(value, shape):
    demand(type(value) is tuple and len(value) == len(shape), "an array has another length")
    for item, kind in zip(value, map(KINDS.get, shape), strict=True):
        demand(type(item) in (kind if type(kind) is tuple else (kind,)), "an array holds another type")
        demand(type(item) not in (int, Fraction) or 0 <= item < 2**63, "a number is out of range")
    return value


def digest(tag, *parts):
    text = len(tag).to_bytes(2, "big") + tag.encode()
    return hashlib.sha256(text + b"".join(len(part).to_bytes(8, "big") + part for part in parts)).digest()


def split(data):
    return [data[at : at + 32] for at in range(0, len(data), 32)]


def good(point):
    y = int.from_bytes(point, "little") & (2**255 - 1)
    return len(point) == 32 and y < P and y not in {0, 1, P - 1, Y8, P - Y8}  # the latter are of small order


def weigh(weights, points):
    result = IDENTITY
    for weight, point in zip(weights, points, strict=True):
        demand(good(point), "a point is not canonical, or of small order")
        if number := weight % ORDER:
            product = bindings.crypto_scalarmult_ed25519_noclamp(number.to_bytes(32, "little"), point)
            result = bindings.crypto_core_ed25519_add(result, product)
    return result


def scalars(seed, count):
    wide = (hashlib.sha512(b"mechdesign/scalar/1" + seed + at.to_bytes(4, "big")).digest() for at in range(count))
    return [int.from_bytes(each, "little") % (ORDER - 1) + 1 for each in wide]


G = bindings.crypto_scalarmult_ed25519_base_noclamp(b"\1" + bytes(31))
H2 = digest("mechdesign/second-generator/1", bytes(4))  # the first that decodes to a point
for _ in range(3):
    H2 = bindings.crypto_core_ed25519_add(H2, H2)


def check_proof(tag, context, rows, challenge, responses):
    numbers = [int.from_bytes(each, "little") for each in (challenge, *split(responses))]
    sized = len(challenge) == 32 and len(responses) == 32 * len(rows)
    demand(sized and numbers[0] and max(numbers) < ORDER, "a proof is malformed")
    answers = zip(rows, numbers[1:], strict=True)
    first = b"".join(weigh((r, -numbers[0]), row[at : at + 2]) for row, r in answers for at in (0, 2))
    hashed = digest(tag, context, b"\2" * len(rows), b"".join(map(b"".join, rows)), first)
    demand(scalars(hashed, 1) == numbers[:1], "a proof is false")


def check_dealing(keys, committee, threshold, context, size, data):
    commitments, encrypted, challenge, responses, ciphertext = decode(data, "bbbbb")
    n, name = len(keys), digest("mechdesign/dealing-name/1", context, data)
    demand([len(commitments), len(encrypted), len(ciphertext)] == [32 * n, 32 * n, size], "the size of a dealing")
    rows = [(G, *each) for each in zip(split(commitments), keys, split(encrypted), strict=True)]
    check_proof("mechdesign/dealing/1", encode((context, committee, ciphertext)), rows, challenge, responses)
    mask = scalars(digest("mechdesign/dual-word/1", committee, name), n - threshold)
    below = [pow(prod(i - j for j in range(1, n + 1) if j != i), -1, ORDER) for i in range(1, n + 1)]
    word = [sum(m * i**power for power, m in enumerate(mask)) * under for i, under in enumerate(below, 1)]
    demand(weigh(word, split(commitments)) == IDENTITY, "a dealing has too high a degree")
    return name, split(encrypted), ciphertext


def unpad(padded, size):
    end = 4 + int.from_bytes(padded[:4], "big")
    return padded[4:end] if len(padded) == 4 + size and end <= 4 + size and not any(padded[end:]) else None


def amount(data):
    found = re.fullmatch(r'"([0-9]{1,60}(?:/[1-9][0-9]{0,59})?)"', data.decode(errors="replace"))
    return Fraction(found[1]) if found and str(Fraction(found[1])) == found[1] else Fraction(-1)


def shuffled(coin, names, about):
    for place in range(len(names) - 1, 0, -1):
        said = f"{about}/{len(names)}/{place}".encode()
        drawn = int.from_bytes(digest("mechdesign/draw/1", coin, said, bytes(8)), "big")
        demand(drawn < 2**256 - 2**256 % (place + 1), "a draw that needs a second attempt, once in 2**250")
        names[place], names[drawn % (place + 1)] = names[drawn % (place + 1)], names[place]
    return names


class Roster:
    def __init__(self, data):
        value = decode(data, "itatiiiiib")
        members = [fields(member, "btbb") for member in value[2]]
        self.ids, names, curves, self.keys = (list(column) for column in zip(*members, strict=True))
        self.n, self.epoch, self.digest = len(members), value[4], digest("mechdesign/roster/1", data)
        self.name = dict(zip(self.ids, names, strict=True))
        demand(value[0] == 1 and len(self.name) == len(set(names)) == len(set(self.keys)) == self.n, "names or keys")
        demand({len(key) for key in self.ids + curves + self.keys} == {32}, "a key of the roster")
        self.b = {"byzantine": (self.n - 1) // 3, "unanimous": self.n - 1, "majority": 0}[value[3]]
        self.q = (self.n + self.b) // 2 + 1

    def check(self, entry):
        version, group, epoch, _, author, _, _, root, count = decode(entry.header, "ibiiiaabi")
        demand((version, group, epoch) == (1, self.digest, self.epoch), "the block is of another group")
        demand(author < self.n and self.ids[author] == entry.sender, "the sender is not the block's author")
        inner = encode((entry.kind, entry.sender, entry.sequence)), digest("mechdesign/leaf/data/1", entry.data)
        node, index, width, path = digest("mechdesign/leaf/1", *inner), entry.index, count, list(entry.path)
        demand(index < width, "the path leads from no leaf")
        while width > 1:
            if index ^ 1 < width:
                demand(path, "the path is too short")
                node = digest("mechdesign/merkle/node/1", *((path.pop(0), node) if index % 2 else (node, path.pop(0))))
            index, width = index // 2, (width + 1) // 2
        top = digest("mechdesign/merkle/root/1", count.to_bytes(4, "big"), node)
        demand(not path and top == root, "it is not in the signed block")
        strict = len(entry.signature) == 64 and good(entry.sender) and good(entry.signature[:32])
        demand(strict and int.from_bytes(entry.signature[32:], "little") < ORDER, "the signature is malformed")
        signed, key = digest("mechdesign/block/sign/1", entry.header), Ed25519PublicKey.from_public_bytes(entry.sender)
        key.verify(entry.signature, signed)


def collect(roster, session, entries):
    said, last = {}, 0
    for entry in entries:
        values, who = decode(entry.data, SHAPES[entry.kind]), roster.name[entry.sender]
        demand(entry.kind == EVIDENCE or values[0] == session, f"an entry of {who} is of another session")
        about = {ENROL: (), ATTEST: (), DECLINE: values[2:], TIMER: values[1:], EVIDENCE: values}
        heard = said.setdefault((entry.kind, *about.get(entry.kind, values[1:2])), {})
        demand(entry.sender not in heard or entry.kind == SHARE, f"{who} says a thing twice")
        demand(ORDER_OF.get(entry.kind, last) >= last, f"an entry of {who} comes too late")
        heard[entry.sender], last = values, ORDER_OF.get(entry.kind, last)
    return said


def unseal(roster, proposal, session, said, kind, purpose):
    keys = b"".join(roster.ids), b"".join(roster.keys), proposal.threshold.to_bytes(2, "big")
    committee, size = digest("mechdesign/committee/1", *keys), proposal.size + 20 if kind == SEAL else 0
    step, dealt, shares = int(kind == COIN), [], {}
    for member in roster.ids:
        data = said.get((kind, step), {}).get(member, (None,))[-1]
        context = encode((roster.digest, roster.epoch, session, step, purpose, member))
        with suppress(*WRONG):  # an invalid dealing is its dealer's offence, and no error of the file
            terms = roster.keys, committee, proposal.threshold, context, size, data
            dealt += [(member, committee + context, *check_dealing(*terms))] if data is not None else []
    targets = digest("mechdesign/share-targets/1", b"".join(dealing[2] for dealing in dealt))
    for place, member in enumerate(roster.ids, 1):
        with suppress(*WRONG, LookupError):  # as above; some have said no share
            opens, points, challenge, response = decode(said[SHARE, step][member][2], "bbbb")
            encrypted = [each[3][place - 1] for each in dealt]
            demand(opens == targets, "a share of something else")
            statement = encode((committee, member, opens, b"".join(encrypted), points))
            weights = [1, *scalars(digest("mechdesign/share-coefficients/1", statement), len(dealt) - 1)]
            row = H2, roster.keys[place - 1], weigh(weights, split(points)), weigh(weights, encrypted)
            check_proof("mechdesign/share/1", statement, [row], challenge, response)
            shares[place] = split(points)
    demand(len(shares) >= proposal.threshold or not dealt, "fewer than t shares hold")
    demand(kind == SEAL or len(dealt) > roster.b, "too little was dealt for a coin")
    places = sorted(shares)[: proposal.threshold]
    weights = [prod(j * pow(j - i, -1, ORDER) for j in places if j != i) for i in places]
    for at, (member, bound, name, _, ciphertext) in enumerate(dealt):
        yield member, bound, name, ciphertext, weigh(weights, [shares[place][at] for place in places])


def verify(data):
    magic, version, encoded, frozen, later = decode(data, "tibaa")
    demand((magic, version) == ("mechdesign transcript", 1), "it is no transcript of version 1")
    roster = Roster(encoded)
    entries = [Entry(*fields(value, "iibibbbia")) for value in frozen]
    rest = [Entry(0, *fields(value, "ibibbbia")) for value in later]
    for entry in entries + rest:
        try:
            roster.check(entry)
        except (*WRONG, InvalidSignature) as error:
            who = roster.name.get(entry.sender, "a stranger")
            raise ValueError(f"an entry of {who}: {error or 'the signature does not hold'}") from error
    first, ordered = entries[0], all(one.position < other.position for one, other in pairwise(entries))
    p, sequence = Proposal(*decode(first.data, "itibtatiifaattiiiiiib")), first.sequence.to_bytes(8, "big")
    demand(first.kind == PROPOSE and p[:3] == (1, "auction.second-price", 1), "no proposal of a second-price auction")
    demand(roster.b < p.threshold <= roster.q and p.decimals <= 18, "the threshold or the decimals")
    session = inputs = digest("mechdesign/session/1", roster.digest, first.sender, sequence, first.data)
    for entry in entries:
        inputs = digest("mechdesign/inputs/1", inputs, encode(entry[:5]))
    said = collect(roster, session, entries[1:] + rest)
    sides = all(x.kind in (ATTEST, DECLINE, TIMER, EVIDENCE) for x in rest) and all(x.kind != ATTEST for x in entries)
    demand(ordered and sides, "the entries are not in the order of the log, or on the wrong side of the freeze")
    players = [member for member in roster.ids if member in p.asked and member in said[ENROL,]]
    names = [roster.name[member] for member in players]
    demand(len(players) >= p.players_min and not ACCOUNTS.intersection(names), "the players")
    given = {who: told[2] for who, told in said.get((REPORT, 0), {}).items() if len(told[2] or b"") <= p.size}
    for sender, (_, _, salt, padded) in said.get((OPEN, 0), {}).items():
        where = roster.epoch.to_bytes(4, "big"), session, bytes(4), sender
        made = digest("mechdesign/commitment/1", roster.digest, *where, salt, padded)
        given[sender] = unpad(padded, p.size) if made == said[SEAL, 0][sender][2] else None
    opened = unseal(roster, p, session, said, SEAL, "report") if p.seal == "threshold" else ()
    for sender, bound, _, ciphertext, secret in opened:
        key = digest("mechdesign/seal-key/1", bound, secret)
        with suppress(exceptions.CryptoError):
            padded = bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(ciphertext, bound, bytes(24), key)
            given[sender] = unpad(padded, p.size)
    reserve = amount(p.parameters.removeprefix('{"reserve":').removesuffix("}").encode())
    demand(reserve >= 0 and p.parameters == f'{{"reserve":"{reserve}"}}', "the parameters")
    bids = {roster.name[m]: bid for m in players if (bid := amount(given.get(m) or b"")) >= reserve}
    top = [name for name in bids if bids[name] == max(bids.values())]
    if len(top) > 1 and p.tie == "by_coin":
        parts = [(bound, name, secret) for _, bound, name, _, secret in unseal(roster, p, session, said, COIN, "coin")]
        seen = (x for bound, *two in parts for x in (bound[32:], *two))
        top = shuffled(digest("mechdesign/coin/1", parts[0][0][:32], *seen), top, "the highest bid")
    unit, order = Fraction(1, 10**p.decimals), top if p.tie in ("lexicographic", "by_coin") else json.loads(p.tie)
    winner = min(top, key=lambda name: order.index(name) if name in order else len(order), default=None)
    price = max([reserve, *(bid for name, bid in bids.items() if name != winner)]) if top else Fraction(0)
    flows = ((winner, "SELLER", price // unit * unit, "price"),) if price >= unit else ()
    if price % unit > unit / 2:  # half a unit stays with the buyer, who comes first among equal remainders
        flows += ((winner, "SELLER", unit, "rounding"),)
    held = (*((name, -p.deposit) for name in names), *([("DEPOSIT", len(names) * p.deposit)] if p.deposit else []))
    moved = [x for payer, payee, paid, _ in flows for x in ((payer, -paid), (payee, paid))]
    demand(sum(x for _, x in (*held, *moved)) == 0 and all(x[2] > 0 for x in flows), "the flows do not sum to zero")
    sale = json.dumps({"price": str(price), "winner": winner}, ensure_ascii=False, separators=(",", ":"))
    terms = session, entries[-1].position, inputs, held, "auction.second-price/1", sale, flows
    outcome = digest("mechdesign/outcome/1", encode(terms))
    statement, attested = (*terms[:1], *terms[1:3], "settled", outcome), said.get((ATTEST,), {})
    signed = [member for member in attested if attested[member] == statement]
    demand(len(signed) >= roster.q, "fewer than a quorum signed the outcome that follows from the inputs")
    waits = set(roster.ids) - set(attested) - set(said.get((DECLINE, False), {}))
    timers = [said[key] for key in said if key[0] == TIMER and key[2] == "attesting"]
    demand(not waits or (timers and len(timers[0]) >= roster.q), "it ends before the session does")
    judged = "; evidence not judged" if any(key[0] == EVIDENCE for key in said) else ""
    sentence = f"{winner} wins, pays {price}" if winner else "not sold"
    end = f"digest {outcome.hex()[:16]}, roster fingerprint {roster.digest.hex()[:16]}{judged}"
    return f"consistent: auction.second-price/1 settled: {sentence}; {len(signed)} of {roster.n} signatures, {end}"


if __name__ == "__main__":
    try:
        print(verify(Path(sys.argv[1]).read_bytes()))
    except (*WRONG, LookupError, OSError) as error:
        sys.exit(print(f"does not hold: {error}") or 1)
