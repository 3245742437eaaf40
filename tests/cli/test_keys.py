"""`mechdesign keygen` and `mechdesign roster`: from keys to the file that every member holds."""

import tomllib
from pathlib import Path

import pytest

from mechdesign.cli.roster_files import load_roster_file
from mechdesign.decision.membership import holds_key, member_of, possession
from mechdesign.decision.sealing.threshold import EncryptionKey
from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.identity import Identity
from mechdesign.kernel.wire import digest
from tests.cli.command_line import PASSPHRASE, run


def record(folder: Path, name: str, address: str | None = "tcp://192.0.2.7:7411") -> Path:
    """Make a key, and return its record's file."""
    path = folder / f"{name}.toml"
    options = ["--address", address] if address else []
    ran = run("keygen", folder / f"{name}.pem", "--record", path, *options)
    assert ran.code == 0, ran.err
    return path


def test_keygen_writes_an_encrypted_key_and_prints_its_signed_record(tmp_path: Path) -> None:
    ran = run("keygen", tmp_path / "alice.pem", "--address", "tcp://192.0.2.7:7411")
    public = tomllib.loads(ran.out)
    identity = Identity.load(tmp_path / "alice.pem", PASSPHRASE)
    assert public["name"] == "alice"
    assert public["key"] == identity.public.hex()
    assert public["curve"] == identity.curve_public.hex()
    assert public["address"] == "tcp://192.0.2.7:7411"
    assert "ENCRYPTED" in (tmp_path / "alice.pem").read_text()
    assert identity.curve_secret.hex() not in ran.out + ran.err


def test_keygen_never_overwrites_and_can_print_a_record_again(tmp_path: Path) -> None:
    first = run("keygen", tmp_path / "alice.pem", "--json").json
    again = run("keygen", tmp_path / "alice.pem")
    assert again.code == 2
    assert "never overwritten" in again.err
    assert run("keygen", tmp_path / "alice.pem", "--again", "--json").json["key"] == first["key"]


def test_a_wrong_or_missing_passphrase_is_said_so(tmp_path: Path) -> None:
    run("keygen", tmp_path / "alice.pem")
    wrong = run("keygen", tmp_path / "alice.pem", "--again", passphrase="wrong")
    assert wrong.code == 2
    assert "wrong passphrase" in wrong.err
    missing = run("keygen", tmp_path / "bob.pem", passphrase=None)
    assert missing.code == 2
    assert "MECHDESIGN_PASSPHRASE" in missing.err
    assert not (tmp_path / "bob.pem").exists()


def test_the_passphrase_may_come_from_a_file_or_another_variable(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("from a file\n")
    run("keygen", tmp_path / "alice.pem", "--passphrase-file", tmp_path / "secret", passphrase=None)
    assert Identity.load(tmp_path / "alice.pem", "from a file").public
    unset = run("keygen", tmp_path / "bob.pem", "--passphrase-env", "NOT_SET_ANYWHERE")
    assert unset.code == 2
    assert "NOT_SET_ANYWHERE" in unset.err


def test_a_roster_is_put_together_in_the_order_of_the_records(tmp_path: Path) -> None:
    records = [record(tmp_path, name) for name in ("carol", "alice", "bob", "dave")]
    out = tmp_path / "roster.toml"
    ran = run("roster", *records, "--group", "harbour", "--out", out)
    assert ran.code == 0, ran.err
    file = load_roster_file(out)
    assert [member.name for member in file.roster.members] == ["carol", "alice", "bob", "dave"]
    assert file.roster.faults.value == "byzantine"
    assert f"fingerprint {file.fingerprint}" in ran.err
    assert run("roster", *records, "--out", out).code == 2


def test_two_rosters_of_the_same_members_differ_unless_the_nonce_is_given(tmp_path: Path) -> None:
    records = [record(tmp_path, name) for name in ("alice", "bob")]
    printed = [tomllib.loads(run("roster", *records).out)["fingerprint"] for _ in range(2)]
    assert printed[0] != printed[1]
    fixed = [tomllib.loads(run("roster", *records, "--nonce", "ab" * 16).out)["fingerprint"] for _ in range(2)]
    assert fixed[0] == fixed[1]


def test_an_altered_record_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path, "alice")
    path.write_text(path.read_text().replace("192.0.2.7", "192.0.2.8"))
    ran = run("roster", path)
    assert ran.code == 2
    assert "not signed by its key" in ran.err
    assert "alice.toml" in ran.err


def test_the_same_key_twice_is_refused(tmp_path: Path) -> None:
    path = record(tmp_path, "alice")
    ran = run("roster", path, path)
    assert ran.code == 2
    assert "share a name or a key" in ran.err


def test_an_altered_roster_does_not_match_its_fingerprint(tmp_path: Path) -> None:
    records = [record(tmp_path, name) for name in ("alice", "bob")]
    out = tmp_path / "roster.toml"
    run("roster", *records, "--out", out)
    text = out.read_text()
    moved = text.replace("192.0.2.7", "192.0.2.9")
    out.write_text(moved)
    assert load_roster_file(out).addresses["alice"] == "tcp://192.0.2.9:7411"
    out.write_text(text.replace('faults = "unanimous"', 'faults = "majority"'))
    (tmp_path / "any.transcript").write_bytes(b"x")
    ran = run("verify", tmp_path / "any.transcript", "--roster", out)
    assert ran.code == 2
    assert "fingerprint" in ran.err


def test_majority_is_labelled_where_it_is_chosen(tmp_path: Path) -> None:
    ran = run("roster", record(tmp_path, "alice"), "--faults", "majority")
    assert "withstands crashes only" in ran.err


@pytest.mark.parametrize("address", ["192.0.2.7:7411", "tcp://192.0.2.7", "tcp://:7411", "tcp://h:99999", "http://h:1"])
def test_an_address_that_nobody_could_dial_is_refused_before_a_key_is_made(tmp_path: Path, address: str) -> None:
    ran = run("keygen", tmp_path / "alice.pem", "--address", address)
    assert ran.code == 2
    assert "address" in ran.err
    assert not (tmp_path / "alice.pem").exists()


def test_a_record_carries_the_sealing_key_and_the_proof_that_its_owner_knows_it(tmp_path: Path) -> None:
    public = tomllib.loads(record(tmp_path, "alice").read_text())
    identity = Identity.load(tmp_path / "alice.pem", PASSPHRASE)
    assert public["sealing"] == EncryptionKey(identity.sealing_seed).public.hex()
    assert holds_key(Ed25519(), member_of(identity, "alice"), bytes.fromhex(public["possession"]))
    assert identity.sealing_seed.hex() not in str(public)


def test_a_sealing_key_of_somebody_else_does_not_enter_a_roster(tmp_path: Path) -> None:
    """A record that its own key signs, but whose owner shows no knowledge of the sealing key in it."""
    mallory, alice = Identity.generate(), Identity.generate()
    stolen = EncryptionKey(alice.sealing_seed).public
    for proof in (possession(alice), possession(mallory), b""):
        message = digest("mechdesign/key-record/1", b"mallory", mallory.curve_public, stolen, proof, b"")
        fields = {
            "name": "mallory",
            "key": mallory.public.hex(),
            "curve": mallory.curve_public.hex(),
            "sealing": stolen.hex(),
            "possession": proof.hex(),
            "signature": mallory.sign(message).hex(),
        }
        path = tmp_path / "mallory.toml"
        path.write_text("".join(f'{name} = "{value}"\n' for name, value in fields.items()))
        ran = run("roster", path)
        assert ran.code == 2
        assert "does not prove that it knows its sealing key" in ran.err
