"""The virtual node: a small program of its own, which knows the standard library only.

It stays light, so that a job starts in a few hundredths of a second and the node outlives the
daemon that started it. Nothing here imports anything of Allmende from outside this package.
"""
