"""Training: the trainer, metrics, checkpoints, logs and curves."""

from .callbacks import *
from .checkpoint import *
from .classification import *
from .curves import *
from .digits import TrainResult as TrainResult
from .digits import train_digits as train_digits
from .display import *
from .logs import *
from .metrics import *
from .trainer import *
