"""Training: the trainer, metrics, checkpoints, logs and curves."""

from .digits import TrainResult, train_digits
from .metrics import *
