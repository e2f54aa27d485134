"""`python -m service.cli` is `kassa`."""

from service.cli import main

main()
