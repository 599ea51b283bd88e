"""`python -m tensorcore` is the command `tensorcore`."""

import sys

from .cli import main

sys.exit(main())
