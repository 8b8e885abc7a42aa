"""Notes, checkpoints and proofs: one form of each is read, and nothing that was changed is taken."""

import base64
from collections.abc import Callable, Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.crypto.merkle import MOST, Frontier, Span, inclusion, leaf_hash, root_of
from service.crypto.notes import (
    Checkpoint,
    Flaw,
    Proof,
    Verifier,
    check_proof,
    checkpoint_text,
    is_name,
    open_checkpoint,
    open_note,
    proof_text,
    read_checkpoint,
    read_proof,
    read_verifier,
    signed_note,
)
from service.crypto.signing import public_key

ORIGIN = "shop.example/ledger"
SEED = bytes(range(32))
KEY = Verifier(ORIGIN, public_key(SEED).x)

ENTRIES = [number.to_bytes(32) for number in range(7)]
TREE = {(0, index): leaf_hash(entry) for index, entry in enumerate(ENTRIES)}
ROOT = root_of(Span(0, 7), TREE)
TEXT = checkpoint_text(ORIGIN, 7, ROOT)
NOTE = signed_note(TEXT, ORIGIN, SEED)
PROOF = Proof(5, tuple(root_of(span, TREE) for span in inclusion(5, 7)), NOTE)
FILE = proof_text(PROOF)
WITH_EXTRA = proof_text(Proof(PROOF.index, PROOF.hashes, NOTE, b"what the entry says"))


def flips(text: str, end: int | None = None) -> Iterator[str]:
    """Return a text with each bit of it changed in turn; a byte that is then no UTF-8 comes as half of a pair."""
    data = text.encode()
    for place in range(len(data) if end is None else end):
        for bit in range(8):
            changed = data[:place] + bytes([data[place] ^ (1 << bit)]) + data[place + 1 :]
            yield changed.decode(errors="surrogateescape")


# --- what Go's own package says in its documentation (golang.org/x/mod/sumdb/note, BSD licence) ------------------

