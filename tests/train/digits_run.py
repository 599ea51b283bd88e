"""A small training of digits that can be stopped and resumed: shared by the trainer's tests, and run as a program.

    python digits_run.py FOLDER [SIGNAL STEP]

trains with checkpoints in FOLDER, resuming what is there, and prints the weights and history as JSON. With a signal,
SIGINT or SIGKILL, it sends that to itself at a step.
"""

import json
import os
import signal
import sys

import tensorcore as tc
from tensorcore import train
from tensorcore.nn import functional as F

DIGITS = tc.data.load_digits()
ORDER = tc.random.randperm(1797, generator=tc.Generator(0))  # so that no writer is only among the held-out
IMAGES, LABELS = DIGITS.images.reshape((-1, 64))[ORDER], DIGITS.labels[ORDER]


def model(p=0.2):
    tc.manual_seed(1)
    nn = tc.nn
    return nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 10))


def loaders(size=400, held_out=200, **settings):
    settings = {"batch_size": 32, "shuffle": True, **settings}
    data = tc.data.TensorDataset(IMAGES[:size], LABELS[:size])
    rest = tc.data.TensorDataset(IMAGES[size : size + held_out], LABELS[size : size + held_out])
    return tc.data.DataLoader(data, **settings), tc.data.DataLoader(rest, batch_size=100)


def trainer(folder=None, network=None, optimizer=None, **settings):
    network = network or model()
    optimizer = optimizer or tc.optim.Adam(network.parameters(), lr=0.01)
    settings = {"metrics": [train.Accuracy()], "progress": False, "checkpoints": folder, **settings}
    if "schedule" not in settings:
        settings["schedule"] = tc.optim.lr_scheduler.ExponentialLR(optimizer, 0.9)
    return train.Trainer(network, optimizer, F.cross_entropy, **settings)


def outcome(run):
    """Weights, bit for bit, and history, without what a clock says."""
    weights = {name: bytes(memoryview(tc._core.as_bytes(x))).hex() for name, x in run.model.state_dict().items()}
    return {
        "weights": weights,
        "history": [{k: v for k, v in row.items() if k != "seconds"} for row in run.history],
        "lr": run.lr,
        "step": run.step,
        "why": run.stop_reason,
    }


class Send(train.Callback):
    """Sends a signal to this process after some step."""

    def __init__(self, name, step):
        self.signal, self.at = getattr(signal, name), int(step)

    def on_step(self, trainer):
        if trainer.step == self.at:
            os.kill(os.getpid(), self.signal)


def main(folder, *what):
    run = trainer(folder, callbacks=[Send(*what)] if what else [], checkpoint_every=3)
    run.fit(*loaders(), epochs=3, resume=True)
    print(json.dumps(outcome(run)))


if __name__ == "__main__":
    main(*sys.argv[1:])
