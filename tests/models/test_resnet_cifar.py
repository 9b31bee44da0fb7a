"""The plain networks of the CIFAR experiment: ResNets without shortcuts."""

from typing import Any

import pytest

from minidl import models
from minidl.models.resnet import PlainBlock
from minidl.models.resnet_cifar import ResNetCIFAR
from tests.models.ledger import parameter_count, statistics_count

# As option A, which adds no parameters: akamaster's pytorch_resnet_cifar10.
# (depth, parameters, batch norm statistics)
COUNTS = [(20, 269_722, 1_376), (32, 464_154, 2_272), (56, 853_018, 4_064), (110, 1_727_962, 8_096)]


@pytest.mark.parametrize(("depth", "parameters", "statistics"), COUNTS)
def test_a_plain_network_has_the_parameters_of_option_a(
    depth: int, parameters: int, statistics: int
) -> None:
    plain, residual = (ResNetCIFAR(depth, option=option) for option in ("none", "A"))
    assert parameter_count(plain) == parameters
    assert statistics_count(plain) == statistics
    assert list(plain.state_dict()) == list(residual.state_dict())


def test_plain20_and_plain56_have_no_shortcut() -> None:
    for name, blocks in (("plain20", 3), ("plain56", 9)):
        model: Any = models.create(name)
        for stage in (model.layer1, model.layer2, model.layer3):
            assert [type(block) for block in stage] == [PlainBlock] * blocks


def test_option() -> None:
    with pytest.raises(ValueError, match=r"'A' .* or 'B' .*'none' .*plain network; not 'plain'$"):
        models.create("resnet20", option="plain")
