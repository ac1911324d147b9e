"""`python -m netpolicy`."""

import sys

from netpolicy.cli import main

sys.exit(main())
