"""What a model is made of and what it costs: a table with a row for each layer.

    print(minidl.summary(minidl.models.create("resnet50"), (3, 224, 224)))

No numbers are computed (`minidl.shapes_only`), so even the largest network takes about a second.
"""

from minidl.summary.count import summary
from minidl.summary.table import Row, Summary

__all__ = ["Row", "Summary", "summary"]
