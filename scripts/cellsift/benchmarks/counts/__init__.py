"""What it takes to count finished brains: `python -m cellsift.benchmarks.counts`.

`project` writes a project whose brains are classified, `page` what counting them took.
"""
