"""Whether a change cost speed: ``python -m revisions BASE`` in this folder's parent compares two revisions of nbtrain.

`checkouts` makes copies of both with environments of their own, `subject` runs one benchmark in one of them, `pairs`
lets two subjects take turns, `interval` says what the ratios of their times tell, and `__main__` prints it.
"""
