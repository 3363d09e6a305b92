"""How often intervals of counts hold the true number: `python -m cellsift.benchmarks.coverage`.

`brains` makes up scored candidates of train brains and of a further brain whose truth is known,
`trials` counts it in several ways, `page` and `figure` show how often each was right.
"""
