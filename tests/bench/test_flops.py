"""Operations by hand, and the chips' peaks by name."""

import numpy as np
import pytest

from bench import flops
from bench.shapes import SHAPES
from pipeline.errors import UserError

BERT = {
    "model_type": "bert",
    "hidden_size": 4,
    "intermediate_size": 10,
    "num_hidden_layers": 3,
    "max_position_embeddings": 16,
}
DEBERTA = BERT | {
    "model_type": "deberta-v2",
    "relative_attention": True,
    "pos_att_type": ["p2c", "c2p"],
    "position_buckets": 2,
}


def test_bert_by_hand():
    # A token: four products of 4 x 4 and two of 4 x 10, 144 multiplications, 288 operations.
    # Windows of 2 and 5: 4 + 25 = 29 pairs, each 4 multiplications for the score and 4 for the
    # value, 464 operations. Three layers, and the classifier's 4 x 3 for each of 7 tokens.
    assert flops.forward(BERT, np.array([2, 5])) == 3 * (7 * 288 + 464) + 7 * 24
    assert flops.training(BERT, np.array([2, 5])) == 3 * flops.forward(BERT, np.array([2, 5]))


def test_deberta_adds_two_products_with_the_distances_in_reach():
    # Of 2 x 2 buckets the window of 2 reaches 2 and that of 5 all 4: 2 * 2 + 5 * 4 = 24 products
    # of width 4, for c2p and again for p2c, in each of three layers.
    more = flops.forward(DEBERTA, np.array([2, 5])) - flops.forward(BERT, np.array([2, 5]))
    assert more == 3 * 2 * 24 * 2 * 4


def test_base_is_near_two_operations_a_parameter():
    """Without attention a token costs 2 operations for each weight of the layers: 85 million."""
    short = flops.forward(SHAPES["deberta_v3_base"], np.array([1]))
    assert short == pytest.approx(2 * 85e6, rel=0.01)
    large = flops.forward(SHAPES["deberta_v3_large"], np.array([1]))
    assert large == pytest.approx(2 * 302e6, rel=0.01)


def test_modernbert_s_local_layers_see_their_window_only():
    fields = BERT | {
        "model_type": "modernbert",
        "layer_types": ["full_attention", "sliding_attention", "sliding_attention"],
        "local_attention": 2,
    }
    # Three products of 4 x 10 in the gated network, the head's 4 x 4, the classifier's 4 x 3.
    by_token = 3 * 2 * (4 * 16 + 3 * 40) + 2 * 16 + 2 * 12
    # A token of the window of 5 sees 5 others in the first layer and 3 in the two local ones.
    pairs = (2 * 2 + 5 * 5) + 2 * (2 * 2 + 5 * 3)
    assert flops.forward(fields, np.array([2, 5])) == 7 * by_token + pairs * 2 * 2 * 4


def test_an_architecture_without_a_formula_is_refused():
    with pytest.raises(UserError, match="t5"):
        flops.forward(BERT | {"model_type": "t5"}, np.array([1]))


def test_the_longest_name_of_a_chip_counts():
    assert flops.peak("NVIDIA H100 PCIe") == 756e12
    assert flops.peak("NVIDIA H100 80GB HBM3") == 989e12
    assert flops.peak("NVIDIA L40S") == 362e12
    assert flops.peak("cpu") is None
