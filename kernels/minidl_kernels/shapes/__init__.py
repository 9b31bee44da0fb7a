"""No arithmetic at all: each function returns a `Blank` of the shape that would come out.

There are the forward functions only. `minidl.shapes_only()` uses this set.
"""
