"""Training: the trainer, metrics, checkpoints, logs and curves."""

from .checkpoint import *
from .classification import *
from .digits import TrainResult as TrainResult
from .digits import train_digits as train_digits
from .metrics import *
