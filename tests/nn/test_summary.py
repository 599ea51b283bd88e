"""`tc.summary`: shapes, parameters, multiply-adds, memory; the model stays as it was."""

import numpy as np
import pytest

import tensorcore as tc
from tensorcore import nn


def test_figures_of_a_convolutional_network():
    net = nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1),
        nn.BatchNorm2d(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8 * 49, 10),
    )
    before = np.array(net[1].running_mean)
    net[0].bias.requires_grad = False
    found = tc.summary(net, (4, 1, 14, 14))
    assert [(x.name, x.kind, x.output_shape) for x in found.layers] == [
        ("", "Sequential", (4, 10)),
        ("0", "Conv2d", (4, 8, 14, 14)),
        ("1", "BatchNorm2d", (4, 8, 14, 14)),
        ("2", "ReLU", (4, 8, 14, 14)),
        ("3", "MaxPool2d", (4, 8, 7, 7)),
        ("4", "Flatten", (4, 392)),
        ("5", "Linear", (4, 10)),
    ]
    assert [x.parameters for x in found.layers] == [0, 80, 16, 0, 0, 0, 3930]
    assert found.parameters == 4026
    assert found.trainable_parameters == 4018
    assert found.parameter_bytes == 4026 * 4
    assert found.buffer_bytes == 16 * 4 + 8
    assert found.multiply_adds == 4 * (8 * 14 * 14 * 9 + 392 * 10)
    assert found.activation_bytes == 4 * 4 * (3 * 8 * 196 + 2 * 8 * 49 + 10)
    text = str(found)
    for part in ("0: Conv2d", "(4, 8, 14, 14)", "4,026, 8 of them frozen", "56,448", "multiply-adds        72.1 K"):
        assert part in text
    assert net.training
    assert net[1].training
    np.testing.assert_array_equal(np.array(net[1].running_mean), before)
    assert int(net[1].num_batches_tracked) == 0
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in net.modules())


@pytest.mark.parametrize(
    ("layer", "shape", "count"),
    [
        (nn.Linear(3, 5), (2, 7, 3), 2 * 7 * 15),
        (nn.ConvTranspose2d(3, 4, 2, stride=2), (1, 3, 5, 5), 3 * 25 * 4 * 4),
        (nn.Conv2d(4, 8, 3, groups=2), (1, 4, 5, 5), 8 * 9 * 2 * 9),
        (nn.LSTM(3, 4, 2, bidirectional=True), (5, 2, 3), 10 * (2 * 16 * 7 + 2 * 16 * 12)),
        (nn.GRUCell(3, 4), (2, 3), 2 * 12 * 7),
        (nn.ReLU(), (2, 3), 0),
    ],
)
def test_multiply_adds(layer, shape, count):
    assert tc.summary(layer, shape).multiply_adds == count


def test_attention_counts_projections_and_products():
    layer = nn.MultiheadAttention(8, 2)
    q, k = tc.ones((5, 3, 8)), tc.ones((4, 3, 8))
    found = tc.summary(layer, (q, k, k))
    assert found.layers[0].output_shape == ((5, 3, 8), (3, 5, 4))
    assert found.multiply_adds == 15 * 64 + 2 * 12 * 64 + 2 * 3 * 5 * 4 * 8 + 15 * 64
    assert found.input_shape == ((5, 3, 8), (4, 3, 8), (4, 3, 8))


def test_layers_that_are_called_twice_or_never():
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.twice = nn.Linear(3, 3)
            self.never = nn.Linear(2, 2)

        def forward(self, x):
            return self.twice(self.twice(x))

    found = tc.summary(Net(), tc.ones((1, 3)))
    assert [(x.name, x.parameters, x.output_shape) for x in found.layers] == [
        ("", 0, (1, 3)), ("twice", 12, (1, 3)), ("twice", 0, (1, 3)), ("never", 6, None),
    ]  # fmt: skip
    assert found.parameters == 18
    assert found.multiply_adds == 18


def test_shapes_take_the_model_s_dtype_and_device():
    net = nn.Linear(2, 2).double().cuda()
    assert tc.summary(net, (1, 2)).activation_bytes == 16
    lookup = nn.Embedding(5, 2)
    assert tc.summary(lookup, (3, 4), dtype=tc.int64).layers[0].output_shape == (3, 4, 2)


def test_a_failing_pass_leaves_no_hooks():
    net = nn.Sequential(nn.Linear(2, 2))
    with pytest.raises(ValueError, match="linear"):
        tc.summary(net, (1, 3))
    assert not net[0]._forward_hooks
    assert net[0].training
    for bad in ((3, (1, 2)), (net, 3), (net, ())):
        with pytest.raises(TypeError, match="summary: "):
            tc.summary(*bad)
