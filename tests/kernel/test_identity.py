import stat

import pytest

from mechdesign.kernel.crypto import Ed25519
from mechdesign.kernel.errors import IdentityError
from mechdesign.kernel.identity import Identity


@pytest.fixture
def saved(tmp_path):
    identity = Identity.generate()
    path = tmp_path / "alice.pem"
    identity.save(path, "correct horse")
    return identity, path


def test_a_saved_identity_signs_the_same_when_loaded(saved):
    identity, path = saved
    loaded = Identity.load(path, "correct horse")
    assert loaded.public == identity.public
    assert loaded.curve_public == identity.curve_public
    assert loaded.curve_secret == identity.curve_secret
    assert loaded.sealing_seed == identity.sealing_seed
    assert Ed25519().verify(identity.public, b"x", loaded.sign(b"x"))


def test_the_file_is_encrypted_and_only_its_owner_reads_it(saved):
    _, path = saved
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert path.read_text().count("ENCRYPTED PRIVATE KEY") == 6


def test_a_wrong_passphrase_is_refused_with_a_reason(saved):
    with pytest.raises(IdentityError, match="wrong passphrase"):
        Identity.load(saved[1], "wrong")


def test_an_existing_key_file_is_never_overwritten(saved):
    with pytest.raises(IdentityError, match="never overwritten"):
        Identity.generate().save(saved[1], "x")


def test_an_empty_passphrase_is_refused(tmp_path):
    with pytest.raises(IdentityError, match="empty"):
        Identity.generate().save(tmp_path / "key.pem", "")


def test_a_missing_file_says_what_to_do(tmp_path):
    with pytest.raises(IdentityError, match="keygen"):
        Identity.load(tmp_path / "none.pem", "x")


@pytest.mark.parametrize("places", [(0,), (0, 1), (1, 0, 2), (0, 1, 2, 2)])
def test_a_file_that_holds_other_than_three_keys_in_their_order_is_refused(saved, places):
    _, path = saved
    blocks = ["-----BEGIN" + block for block in path.read_text().split("-----BEGIN")[1:]]
    path.write_text("".join(blocks[place] for place in places))
    with pytest.raises(IdentityError, match="holds one Ed25519 key and two X25519"):
        Identity.load(path, "correct horse")


def test_a_damaged_file_is_refused(saved):
    _, path = saved
    path.write_bytes(path.read_bytes()[:60] + b"!!" + path.read_bytes()[62:])
    with pytest.raises(IdentityError, match="damaged"):
        Identity.load(path, "correct horse")


def test_the_passphrase_is_asked_for_only_when_a_file_is_there(saved, tmp_path):
    asked = []

    def ask():
        asked.append("asked")
        return "correct horse"

    Identity.load(saved[1], ask)
    with pytest.raises(IdentityError):
        Identity.load(tmp_path / "none.pem", ask)
    assert asked == ["asked"]


def test_seeded_entropy_gives_the_same_identity():
    def entropy(n):
        return bytes(range(n))

    assert Identity.generate(entropy).public == Identity.generate(entropy).public
