"""Metrics against counting by hand."""

import math

import numpy as np
import pytest

from minidl.train.metrics import Mean, accuracy, confusion_matrix


def test_mean_weighs_batches_by_their_images():
    mean = Mean()
    assert math.isnan(mean.value)
    mean.add(1.0, 3)
    mean.add(5.0, 1)
    assert mean.value == 2.0


def test_accuracy_counts_the_right_ones():
    logits = np.array([[1, 2, 0], [9, 1, 2], [0, 0, -1], [1, 2, 3]], np.float32)
    assert accuracy(logits, np.array([1, 0, 2, 2])) == 0.75
    assert math.isnan(accuracy(np.zeros((0, 3)), np.zeros(0, np.int64)))


def test_confusion_matrix_counts_pairs_of_truth_and_answer():
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(0, 4, 200), rng.integers(0, 5, 200)
    matrix = confusion_matrix(labels, predictions, 5)
    expected = np.zeros((5, 5), int)
    for label, prediction in zip(labels, predictions, strict=True):
        expected[label, prediction] += 1
    np.testing.assert_array_equal(matrix, expected)
    assert matrix[4].sum() == 0  # a class without images keeps its row


@pytest.mark.parametrize("size", [1, 3])
def test_confusion_matrix_of_nothing_is_zero(size):
    nothing = np.zeros(0, np.int64)
    np.testing.assert_array_equal(confusion_matrix(nothing, nothing, size), np.zeros((size, size)))
