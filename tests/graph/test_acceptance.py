import pytest

from pipeline.errors import UserError
from pipeline.graph.acceptance import refuse_more_than_code


def test_edits_to_code_are_taken():
    refuse_more_than_code(
        {
            "train@tiny-0": [
                {
                    "changed deps": {
                        "pipeline/training/loop.py": "modified",
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
        ({"changed deps": {"pipeline/new.py": "new"}}, "new"),
        ({"changed outs": {"artifacts/weights/tiny/fold0": "deleted"}}, "dvc checkout"),
        ("changed command", "changed command"),
    ],
)
def test_anything_else_is_refused(change: str | dict[str, object], match: str):
    with pytest.raises(UserError, match=match):
        refuse_more_than_code({"train@tiny-0": [change]})
