from dataclasses import replace

import pytest
from designs import Net, fire_design

from sqz_hw.errors import BadInputError
from sqz_hw.estimate.topology import check_dataflow, joins_by_fork


def forks(design):
    return {fork: [join.op.value for join in joins] for fork, joins in joins_by_fork(design).items()}


def test_a_chain_has_no_joins():
    net = Net(4, 4)
    net.relu(net.conv(net.input, 2))
    assert forks(net.design()) == {}


def test_a_bypass_goes_back_to_the_clone_before_the_fire_module():
    found = forks(fire_design(bypass="simple"))
    assert list(found.values()) == [["add"], ["concat"]]


def test_braided_branches_go_back_to_the_clone_that_all_paths_pass():
    net = Net(4, 4)
    a, b = net.relu(net.input), net.relu(net.input)
    net.add(net.concat(a, b), net.concat(net.relu(a), net.relu(b)))
    assert forks(net.design()) == {"clone_image": ["concat", "concat", "add"]}


def test_layers_out_of_order_are_refused():
    design = fire_design()
    with pytest.raises(BadInputError, match="must be written by an earlier layer"):
        check_dataflow(replace(design, layers=design.layers[::-1]))


def test_a_join_with_one_input_is_refused():
    design = fire_design()
    broken = replace(design.layers[-1], inputs=design.layers[-1].inputs[:1])
    with pytest.raises(
        BadInputError, match="a concat cannot have 1 inputs and 1 outputs; build the design again"
    ):
        check_dataflow(replace(design, layers=(*design.layers[:-1], broken)))


def test_inputs_of_different_maps_are_refused():
    net = Net(4, 4)
    net.concat(net.relu(net.input), net.conv(net.input, 2, 3))
    with pytest.raises(
        BadInputError, match=r"its input conv1_out must be 4x4, not 2x2; build the design again"
    ):
        check_dataflow(net.design())
