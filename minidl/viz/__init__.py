"""Pictures of data, training and models: functions that return a matplotlib `Figure`.

In a notebook a figure shows itself; in a program, `figure.savefig("name.png")` keeps it.
"""

from minidl.viz.confusion import confusion_matrix
from minidl.viz.costs import costs
from minidl.viz.curves import curves
from minidl.viz.misclassified import misclassified

__all__ = ["confusion_matrix", "costs", "curves", "misclassified"]
