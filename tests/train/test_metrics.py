"""Metrics against scikit-learn and cases worked out by hand; batches of any size give one result."""

import math

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import train

AVERAGES = ["macro", "micro", "weighted", None]


def over_batches(metric, output, target, size, device="cpu"):
    metric.reset()
    for i in range(0, len(target), size):
        x, y = tc.asarray(output[i : i + size]), tc.asarray(target[i : i + size])
        metric.update(x.to(device), y.to(device))
    return metric.compute()


@pytest.fixture
def scores(rng):
    """Scores of 5 classes, of which class 3 is never true and class 4 neither true nor predicted."""
    output = rng.standard_normal((101, 5)).astype(np.float32)
    output[:, 4] = -10
    return output, rng.choice([0, 1, 1, 2], 101)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("size", [101, 7])
@pytest.mark.parametrize("name", ["F1", "Precision", "Recall"])
@pytest.mark.parametrize("average", AVERAGES)
def test_label_scores_equal_scikit_learn(scores, name, average, size, device):
    sk = pytest.importorskip("sklearn.metrics")
    reference = {"F1": sk.f1_score, "Precision": sk.precision_score, "Recall": sk.recall_score}[name]
    output, target = scores
    labels = range(5) if average is None else None
    expected = reference(target, output.argmax(1), average=average, labels=labels, zero_division=0)
    got = over_batches(getattr(train, name)(average), output, target, size, device)
    assert np.allclose(got, expected, rtol=1e-14, atol=0)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("normalize", [None, "true", "predicted", "all"])
def test_confusion_matrix_equals_scikit_learn(scores, normalize, device):
    sk = pytest.importorskip("sklearn.metrics")
    output, target = scores
    expected = sk.confusion_matrix(
        target, output.argmax(1), labels=range(5), normalize="pred" if normalize == "predicted" else normalize
    )
    got = over_batches(train.ConfusionMatrix(normalize=normalize), output, target, 13, device)
    assert got.dtype is (tc.int64 if normalize is None else tc.float64)
    assert np.allclose(np.asarray(got), expected, rtol=1e-15)


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("k", [1, 2, 3, 4])
def test_accuracy_equals_scikit_learn(scores, k, device):
    sk = pytest.importorskip("sklearn.metrics")
    output, target = scores
    expected = sk.top_k_accuracy_score(target, output, k=k, labels=range(5))
    assert over_batches(train.Accuracy(k), output, target, 10, device) == expected


@pytest.mark.parametrize("device", ["cpu", "cuda"])
@pytest.mark.parametrize("shape", [(50,), (50, 3)])
def test_regression_scores_equal_scikit_learn(rng, shape, device):
    sk = pytest.importorskip("sklearn.metrics")
    target = rng.standard_normal(shape) + 1e4
    output = target + 0.1 * rng.standard_normal(shape)
    for metric, expected in [
        (train.MSE(), sk.mean_squared_error(target, output)),
        (train.RMSE(), math.sqrt(sk.mean_squared_error(target, output))),
        (train.MAE(), sk.mean_absolute_error(target, output)),
        (train.R2(), sk.r2_score(target, output)),
    ]:
        for size in (50, 7, 1):
            assert math.isclose(over_batches(metric, output, target, size, device), expected, rel_tol=1e-9)


def test_labels_by_hand():
    output, target = tc.asarray([0, 1, 2, 2, 0]), tc.asarray([0, 1, 1, 2, -1])
    for metric, expected in [
        (train.Accuracy(ignore_index=-1), 3 / 4),
        (train.Precision(None, classes=3, ignore_index=-1), [1, 1, 1 / 2]),
        (train.Recall(None, classes=3, ignore_index=-1), [1, 1 / 2, 1]),
        (train.F1("macro", classes=3, ignore_index=-1), (1 + 2 / 3 + 2 / 3) / 3),
        (train.F1("weighted", classes=3, ignore_index=-1), (1 + 2 * 2 / 3 + 2 / 3) / 4),
    ]:
        metric.update(output, target)
        assert np.allclose(metric.compute(), expected, rtol=1e-15), type(metric)


def test_binary_scores_by_hand():
    probability, target = tc.asarray([0.9, 0.4, 0.6, 0.2]), tc.asarray([1, 1, 0, 0])
    f1 = train.F1("binary")
    f1.update(probability, target)
    assert f1.compute() == 0.5
    logits = train.Accuracy(threshold=0)
    logits.update(tc.asarray([2.0, -1.0, 3.0, -1.0]), target.astype(tc.bool))
    assert logits.compute() == 0.5
    flags = train.Recall("binary")
    flags.update(tc.asarray([True, True, False, False]), target)
    assert flags.compute() == 1.0


def test_class_axis_is_where_cross_entropy_has_it():
    output = tc.asarray(np.eye(3, dtype=np.float32)[[[0, 1], [2, 2]]]).permute_dims((0, 2, 1))  # (N, C, d)
    target = tc.asarray([[0, 1], [2, 0]])
    accuracy, last = train.Accuracy(), train.Accuracy(axis=-1)
    accuracy.update(output, target)
    last.update(output.permute_dims((0, 2, 1)), target)
    assert accuracy.compute() == last.compute() == 0.75


