"""The intended differences between the built-in controller and ours: the only ones that are allowed.

Each has the cases in which it may occur and the key of the observation, both as shell patterns; and the reason. One
that never occurs is an error too: then the table is out of date.
"""
from collections import namedtuple

Intended = namedtuple("Intended", "cases key reason")

INTENDED = [
]
