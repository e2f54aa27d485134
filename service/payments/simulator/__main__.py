"""``python -m service.payments.simulator``."""

from __future__ import annotations

import sys
from pathlib import Path

from service.payments.simulator.process import main
from service.settings import environment_with_dotenv

if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:], environment_with_dotenv(Path.cwd())))