NEUMANN = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
NEUMANNS_SEED = base64.b64decode("AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz")[1:]
SAYING = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SAID = (
    SAYING
    + "\n— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)


def test_the_note_in_gos_documentation_opens_and_is_written_the_same() -> None:
    key = read_verifier(NEUMANN)
    assert key == Verifier("PeterNeumann", public_key(NEUMANNS_SEED).x)
    assert key.text == NEUMANN
    assert open_note(SAID, key) == SAYING
    assert signed_note(SAYING, "PeterNeumann", NEUMANNS_SEED) == SAID


# --- names and keys ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a", "shop.example/ledger", "køb.example", "日本", "—", "\U0001f511"])
def test_a_key_may_have_such_a_name(name: str) -> None:
    assert is_name(name)
    assert read_verifier(Verifier(name, KEY.public).text) == Verifier(name, KEY.public)
    note = signed_note(checkpoint_text(name, 1, ROOT), name, SEED)
    assert open_checkpoint(note, Verifier(name, KEY.public)) == Checkpoint(name, 1, ROOT)


SPACES = "\t\n\v\f\r \x1c\x1d\x1e\x1f\x85\xa0\u1680\u2000\u2003\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
BAD_NAMES = ["", "a+b", "+", "a\x00", "a\x1b", "\ud800", "a\udcff", *(f"a{space}b" for space in SPACES), " a", "a "]


@pytest.mark.parametrize("name", BAD_NAMES, ids=ascii)
def test_no_key_has_such_a_name_and_none_signs(name: str) -> None:
    assert not is_name(name)
    with pytest.raises(ValueError, match="no key"):
        Verifier(name, KEY.public)
    with pytest.raises(ValueError, match="no key"):
        signed_note("a\n", name, SEED)


def test_a_key_has_32_bytes() -> None:
    for length in (0, 31, 33):
        with pytest.raises(ValueError, match="no key"):
            Verifier(ORIGIN, bytes(length))


def test_a_key_is_read_in_one_form_only() -> None:
    name, key_id, encoded = KEY.text.split("+", 2)
    assert read_verifier(KEY.text) == KEY
    longer, shorter, other = (
        base64.b64encode(data).decode() for data in (b"\x01" + bytes(33), b"\x01" + bytes(31), b"\x04" + KEY.public)
    )
    for text in (
        "",
        name,
        f"{name}+{key_id}",
        f"{name}+{key_id}+",
        f"{name}++{encoded}",
        f"+{key_id}+{encoded}",
        f"other+{key_id}+{encoded}",
        f"{name}+{key_id.upper()}+{encoded}",
        f"{name}+0{key_id}+{encoded}",
        f"{name}+{key_id}+{encoded}=",
        f"{name}+{key_id}+{longer}",
        f"{name}+{key_id}+{shorter}",
        f"{name}+{key_id}+{other}",
        f"PRIVATE+KEY+{name}+{key_id}+{encoded}",
        f"{KEY.text}\n",
        f" {KEY.text}",
        f"{name} +{key_id}+{encoded}",
    ):
        assert read_verifier(text) is None, text


def test_a_key_with_a_flipped_bit_is_not_read() -> None:
    """The id covers the name and the key, so that a slip of the pen shows."""
    assert all(read_verifier(changed) is None for changed in flips(KEY.text))


# --- notes ---------------------------------------------------------------------------------------------------


def test_what_we_sign_opens_and_is_written_the_same_each_time() -> None:
    assert open_note(NOTE, KEY) == TEXT
    assert signed_note(TEXT, ORIGIN, SEED) == NOTE
    assert f"{TEXT}\n{ours(TEXT)}" == NOTE


def test_no_note_with_a_flipped_bit_opens() -> None:
    assert all(isinstance(open_note(changed, KEY), Flaw) for changed in flips(NOTE))


@given(st.integers(0, len(NOTE)), st.integers(0, len(NOTE)), st.text(max_size=4))
def test_no_note_that_was_cut_or_added_to_opens(one: int, other: int, added: str) -> None:
    start, end = sorted((one, other))
    changed = NOTE[:start] + added + NOTE[end:]
    assert changed == NOTE or isinstance(open_note(changed, KEY), Flaw)


def ours(text: str) -> str:
    """Return the line with which we sign a text."""
    return signed_note(text, ORIGIN, SEED).removeprefix(f"{text}\n")


def line(name: str, data: bytes) -> str:
    return f"— {name} {base64.b64encode(data).decode()}\n"


OTHER = line("other.example", bytes(68))
SAME_NAME = line(ORIGIN, bytes(68))
SAME_ID = line("other.example", KEY.id + bytes(64))
LONG = line("witness.example", bytes(5000))
NBSP = "a\u00a0b"
SHORT = line("witness.example", bytes(5))


@pytest.mark.parametrize(
    "below",
    [
        OTHER + ours(TEXT),
        ours(TEXT) + OTHER,
        ours(TEXT) + ours(TEXT),
        SAME_NAME + ours(TEXT) + SAME_ID + LONG + SHORT,
        ours(TEXT) + OTHER * 99,
    ],
)
def test_signatures_of_keys_that_are_not_asked_for_are_passed_over(below: str) -> None:
    assert open_note(f"{TEXT}\n{below}", KEY) == TEXT


@pytest.mark.parametrize("below", [OTHER, SAME_NAME, SAME_ID, SAME_NAME + SAME_ID])
def test_a_note_that_only_others_signed_does_not_open(below: str) -> None:
    assert open_note(f"{TEXT}\n{below}", KEY) is Flaw.UNKNOWN_KEY
    assert open_note(NOTE, Verifier(ORIGIN, public_key(bytes(32)).x)) is Flaw.UNKNOWN_KEY
    assert open_note(NOTE, Verifier("other.example", KEY.public)) is Flaw.UNKNOWN_KEY


@pytest.mark.parametrize("bad", [bytes(64), b"\x00", bytes(63), bytes(65), bytes(5000)])
def test_one_bad_signature_of_ours_is_too_many(bad: bytes) -> None:
    wrong = line(ORIGIN, KEY.id + bad)
    assert open_note(f"{TEXT}\n{wrong}", KEY) is Flaw.BAD_SIGNATURE
    assert open_note(f"{TEXT}\n{wrong}{ours(TEXT)}", KEY) is Flaw.BAD_SIGNATURE
    assert open_note(f"{TEXT}\n{ours(TEXT)}{wrong}", KEY) is Flaw.BAD_SIGNATURE


def test_the_signature_of_another_text_is_a_bad_one() -> None:
    assert open_note(f"{TEXT}\n{ours(checkpoint_text(ORIGIN, 8, ROOT))}", KEY) is Flaw.BAD_SIGNATURE


@given(st.binary(min_size=32, max_size=32))
def test_a_key_that_is_no_point_of_the_curve_proves_nothing(public: bytes) -> None:
    other = Verifier(ORIGIN, public)
    assert (
        open_note(f"{TEXT}\n{line(ORIGIN, other.id + bytes(64))}", other) is Flaw.BAD_SIGNATURE or public == KEY.public
    )


def test_the_text_ends_at_the_last_empty_line() -> None:
    for text in ("\n", "a\n\nb\n", f"{TEXT}\n{OTHER}", "a\n\n\n"):
        assert open_note(f"{text}\n{ours(text)}", KEY) == text


SIGNED = ours(TEXT)
ENCODED = SIGNED.split(" ")[2].strip()


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        f"{TEXT}\n",
        f"{TEXT}\n\n",
        SIGNED,
        f"\n{SIGNED}",
        f"{TEXT}{SIGNED}",
        NOTE.rstrip("\n"),
        f"{NOTE}\n",
        f"{NOTE}a",
        f"{NOTE} ",
        NOTE.replace("\n", "\r\n"),
        f"\ufeff{NOTE}\x00",
        f"a\x00{NOTE}",
        f"a\t{NOTE}",
        f"a\x1f{NOTE}",
        f"\udcff{NOTE}",
        f"{TEXT}\n{SIGNED}{OTHER.rstrip()}",
        f"{TEXT}\n{SIGNED}no signature\n",
        f"{TEXT}\n{OTHER * 100}{SIGNED}",
        f"{TEXT}\n-{SIGNED[1:]}",
        f"{TEXT}\n {SIGNED}",
        f"{TEXT}\n—{SIGNED[2:]}",
        f"{TEXT}\n—  {SIGNED[2:]}",
        f"{TEXT}\n— {ORIGIN}\n",
        f"{TEXT}\n— {ORIGIN} \n",
        f"{TEXT}\n— {ORIGIN}  {ENCODED}\n",
        f"{TEXT}\n— {ORIGIN} {ENCODED} \n",
        f"{TEXT}\n— {ORIGIN} {ENCODED} {ENCODED}\n",
        f"{TEXT}\n— {ORIGIN} {ENCODED.rstrip('=')}\n",
        f"{TEXT}\n— {ORIGIN} {ENCODED}=\n",
        f"{TEXT}\n— {ORIGIN} {ENCODED[:-2]}{chr(ord(ENCODED[-2]) + 1)}=\n",
        f"{TEXT}\n— {ORIGIN} {ENCODED[:8]}\u2028{ENCODED[8:]}\n",
        f"{TEXT}\n— {ORIGIN} {ENCODED.replace('/', '_').replace('+', '-')}_\n",
        f"{TEXT}\n{line('a+b', bytes(68))}{SIGNED}",
        f"{TEXT}\n{line(NBSP, bytes(68))}{SIGNED}",
        f"{TEXT}\n{line('a', bytes(4))}{SIGNED}",
        f"{TEXT}\n{line('a', bytes(3))}{SIGNED}",
    ],
    ids=ascii,
)
def test_every_other_form_of_a_note_is_malformed(note: str) -> None:
    assert open_note(note, KEY) is Flaw.MALFORMED


