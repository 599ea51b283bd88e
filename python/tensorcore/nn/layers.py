"""Every class of `tensorcore.nn`, which hands them on when they are asked for."""

from .activation import *
from .attention import *
from .container import *
from .conv import *
from .dropout import *
from .lazy import *
from .linear import Bilinear as Bilinear
from .linear import Identity as Identity
from .linear import Linear as Linear
from .loss import *
from .module import Module as Module
from .norm import *
from .parameter import Buffer as Buffer
from .parameter import Parameter as Parameter
from .parameter import UninitializedBuffer as UninitializedBuffer
from .parameter import UninitializedParameter as UninitializedParameter
from .pool import *
from .recurrent import *
from .shape import *
from .sparse import *
from .transformer import *
