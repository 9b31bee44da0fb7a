"""Whole-array NumPy: the readable fast version of each kernel, always available."""
