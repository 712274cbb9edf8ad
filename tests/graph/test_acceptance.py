import pytest

from pipeline.errors import UserError
from pipeline.graph.acceptance import refuse_more_than_code


def test_edits_to_code_are_taken():
    refuse_more_than_code(
        {
            "train@tiny-0": [
                {
                    "changed deps": {
                        "data/code/train.json": "modified",
                        "data/backbones/tiny/encoder.json": "modified",
                    }
                }
            ]
        }
    )


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"changed deps": {"params.yaml": {"models.tiny.train": "modified"}}}, r"models\.tiny"),
        ({"changed deps": {"data/folds.parquet": "modified"}}, "folds.parquet: modified"),
        ({"changed deps": {"data/code/train.json": "new"}}, "new"),
        ({"changed deps": {"pipeline": "modified"}}, "pipeline: modified"),
        ({"changed deps": {"data/backbones/tiny/config.json": "modified"}}, "config"),
        ({"changed outs": {"artifacts/weights/tiny/fold0": "deleted"}}, "dvc checkout"),
        ("changed command", "changed command"),
    ],
)
def test_anything_else_is_refused(change: str | dict[str, object], match: str):
    with pytest.raises(UserError, match=match):
        refuse_more_than_code({"train@tiny-0": [change]})
