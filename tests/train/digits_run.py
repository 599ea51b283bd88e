"""A small training of digits that can be stopped and resumed: shared by the trainer's tests, and run as a program.

    python digits_run.py FOLDER [interrupt]

trains with checkpoints in FOLDER, resuming what is there, and prints the weights and history as JSON. With `interrupt` it
sends itself SIGINT in the middle of an epoch.
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


class Decay:
    """A schedule: the learning rate falls by a factor per step."""

    def __init__(self, optimizer, factor=0.9):
        self.optimizer, self.factor, self.count = optimizer, factor, 0

    def step(self):
        self.count += 1
        for group in self.optimizer.param_groups:
            group["lr"] *= self.factor

    def state_dict(self):
        return {"count": self.count}

    def load_state_dict(self, state):
        self.count = state["count"]


def trainer(folder=None, network=None, optimizer=None, **settings):
    network = network or model()
    optimizer = optimizer or tc.optim.Adam(network.parameters(), lr=0.01)
    settings = {"metrics": [train.Accuracy()], "progress": False, "checkpoints": folder, **settings}
    if "schedule" not in settings:
        settings["schedule"] = Decay(optimizer)
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


class Interrupt(train.Callback):
    """Sends SIGINT to this process after some step."""

    def __init__(self, step):
        self.at = step

    def on_step(self, trainer):
        if trainer.step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def main(folder, interrupt):
    run = trainer(folder, callbacks=[Interrupt(17)] if interrupt else [])
    run.fit(*loaders(), epochs=3, resume=True)
    print(json.dumps(outcome(run)))


if __name__ == "__main__":
    main(sys.argv[1], "interrupt" in sys.argv)
