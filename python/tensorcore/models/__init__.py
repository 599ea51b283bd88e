"""Models ready to train: each a `tc.nn.Module` whose constructor takes its sizes."""

from .char_lstm import CharLSTM
from .cnn import CNN
from .mlp import MLP
from .text_classifier import TextClassifier

__all__ = ["CNN", "MLP", "CharLSTM", "TextClassifier"]