def test_top_k_breaks_ties_by_class_and_refuses_nan():
    output = tc.asarray([[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [0.0, math.nan, math.nan]])
    accuracy = train.Accuracy(2)
    accuracy.update(output, tc.asarray([1, 2, 1]))
    assert accuracy.compute() == 1 / 3
    assert accuracy.name == "top2_accuracy"


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_language_scores_by_hand(device):
    logits = tc.log(tc.asarray([[0.5, 0.25, 0.25], [0.125, 0.75, 0.125], [0.2, 0.2, 0.6]])).to(device)
    target = tc.asarray([0, 2, -100]).to(device)
    perplexity, bits = train.Perplexity(), train.BitsPerCharacter()
    for metric in (perplexity, bits):
        metric.update(logits[:1], target[:1])
        metric.update(logits[1:], target[1:])
    assert math.isclose(bits.compute(), (1 + 3) / 2, rel_tol=1e-6)
    assert math.isclose(perplexity.compute(), 4, rel_tol=1e-6)
    perplexity.reset()
    perplexity.update(tc.asarray([[0.0, 5000.0]]), tc.asarray([0]))
    assert perplexity.compute() == math.inf


def test_mean_loss_weighs_batches_by_their_rows():
    metric = train.MeanLoss(tc.nn.functional.mse_loss, name="mse")
    metric.update(tc.zeros((3, 2)), tc.ones((3, 2)))
    metric.update(tc.zeros((1, 2)), 3 * tc.ones((1, 2)))
    assert metric.compute() == (3 * 1 + 9) / 4
    assert metric.name == "mse"


def test_r2_of_constant_targets_and_few_rows():
    r2 = train.R2()
    assert math.isnan(r2.compute())
    r2.update(tc.asarray([1.0]), tc.asarray([1.0]))
    assert math.isnan(r2.compute())
    r2.update(tc.asarray([1.0]), tc.asarray([1.0]))
    assert r2.compute() == 1
    r2.update(tc.asarray([2.0]), tc.asarray([1.0]))
    assert r2.compute() == 0


def test_sums_are_exact_where_float32_is_not():
    mse, accuracy = train.MSE(), train.Accuracy()
    ones = tc.ones(1000, dtype=tc.bfloat16)
    for _ in range(300):
        mse.update(ones, ones - 0.5)
        accuracy.update(tc.zeros(1000, dtype=tc.int64), tc.zeros(1000, dtype=tc.int64))
    assert mse.compute() == 0.25
    assert accuracy.compute() == 1


def test_nothing_seen_is_nan():
    for metric in (train.Accuracy(), train.MSE(), train.MAE(), train.RMSE(), train.Perplexity(), train.F1()):
        assert math.isnan(metric.compute()), metric.name
    assert train.F1(None).compute() == []
    assert train.ConfusionMatrix().compute().shape == (0, 0)


METRICS = [train.Accuracy(), train.F1(), train.ConfusionMatrix(), train.Perplexity(), train.BitsPerCharacter()]


@pytest.mark.parametrize("metric", METRICS, ids=lambda m: m.name)
def test_state_goes_on_elsewhere(tmp_path, metric, scores):
    output, target = map(tc.asarray, scores)
    metric.reset()
    metric.update(output[:50], target[:50])
    tc.save(metric.state_dict(), tmp_path / "state")
    metric.update(output[50:], target[50:])
    expected = metric.compute()
    metric.reset()
    metric.load_state_dict(tc.load(tmp_path / "state"))
    metric.update(output[50:], target[50:])
    assert np.array_equal(np.asarray(metric.compute()), np.asarray(expected))


def test_an_update_keeps_no_graph():
    x = tc.ones((3, 2)).requires_grad_()
    for metric in (train.MSE(), train.R2(), train.MeanLoss(tc.nn.functional.mse_loss)):
        metric.update(x * 2, tc.zeros((3, 2)))
        assert not any(v.requires_grad for v in metric.state_dict().values() if isinstance(v, tc.Tensor))


@pytest.mark.parametrize(
    ("metric", "output", "target", "error", "reason"),
    [
        (train.MSE(), tc.ones((3, 1)), tc.ones(3), ValueError, r"output \(3, 1\) and target \(3,\)"),
        (train.R2(), tc.ones((3, 1, 1)), tc.ones((3, 1, 1)), ValueError, "r2: needs"),
        (train.Accuracy(), tc.ones((3, 2)), tc.ones(3), TypeError, "integer labels, got float32"),
        (train.Accuracy(), tc.ones((3, 2)), tc.asarray([1, 2]), ValueError, r"output \(3, 2\) and target \(2,\)"),
        (train.Accuracy(3), tc.ones((1, 2)), tc.asarray([1]), ValueError, "only 2 classes"),
        (train.Accuracy(), [1], tc.asarray([1]), TypeError, "output must be a Tensor, got list"),
        (train.F1(), tc.asarray([1]), tc.asarray([1]), ValueError, "needs classes"),
        (train.F1(classes=3), tc.ones((1, 2)), tc.asarray([1]), ValueError, "classes is 3, but the output has 2"),
        (train.MeanLoss(lambda x, y: x - y), tc.ones(2), tc.ones(2), ValueError, r"one number, got shape \(2,\)"),
    ],
)
def test_wrong_batches_are_refused(metric, output, target, error, reason):
    with pytest.raises(error, match=reason):
        metric.update(output, target)


def test_labels_outside_the_classes_are_reported():
    for metric in (train.F1(), train.ConfusionMatrix()):
        metric.update(tc.ones((3, 2)), tc.asarray([0, 2, -1]))
        with pytest.raises(ValueError, match="2 labels are not in"):
            metric.compute()


def test_wrong_settings_are_refused():
    with pytest.raises(ValueError, match="average must be one of"):
        train.F1("mean")
    with pytest.raises(ValueError, match="top_k must be at least 1"):
        train.Accuracy(0)
    with pytest.raises(ValueError, match="normalize must be"):
        train.ConfusionMatrix(normalize="rows")
    binary = train.Recall("binary")
    binary.update(tc.ones((1, 3)), tc.asarray([1]))
    with pytest.raises(ValueError, match="needs two classes, got 3"):
        binary.compute()
