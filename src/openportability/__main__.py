"""`python -m openportability`."""

from openportability.cli import main

main()