@given(st.text(), st.text(st.sampled_from("a— +=\n"), max_size=30))
def test_any_text_may_come_as_a_note_and_only_a_flaw_comes_of_it(before: str, below: str) -> None:
    for note in (before, below, f"{before}\n\n{below}", f"{before}\n\n{below}\n"):
        assert isinstance(open_note(note, KEY), Flaw)


# --- checkpoints ---------------------------------------------------------------------------------------------


def test_a_checkpoint_says_origin_size_and_root() -> None:
    assert f"{ORIGIN}\n7\n{base64.b64encode(ROOT).decode()}\n" == TEXT
    assert read_checkpoint(TEXT) == Checkpoint(ORIGIN, 7, ROOT)
    assert open_checkpoint(NOTE, KEY) == Checkpoint(ORIGIN, 7, ROOT)


def test_the_example_of_the_standard_is_read() -> None:
    text = "example.com/behind-the-sofa\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n"
    checkpoint = read_checkpoint(text)
    assert checkpoint is not None
    assert (checkpoint.origin, checkpoint.size) == ("example.com/behind-the-sofa", 20852163)
    assert checkpoint_text(checkpoint.origin, checkpoint.size, checkpoint.root) == text


def test_extensions_are_passed_over() -> None:
    text = f"{TEXT}something\n— else\n"
    assert open_checkpoint(signed_note(text, ORIGIN, SEED), KEY) == Checkpoint(ORIGIN, 7, ROOT)


