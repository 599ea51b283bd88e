"""Neural-network functions with PyTorch's names; axes are spelled `axis` and `keepdims` as in `tc`."""

from .activation import *
from .attention import *
from .conv import *
from .dropout import *
from .embedding import *
from .linear import *
from .loss import *
from .norm import *
from .pool import *
from .recurrent import *
from .softmax import *
