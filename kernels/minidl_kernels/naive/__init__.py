"""Textbook loops: each kernel is its own definition, written to be stepped through.

Slow on purpose. The other two sets are tested against this one.
"""