@given(st.integers(0, MOST), st.binary(min_size=32, max_size=32))
def test_each_checkpoint_is_read_as_it_was_written(size: int, root: bytes) -> None:
    assert read_checkpoint(checkpoint_text(ORIGIN, size, root)) == Checkpoint(ORIGIN, size, root)


HEAD = base64.b64encode(ROOT).decode()
OTHER_FORMS = [
    "",
    "\n",
    f"{ORIGIN}\n",
    f"{ORIGIN}\n7\n",
    f"{ORIGIN}\n7\n\n",
    f"{ORIGIN}\n7\n{HEAD}",
    f"{ORIGIN}\n7\n{HEAD}\n\n",
    f"{ORIGIN}\n7\n{HEAD}\n\nextension\n",
    f"{ORIGIN}\n7\n{HEAD}\nextension",
    f"\n7\n{HEAD}\n",
    f"{ORIGIN}\n\n7\n{HEAD}\n",
    *(
        f"{ORIGIN}\n{size}\n{HEAD}\n"
        for size in (
            "",
            "07",
            "00",
            "+7",
            "-7",
            "-0",
            " 7",
            "7 ",
            "7.0",
            "7_0",
            "0x7",
            "1e3",
            "\u0667",
            "1\u0667",
            "\u00b2",
        )
    ),
    f"{ORIGIN}\n{MOST + 1}\n{HEAD}\n",
    f"{ORIGIN}\n{'9' * 5000}\n{HEAD}\n",
    f"{ORIGIN}\n7\n{HEAD}=\n",
    f"{ORIGIN}\n7\n{HEAD.rstrip('=')}\n",
    f"{ORIGIN}\n7\n{HEAD[:-2]}{chr(ord(HEAD[-2]) + 1)}=\n",
    f"{ORIGIN}\n7\n {HEAD}\n",
    f"{ORIGIN}\n7\n{base64.b64encode(ROOT[:31]).decode()}\n",
    f"{ORIGIN}\n7\n{base64.b64encode(ROOT + b'a').decode()}\n",
    f"{ORIGIN}\n7\n{base64.urlsafe_b64encode(bytes([255]) * 32).decode()}\n",
    f"{ORIGIN}\n7\n{ROOT.hex()}\n",
]


