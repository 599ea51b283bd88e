"""N-gram features against scikit-learn's TF-IDF, and by hand."""

import json
import math

import numpy as np
import pytest

from tensorcore.data import NgramFeatures

TEXTS = ["good good day", "a bad day", "good film, bad end", "the end of a good day"]


def dense(features, text, size):
    ids, weights = features(text)
    row = np.zeros(size)
    np.add.at(row, np.asarray(ids), np.asarray(weights, np.float64))
    return row


@pytest.mark.parametrize("lengths", [(1, 1), (1, 3)])
def test_words_equal_scikit_learn(lengths):
    text = pytest.importorskip("sklearn.feature_extraction.text")
    theirs = text.TfidfVectorizer(ngram_range=lengths, sublinear_tf=True, token_pattern=r"[\w']+|[^\w\s]+")
    expected = theirs.fit_transform(TEXTS).toarray()
    ours = NgramFeatures(words=lengths, characters=None, min_texts=1).fit(TEXTS)
    assert len(ours) == expected.shape[1] + 1
    got = np.array([dense(ours, t, len(ours)) for t in TEXTS])
    np.testing.assert_allclose(
        got[:, 1:], expected[:, [theirs.vocabulary_[g] for g in ours.state_dict()["ngrams"]]], rtol=1e-5
    )


def test_characters_equal_scikit_learn():
    text = pytest.importorskip("sklearn.feature_extraction.text")
    plain = ["good day", "bad day", "a good end"]
    theirs = text.TfidfVectorizer(analyzer="char_wb", ngram_range=(2, 3), sublinear_tf=True)
    expected = theirs.fit_transform(plain).toarray()
    ours = NgramFeatures(words=None, characters=(2, 3), min_texts=1).fit(plain)
    got = np.array([dense(ours, t, len(ours)) for t in plain])
    names = [gram.removeprefix("\t") for gram in ours.state_dict()["ngrams"]]
    np.testing.assert_allclose(got[:, 1:], expected[:, [theirs.vocabulary_[g] for g in names]], rtol=1e-5)


def test_weights_by_hand():
    features = NgramFeatures(words=(1, 1), characters=None, min_texts=1).fit(["so good", "so bad"])
    ids, weights = features("so so good")
    grams = features.state_dict()["ngrams"]
    assert [grams[i - 1] for i in ids.tolist()] == ["so", "good"]
    so, good = (1 + math.log(2)) * 1.0, 1 + math.log(3 / 2)
    np.testing.assert_allclose(np.asarray(weights), np.array([so, good]) / math.hypot(so, good), rtol=1e-6)


def test_rare_and_unknown_n_grams_are_left_out():
    features = NgramFeatures(words=(1, 1), characters=None).fit(TEXTS)
    assert set(features.state_dict()["ngrams"]) == {"a", "bad", "day", "end", "good"}
    for text in ("", "film of", "🎈"):
        ids, weights = features(text)
        assert ids.tolist() == [0]
        assert weights.tolist() == [0.0]


def test_words_and_characters_have_norm_one_apart():
    features = NgramFeatures(min_texts=1).fit(TEXTS)
    _, weights = features(TEXTS[0])
    assert abs(float((weights * weights).sum()) - 2) < 1e-5


def test_state_makes_the_same_features():
    features = NgramFeatures().fit(TEXTS)
    again = NgramFeatures.from_state(json.loads(json.dumps(features.state_dict())))
    for text in (*TEXTS, "good bad new"):
        for ours, theirs in zip(features(text), again(text), strict=True):
            np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-5)


def test_settings_out_of_range_are_refused():
    with pytest.raises(ValueError, match=r"words must be a shortest and a longest length, got \(2, 1\)"):
        NgramFeatures(words=(2, 1))
    with pytest.raises(ValueError, match=r"characters must be a shortest and a longest length, got \(0, 1\)"):
        NgramFeatures(characters=(0, 1))
    with pytest.raises(ValueError, match="min_texts must be at least 1, got 0"):
        NgramFeatures(min_texts=0)
