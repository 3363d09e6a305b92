"""The number of cells in a brain, with an interval, by what is known of scores and of detection.

`recall` says which share of the cells has a candidate, `estimate` how many cells there are, and
`further` what more labels would buy; `classical` is what the labels alone say. `shared_cells` tells
of candidates at the same cell.
"""
