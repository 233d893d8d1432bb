"""`python -m gvdecode`."""

import sys

from gvdecode.cli import main

sys.exit(main())
