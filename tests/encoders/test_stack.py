import pytest

from pipeline.encoders.registry import Tensor
from pipeline.encoders.stack import Repetition, find_repetition, layer_tensors


def kinds(letters: str) -> list[dict[str, str]]:
    return [{"letter": letter} for letter in letters]


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        ("aaaa", Repetition(0, 1)),
        ("a", Repetition(1, 0)),
        ("aa", Repetition(0, 1)),
        ("abcd", Repetition(4, 0)),
        ("fllgllg", Repetition(1, 3)),  # ModernBERT: the first has no norm
        ("fllgllgl", Repetition(2, 3)),
        ("fllgllgll", Repetition(3, 3)),
        ("fllgll", Repetition(4, 1)),
        ("caaaa", Repetition(1, 1)),  # DeBERTa-v2-xlarge: the first has a convolution
        ("ababab", Repetition(0, 2)),
        ("aaaab", Repetition(5, 0)),
    ],
)
def test_repetitions(letters: str, expected: Repetition):
    assert find_repetition(kinds(letters)) == expected


def test_tensors_stand_where_the_layers_do():
    found = layer_tensors(
        kinds("fllgllg"), lambda kind: {"dense/kernel": Tensor(f"{kind['letter']}.{{}}.weight")}
    )
    assert found == {
        "layer_0/dense/kernel": Tensor("f.{}.weight", layers=0),
        "blocks/0/dense/kernel": Tensor("l.{}.weight", layers=range(1, 7, 3)),
        "blocks/1/dense/kernel": Tensor("l.{}.weight", layers=range(2, 7, 3)),
        "blocks/2/dense/kernel": Tensor("g.{}.weight", layers=range(3, 7, 3)),
    }
    names = [tensor.names() for tensor in found.values()]
    assert names == [
        ["f.0.weight"],
        ["l.1.weight", "l.4.weight"],
        ["l.2.weight", "l.5.weight"],
        ["g.3.weight", "g.6.weight"],
    ]
