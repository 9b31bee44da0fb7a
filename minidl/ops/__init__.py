"""The operations: forward and backward side by side, on plain arrays, one file a family.

An op does not know `Tensor`. It turns arrays into an array, and a gradient into gradients, so a
debugger inside one shows numbers and nothing else.
"""
