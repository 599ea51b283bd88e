"""Tokenisers and vocabularies."""

import json

import pytest

import tensorcore as tc
from tensorcore.data import Vocabulary, character_tokenizer, pad_sequence, word_tokenizer


def test_tokenizers() -> None:
    assert character_tokenizer("a b") == ["a", " ", "b"]
    assert word_tokenizer("It’s 3.5 -- NOT o'clock?") == ["it’s", "3", ".", "5", "-", "-", "not", "o'clock", "?"]
    assert word_tokenizer(" \n") == []


def test_characters() -> None:
    v = Vocabulary.build(["banana", "bab"])
    assert v.tokens == ["<pad>", "<unk>", "a", "b", "n"]
    assert (len(v), v.pad_index, v["b"], v["z"]) == (5, 0, 3, 1)
    assert "n" in v
    assert "z" not in v
    numbers = v.encode("nab!")
    assert numbers.dtype == tc.int64
    assert numbers.tolist() == [4, 2, 3, 1]
    assert v.decode(numbers) == "nab<unk>"
    batch = pad_sequence([numbers, v.encode("a")], True, v.pad_index)
    assert [v.decode(row) for row in batch] == ["nab<unk>", "a"]
    assert v.encode("").shape == (0,)
    assert v.encode("").dtype == tc.int64
    again = Vocabulary(**json.loads(json.dumps(v.state_dict())))
    assert again.tokens == v.tokens
    assert again["z"] == 1


def test_words() -> None:
    texts = ["the cat", "the dog", "a the cat"]
    v = Vocabulary.build(texts, word_tokenizer, min_count=2)
    assert v.tokens == ["<pad>", "<unk>", "the", "cat"]
    assert v.decode(v.encode("the big cat")) == "the <unk> cat"
    assert Vocabulary.build(texts, word_tokenizer, max_size=3).tokens == ["<pad>", "<unk>", "the"]
    bare = Vocabulary.build(texts, word_tokenizer, unknown=None, pad=None)
    assert bare.tokens == ["the", "cat", "a", "dog"]
    with pytest.raises(KeyError, match="'bird' has no number"):
        bare.encode("the bird")
    with pytest.raises(ValueError, match="no padding"):
        bare.pad_index  # noqa: B018


def test_refusals() -> None:
    with pytest.raises(ValueError, match="'a' repeats"):
        Vocabulary(["a", "b", "a"])
    with pytest.raises(TypeError, match="got one"):
        Vocabulary.build("text")
    with pytest.raises(ValueError, match="no room"):
        Vocabulary.build(["text"], max_size=1)
    for wrong in (-1, 9):
        with pytest.raises(IndexError, match=r"\[0, 3\)"):
            Vocabulary(["a"]).decode([wrong])
