"""Whether a brain is unlike those that a model learnt from, by numbers that describe both.

`statistics` makes the numbers of a brain, `comparison` sets them beside those of the train brains,
`reasons` says what was found in words.
"""
