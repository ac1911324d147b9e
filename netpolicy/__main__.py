"""`python -m netpolicy`."""

import sys

from netpolicy.cli import program

sys.exit(program())
