"""Training: the trainer, metrics, checkpoints, logs and curves."""

from .callbacks import *
from .checkpoint import *
from .classification import *
from .curves import *
from .display import *
from .logs import *
from .metrics import *
from .trainer import *