@pytest.mark.parametrize("text", OTHER_FORMS, ids=lambda text: ascii(text)[:60])
def test_every_other_form_of_a_checkpoint_is_refused_though_it_be_signed(text: str) -> None:
    assert read_checkpoint(text) is None
    assert open_checkpoint(signed_note(text, ORIGIN, SEED), KEY) is Flaw.MALFORMED


def test_a_log_signs_for_itself_only() -> None:
    note = signed_note(checkpoint_text("other.example", 7, ROOT), ORIGIN, SEED)
    assert open_checkpoint(note, KEY) is Flaw.OTHER_LOG


# --- proofs --------------------------------------------------------------------------------------------------


def test_a_proof_is_written_as_the_standard_says() -> None:
    hashes = "".join(f"{base64.b64encode(each).decode()}\n" for each in PROOF.hashes)
    extra = base64.b64encode(b"what the entry says").decode()
    assert len(PROOF.hashes) == 3
    assert f"c2sp.org/tlog-proof@v1\nindex 5\n{hashes}\n{NOTE}" == FILE
    assert f"c2sp.org/tlog-proof@v1\nextra {extra}\nindex 5\n{hashes}\n{NOTE}" == WITH_EXTRA


@given(
    st.integers(0, MOST),
    st.lists(st.binary(min_size=32, max_size=32), max_size=63),
    st.binary(max_size=50),
    st.text(min_size=1),
)
def test_each_proof_is_read_as_it_was_written(index: int, hashes: list[bytes], extra: bytes, note: str) -> None:
    proof = Proof(index, tuple(hashes), note, extra)
    assert read_proof(proof_text(proof)) == proof


@given(st.integers(1, 7).flatmap(lambda size: st.tuples(st.integers(0, size - 1), st.just(size))))
def test_each_entry_is_proven_and_no_other_by_its_proof(place: tuple[int, int]) -> None:
    index, size = place
    frontier, _ = Frontier().extended([TREE[0, number] for number in range(size)])
    note = signed_note(checkpoint_text(ORIGIN, size, frontier.root()), ORIGIN, SEED)
    text = proof_text(Proof(index, tuple(root_of(span, TREE) for span in inclusion(index, size)), note))
    for number, entry in enumerate(ENTRIES):
        assert check_proof(text, entry, KEY) is (None if number == index else Flaw.NOT_INCLUDED)


def test_no_proof_with_a_flipped_bit_is_taken() -> None:
    assert check_proof(FILE, ENTRIES[5], KEY) is None
    assert all(check_proof(changed, ENTRIES[5], KEY) is not None for changed in flips(FILE))


def test_the_extra_is_not_proven_and_changes_nothing() -> None:
    proof = read_proof(WITH_EXTRA)
    assert proof is not None
    assert proof.extra == b"what the entry says"
    assert check_proof(WITH_EXTRA, ENTRIES[5], KEY) is None
    assert "what" not in repr(proof)


@given(st.integers(0, 255), st.integers(0, 31))
def test_no_other_entry_is_taken(byte: int, place: int) -> None:
    entry = bytearray(ENTRIES[5])
    entry[place] = byte
    assert check_proof(FILE, bytes(entry), KEY) is (None if bytes(entry) == ENTRIES[5] else Flaw.NOT_INCLUDED)


