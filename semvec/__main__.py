import sys

from semvec.cli import main

sys.exit(main())
