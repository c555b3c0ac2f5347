"""The methods beside the dialect model keep to their definitions, the tokenizer loses nothing."""

import importlib.util
import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from allmende.wiring.blueprints import blueprint_folder


def load(name: str) -> ModuleType:
    """Return a module of the blueprint that needs no more than NumPy."""
    path = blueprint_folder("dialect") / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"dialect_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


baselines, tokens, corpus = load("baselines"), load("tokens"), load("corpus")
SPEECH = ["Wia hoaß werds heid?\n", "Dår bel en hund.\n", "Wia werds heid?\n", "Wia werds?\n"]
TOKENIZER = tokens.Tokenizer(tokens.learn_merges(SPEECH, 20), ["a", "b"])


@pytest.mark.parametrize("past", ["", "Wia", "never seen", "Wia werds hei"])
def test_the_chances_of_all_next_bytes_are_one_together(past):
    model = baselines.KneserNey(SPEECH)
    past_bytes = past.encode()
    chance = 0.0
    for byte in range(256):
        content = past_bytes + bytes([byte])
        grams = baselines.grams_of(content, model.order)[-1:]
        last = np.full(1, 1 / 256)
        for length in range(1, model.order + 1):
            last = model.levels[length - 1].mix(grams & baselines.mask(length), last)
        chance += float(last[0])
    assert chance == pytest.approx(1)


def test_kneser_ney_of_two_bytes_is_what_the_formula_says():
    # Pairs: (start)a twice, ab thrice, ba, bc and cb once. Below, count what stood before a byte.
    model = baselines.KneserNey(["abab", "abcb"], order=2)
    unigrams = dict(
        zip(model.levels[0].grams.tolist(), model.levels[0].counts.tolist(), strict=True)
    )
    assert unigrams == {ord("a"): 2, ord("b"): 2, ord("c"): 1}
    assert model.levels[1].discount == pytest.approx(3 / (3 + 2 * 1))


def test_seen_text_costs_less_than_strange_text():
    seen, strange = (
        cost(text).sum() / len(text)
        for cost, text in ((baselines.KneserNey(SPEECH).bits, t) for t in (SPEECH[0], "Xylophon!"))
    )
    assert seen < 2 < 7 < strange


def test_a_compressor_that_knows_the_text_pays_little_for_it():
    known = "".join(SPEECH) * 20
    for method in (baselines.gzip_bits, baselines.xz_bits):
        again, new = method(known, [SPEECH[0] * 3, "Ganz etwas anderes, Wort für Wort: xyz qrs."])
        assert again < new / 2


def test_a_compressor_looks_back_only_so_far(monkeypatch):
    known = "".join(SPEECH) * 20 + "".join(map(str, range(1000)))
    (near,) = baselines.xz_bits(known, [SPEECH[0] * 3])
    monkeypatch.setattr(baselines, "LZMA_WINDOW", 1000)
    (far,) = baselines.xz_bits(known, [SPEECH[0] * 3])
    assert near < far


@given(st.text())
def test_the_tokenizer_gives_every_text_back(text):
    assert TOKENIZER.decode(TOKENIZER.encode(text)) == text


def test_merges_are_learnt_by_frequency_and_read_back():
    assert tokens.learn_merges(["ab cab", "ab cab"], 1) == [(ord("a"), ord("b"))]
    again = tokens.Tokenizer.from_json(TOKENIZER.to_json())
    assert again.encode(SPEECH[1]) == TOKENIZER.encode(SPEECH[1])
    assert len(TOKENIZER.encode("Wia werds heid?")) < len(b"Wia werds heid?")


def test_tags_stand_before_each_sentence_and_after_the_last():
    encoded = TOKENIZER.encode_passage(1, "Wia?\nDår.\n")
    assert [place for place, t in enumerate(encoded) if t == TOKENIZER.tag(1)][::2] == [
        0,
        len(encoded) - 1,
    ]


def test_no_sentence_is_both_learnt_from_and_tested_on(tmp_path):
    lines = [f"Satz {number % 150}" for number in range(300)]
    (tmp_path / "a.txt").write_text("\n".join(lines))
    (tmp_path / "UD_b-X.txt").write_text("\n".join([*lines[:20], "Eigenes"]))
    texts = corpus.Corpus(tmp_path, {"split_seed": 1, "kilobytes_per_variety": 100})
    assert texts.varieties == ["a", "b"]
    learnt, tested = (
        [line for _, text in part for line in text.splitlines()]
        for part in (texts.train, texts.test)
    )
    assert len(learnt + tested) == len(set(learnt + tested)) == 151
    assert len(texts.test) == 5
    assert {number for number, _ in texts.test} == {texts.varieties.index("a")}


def test_of_much_text_a_tenth_is_held_out_and_no_more_measured_than_makes_the_figures_sure(
    tmp_path,
):
    (tmp_path / "a.txt").write_text("\n".join(f"Satz {number}" for number in range(12_500)))
    texts = corpus.Corpus(tmp_path, {"split_seed": 1, "kilobytes_per_variety": 1000})
    assert (len(texts.train), len(texts.test)) == (2250, 200)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("\n".join(f"Sååtz {number}" for number in range(95)).encode(), "100 different sentences"),
        ("Grüß Gott".encode("latin-1"), "is not in UTF-8"),
    ],
)
def test_text_that_cannot_be_used_is_told(tmp_path, content, told):
    (tmp_path / "Bavarian.txt").write_bytes(content)
    with pytest.raises(SystemExit, match=told):
        corpus.Corpus(tmp_path, {"split_seed": 1, "kilobytes_per_variety": 100})


def test_naive_bayes_knows_who_speaks():
    bayes = baselines.NaiveBayes(SPEECH, np.array([0, 1, 0, 0]), 2)
    assert bayes.classify(["En hund bel.", "Heid werds hoaß."]).tolist() == [1, 0]
