"""The model card of an exported fold: what it is, its scores, how torch predicts with it.

The head of YAML is that of the Hub's model cards.
"""

import io
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from pipeline.inputs.markers import PARAGRAPH
from pipeline.task import Task
from pipeline.training.job import Job

_CODE = """
import torch
from transformers import AutoModelForTokenClassification, AutoTokenizer

model = AutoModelForTokenClassification.from_pretrained(".").eval()
tokenizer = AutoTokenizer.from_pretrained(".")
kinds, paragraph = map(
    torch.tensor, map(tokenizer.convert_tokens_to_ids, ({markers}, "{paragraph}"))
)
tokens = tokenizer("{text}", return_tensors="pt", return_special_tokens_mask=True)
ids, added = tokens["input_ids"][0], tokens["special_tokens_mask"][0].bool()
with torch.no_grad():
    logits = model(ids[None]).logits[0]
opens = torch.isin(ids, kinds)
element = opens.cumsum(0).masked_fill(opens | added | (ids == paragraph), 0)  # from 1
for number in range(1, int(opens.sum()) + 1):
    print(logits[element == number].mean(0).softmax(0).tolist())  # {labels}
"""


def card(
    job: Job, task: Task, competition: str, origin: Mapping[str, Any], figures: Mapping[str, Any]
) -> str:
    """Write the card of one unit's folder.

    Args:
      job: that was trained.
      task: the names of the classes, and the markers of types.
      competition: its name in Kaggle's addresses.
      origin: the backbone's record.
      figures: of the unit, as `metrics.json` has them; a full fit has no score.
    """
    head: dict[str, Any] = {
        "library_name": "transformers",
        "pipeline_tag": "token-classification",
        "tags": [competition, "jax", "flax"],
        "metrics": ["log_loss", "accuracy"],
    }
    # A folder's path says nothing elsewhere, and may say too much.
    if "commit" in origin:
        head["base_model"] = origin["source"]
    stream = io.StringIO()
    YAML().dump(head, stream)
    return "\n".join(
        (
            f"---\n{stream.getvalue()}---",
            f"# {job.model}, {job.unit.title}",
            "",
            f"A {job.encoder} encoder for Kaggle's {competition}: it rates each element of an "
            f"essay as {_or(task.labels)}. {_scores(job, figures)} {_backbone(origin)}",
            "",
            "Each element of an essay is opened by the marker of its type: "
            f"{', '.join(f'`{m}` {kind}' for kind, m in task.markers.items())}. A run of newlines "
            f"becomes `{PARAGRAPH}`, the rest of the essay stays in place. The logits of an "
            "element are the mean of those of its own tokens, markers aside. This folder is one of "
            "several whose probabilities are averaged, and the blend calibrates them.",
            "",
            f"```python{_code(task)}```",
            "",
        )
    )


def _scores(job: Job, figures: Mapping[str, Any]) -> str:
    seed = job.train.seed if job.unit.seed is None else job.unit.seed
    steps = f"It was trained under seed {seed} for {figures['steps']:,} steps"
    if figures["step"] != figures["steps"]:
        steps += f", of which step {figures['step']:,} had the best evaluation"
    if "log_loss" not in figures:
        return f"{steps} on all {figures['essays']:,} essays, so it has no score of its own."
    return (
        f"{steps} without the essays of fold {job.fold} of data/folds.parquet. On their "
        f"{figures['elements']:,} elements its log loss is {figures['log_loss']:.4f} and its "
        f"accuracy {figures['accuracy']:.4f}."
    )


def _backbone(origin: Mapping[str, Any]) -> str:
    if "commit" in origin:
        return f"It began as {origin['source']} at commit {origin['commit']}, whose licence holds."
    return "It began as a checkpoint in a folder." if "files" in origin else "It began untrained."


def _code(task: Task) -> str:
    markers = list(task.markers.values())
    text = f"{markers[0]} Seagulls are loud. {markers[1]} They should live by the sea."
    return _CODE.format(
        markers=markers, paragraph=PARAGRAPH, text=text, labels=", ".join(task.labels)
    )


def _or(labels: tuple[str, ...]) -> str:
    return f"{', '.join(labels[:-1])} or {labels[-1]}"
