"""Recipes: how each makes samples of its data, and that every name leads somewhere."""

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import recipes
from tensorcore.recipes import characters, diamonds, pictures, recipe, texts


@pytest.mark.parametrize("data", recipes.names())
def test_every_recipe_has_models_and_help(data):
    found = recipes.find(data)
    assert found.data == data
    assert data in recipe.HELP
    name, settings = found.settings(None)
    assert name == next(iter(found.models))
    assert recipes.Settings.from_json(settings.as_json()) == settings
    assert settings.but(lr=1.0, epochs=None).lr == 1.0
    with pytest.raises(ValueError, match=f"{data}: there is no model 'x'"):
        found.settings("x")


def test_unknown_names_are_refused():
    with pytest.raises(ValueError, match="there is no data set 'letters', only digits, mnist"):
        recipes.find("letters")
    model = tc.models.MLP((2, 2))
    with pytest.raises(ValueError, match=r"optimizer must be one of sgd, .*, got 'newton'"):
        recipes.make_optimizer(model, recipes.Settings(1, 1, 0.1, optimizer="newton"))
    optimizer = recipes.make_optimizer(model, recipes.Settings(1, 1, 0.1))
    with pytest.raises(ValueError, match=r"schedule must be one of none, .*, got 'fast'"):
        recipes.make_schedule(optimizer, recipes.Settings(1, 1, 0.1, schedule="fast"), 1)


@pytest.mark.parametrize("shifted", [False, True])
def test_windows_of_text(shifted):
    codes = tc.arange(1003)
    windows = characters.Windows(codes, 10, shifted)
    assert len(windows) == (99 if shifted else 100)
    x, y = windows.get_batch(tc.asarray([0, 7, len(windows) - 1]))
    assert x.shape == y.shape == (3, 10)
    np.testing.assert_array_equal(np.asarray(y), np.asarray(x) + 1)
    first = np.asarray(x)[:, 0]
    begins = np.array([0, 7, len(windows) - 1]) * 10
    assert ((first >= begins) & (first < begins + (10 if shifted else 1))).all()
    one = windows[3]
    assert one[0].shape == (10,)
    if shifted:
        loaders = [tc.data.DataLoader(windows, 9, True, seed=s, num_workers=w) for s, w in ((0, 0), (0, 2), (1, 0))]
        orders = [[x.tolist() for x, _ in loader] for loader in loaders]
        assert orders[0] == orders[1] != orders[2]
        assert orders[0] != [x.tolist() for x, _ in loaders[0]]  # of the next epoch


def test_loss_and_bits_of_characters():
    logits = tc.random.randn((2, 5, 7))
    target = tc.arange(10).reshape((2, 5)) % 7
    loss = characters.loss((logits, None), target)
    shares = np.exp(np.asarray(logits, np.float64))
    shares /= shares.sum(axis=-1, keepdims=True)
    expected = -np.log(np.take_along_axis(shares, np.asarray(target)[..., None], -1)).mean()
    assert abs(loss.item() - expected) < 1e-5
    bits = characters.Bits()
    bits.update((logits, None), target)
    assert abs(bits.compute() - expected / np.log(2)) < 1e-5


def test_texts_are_padded_together():
    features = tc.data.NgramFeatures(words=(1, 1), characters=None, min_texts=1).fit(["a b c", "d"])
    ids, weights, labels = texts.collate([texts.Texts(["a b c", "d"], [1, 0], features)[i] for i in range(2)])
    assert ids.shape == weights.shape == (2, 3)
    assert (ids[1].tolist()[1:], weights[1].tolist()) == ([0, 0], [1.0, 0.0, 0.0])
    assert labels.tolist() == [1, 0]


def test_features_of_diamonds():
    x = diamonds.features(tc.asarray([[0.5, 60.0, 55.0, 5.0, 5.0, 0.0]]), tc.asarray([[4, 0, 3]]))
    assert x.dtype is tc.float32
    sizes = [0.5, 60, 55, 5, 5, 0]
    logs = np.log([0.5, 60, 55, 5, 5, 0.1])
    grades = [1, 1, 1, 1] + [0] * 6 + [1, 1, 1, 0, 0, 0, 0]
    np.testing.assert_allclose(np.asarray(x)[0], [*sizes, *logs, *grades], rtol=1e-6)


@pytest.mark.parametrize("bright", [False, True])
def test_pictures_are_made_like_those_that_were_learned(tmp_path, bright):
    image = pytest.importorskip("PIL.Image")
    ground, ink = (255, 0) if bright else (0, 255)
    picture = image.new("RGB", (90, 70), (ground,) * 3)
    picture.paste((ink,) * 3, (50, 10, 60, 50))  # a bar of 10×40, off the centre
    picture.save(tmp_path / "bar.png")
    x = np.asarray(pictures.read_picture(str(tmp_path / "bar.png"), (28, 28), 5 / 7))
    assert x.shape == (1, 28, 28)
    rows, columns = np.nonzero(x[0] > 0.5)
    assert (rows.min(), rows.max(), columns.min(), columns.max()) == (4, 23, 11, 15)
    empty = image.new("L", (20, 20), ground)
    empty.save(tmp_path / "empty.png")
    assert pictures.read_picture(str(tmp_path / "empty.png"), (8, 8), 1.0).shape == (1, 8, 8)
