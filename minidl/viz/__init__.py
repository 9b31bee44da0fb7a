"""Pictures of data, training and models: functions that return a matplotlib `Figure`.

In a notebook a figure shows itself; in a program, `figure.savefig("name.png")` keeps it.
"""

from minidl.viz.computation_graph import ComputationGraph, computation_graph
from minidl.viz.confusion import confusion_matrix
from minidl.viz.contact_sheet import contact_sheet
from minidl.viz.costs import costs
from minidl.viz.curves import curves
from minidl.viz.deconvolution import deconvolution, deconvolution_map
from minidl.viz.dropout_masks import dropout_mask, dropout_masks
from minidl.viz.embedding import embedding, principal_components
from minidl.viz.feature_maps import feature_maps
from minidl.viz.filters import filters
from minidl.viz.grad_cam import grad_cam, grad_cam_map
from minidl.viz.loss_landscape import Landscape, loss_landscape, loss_landscape_values
from minidl.viz.lr_finding import lr_finding
from minidl.viz.misclassified import misclassified
from minidl.viz.norm_distributions import norm_distributions, norm_values
from minidl.viz.receptive_field import effective_field_map, receptive_field, receptive_field_map
from minidl.viz.saliency import saliency, saliency_map
from minidl.viz.schedule import schedule
from minidl.viz.search import search
from minidl.viz.statistics import histograms, statistics

__all__ = [
    "ComputationGraph",
    "Landscape",
    "computation_graph",
    "confusion_matrix",
    "contact_sheet",
    "costs",
    "curves",
    "deconvolution",
    "deconvolution_map",
    "dropout_mask",
    "dropout_masks",
    "effective_field_map",
    "embedding",
    "feature_maps",
    "filters",
    "grad_cam",
    "grad_cam_map",
    "histograms",
    "loss_landscape",
    "loss_landscape_values",
    "lr_finding",
    "misclassified",
    "norm_distributions",
    "norm_values",
    "principal_components",
    "receptive_field",
    "receptive_field_map",
    "saliency",
    "saliency_map",
    "schedule",
    "search",
    "statistics",
]
