"""`python -m cellsift.cli` is `cellsift`."""

from cellsift.cli import main

main()