def test_a_proof_says_first_what_is_wrong_with_its_checkpoint() -> None:
    def said(note: str, key: Verifier = KEY) -> Flaw | None:
        return check_proof(proof_text(Proof(5, PROOF.hashes, note)), ENTRIES[5], key)

    assert said(NOTE) is None
    assert said("no note") is Flaw.MALFORMED
    assert check_proof(FILE.replace("index 5\n", "index 5\n\n"), ENTRIES[5], KEY) is Flaw.BAD_SIGNATURE
    assert said(signed_note("no checkpoint\n", ORIGIN, SEED)) is Flaw.MALFORMED
    assert said(f"{TEXT}\n{line(ORIGIN, KEY.id + bytes(64))}") is Flaw.BAD_SIGNATURE
    assert said(NOTE, Verifier(ORIGIN, public_key(bytes(32)).x)) is Flaw.UNKNOWN_KEY
    assert said(signed_note(checkpoint_text("other.example", 7, ROOT), ORIGIN, SEED)) is Flaw.OTHER_LOG
    assert said(signed_note(checkpoint_text(ORIGIN, 6, ROOT), ORIGIN, SEED)) is Flaw.NOT_INCLUDED
    assert said(signed_note(checkpoint_text(ORIGIN, 0, ROOT), ORIGIN, SEED)) is Flaw.NOT_INCLUDED


CHANGES: list[Callable[[str], str]] = [
    lambda text: text[:0],
    lambda text: text.replace("@v1", "@v2"),
    lambda text: text.replace("c2sp.org", "C2SP.org"),
    lambda text: text.replace("index 5", "index 05"),
    lambda text: text.replace("index 5", "index +5"),
    lambda text: text.replace("index 5", "index -5"),
    lambda text: text.replace("index 5", "index  5"),
    lambda text: text.replace("index 5", "index 5 "),
    lambda text: text.replace("index 5", "index \u0665"),
    lambda text: text.replace("index 5", f"index {MOST + 1}"),
    lambda text: text.replace("index 5", "index " + "9" * 5000),
    lambda text: text.replace("index 5", "Index 5"),
    lambda text: text.replace("index 5", "5"),
    lambda text: text.replace("index 5\n", ""),
    lambda text: text.replace("index 5\n", "index 5\nindex 5\n"),
    lambda text: text.replace("index 5\n", "index 5\nextra YQ==\n"),
    lambda text: text.replace("index 5\n", "extra\nindex 5\n"),
    lambda text: text.replace("index 5\n", "extra \nindex 5\n"),
    lambda text: text.replace("index 5\n", "extra YQ\nindex 5\n"),
    lambda text: text.replace("index 5\n", "extra YR==\nindex 5\n"),
    lambda text: text.replace("index 5\n", "extra  YQ==\nindex 5\n"),
    lambda text: text.replace("index 5\n", "extra YQ==\nextra YQ==\nindex 5\n"),
    lambda text: text.replace("index 5\n", "other YQ==\nindex 5\n"),
    lambda text: text.replace("index 5\n", "index 5\nYQ==\n"),
    lambda text: text.replace("index 5\n", "index 5\n "),
    lambda text: text.replace("=\n", "\n", 1),
    lambda text: text.replace("=\n", "==\n", 1),
    lambda text: text.replace("\n", "\r\n"),
    lambda text: f" {text}",
    lambda text: f"\ufeff{text}",
    lambda text: f"\n{text}",
    lambda text: text.partition("\n\n")[0],
    lambda text: text.partition("\n\n")[0] + "\n",
    lambda text: text.partition("\n\n")[0] + "\n\n",
]


@pytest.mark.parametrize("change", CHANGES)
def test_every_other_form_of_a_proof_is_malformed(change: Callable[[str], str]) -> None:
    assert read_proof(change(FILE)) is None
    assert check_proof(change(FILE), ENTRIES[5], KEY) is Flaw.MALFORMED


@given(st.integers(0, len(FILE)), st.integers(0, len(FILE)), st.text(max_size=4))
def test_no_proof_that_was_cut_or_added_to_is_taken(one: int, other: int, added: str) -> None:
    start, end = sorted((one, other))
    changed = FILE[:start] + added + FILE[end:]
    assert changed == FILE or check_proof(changed, ENTRIES[5], KEY) is not None
