"""`python -m service.cli` is `kassa`."""

from service.cli import main

main(prog_name="kassa")
