"""`python -m rotui`."""

from rotui.cli.main import main

main()
