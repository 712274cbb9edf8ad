"""Writes golden/: tiny torch models, what their modules give and their gradients.

Run where torch and transformers are installed: python -m tests.parity.make_golden
"""

import json
import re
import shutil
import tempfile
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import load_file, save_file
from transformers.activations import ACT2FN
from transformers.models.deberta_v2.modeling_deberta_v2 import make_log_bucket_position

from tests.backbones import published
from tests.backbones.published import CONFIGS
from tests.parity import masked
from tests.parity.models import GOLDEN, MODELS
from tests.parity.torch_masked import masked_model, masked_run
from tests.parity.torch_models import LENGTHS, model, run, save
from tests.parity.torch_published import shapes

ACTIVATIONS = (
    "gelu",
    "gelu_new",
    "gelu_fast",
    "gelu_pytorch_tanh",
    "relu",
    "silu",
    "swish",
    "tanh",
)

BUCKETS = ((256, 512), (256, 256), (32, 128), (4, 8))  # the first is every released checkpoint's


def write_model(name: str, seed: int) -> None:
    """One model's folder, as transformers saves it, and its arrays beside the weights."""
    folder = GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    made = model(name, seed)
    save(made, folder)
    write_config(folder)
    save_file(
        load_file(folder / "model.safetensors"), folder / "model.safetensors", {"format": "pt"}
    )
    done = run(made, LENGTHS, seed)
    arrays = {"ids": done.ids, "real": done.real, "cotangent": done.cotangent}
    arrays |= {f"output:{name}": value for name, value in done.outputs.items()}
    arrays |= {f"gradient:{name}": value for name, value in done.gradients.items()}
    save_file(
        {name: np.ascontiguousarray(a) for name, a in arrays.items()}, folder / "run.safetensors"
    )


def write_masked(name: str, seed: int) -> None:
    """One masked language model's folder, and its logits."""
    folder = masked.GOLDEN / name
    shutil.rmtree(folder, ignore_errors=True)
    made = masked_model(name, seed)
    save(made, folder)
    write_config(folder)
    ids, real, logits = masked_run(made, seed)
    save_file({"ids": ids, "real": real, "logits": logits}, folder / "run.safetensors")


def write_config(folder: Path) -> None:
    """Write a folder's config.json anew, without the version."""
    fields = json.loads((folder / "config.json").read_text())
    fields.pop("transformers_version")
    (folder / "config.json").write_text(json.dumps(fields, indent=2, sort_keys=True) + "\n")


def write_activations() -> None:
    """Every activation and its derivative over a range."""
    arrays = {"x": np.linspace(-6.0, 6.0, 97, dtype=np.float32)}
    for name in ACTIVATIONS:
        x = torch.tensor(arrays["x"], requires_grad=True)
        y = ACT2FN[name](x)
        y.sum().backward()
        arrays[name], arrays[f"{name}:slope"] = y.detach().numpy(), x.grad.numpy()
    save_file(arrays, GOLDEN / "activations.safetensors")


def write_buckets() -> None:
    """The buckets of DeBERTa-v2's relative positions, for distances up to 4,096 of either sign."""
    distance = torch.arange(-4096, 4097)
    arrays = {
        f"{buckets}/{longest}": make_log_bucket_position(distance, buckets, longest)
        for buckets, longest in BUCKETS
    }
    save_file(
        {n: a.numpy().astype(np.int16) for n, a in arrays.items()}, GOLDEN / "buckets.safetensors"
    )


def write_published() -> None:
    """The tensors of each published checkpoint's architecture."""
    found = {}
    with tempfile.TemporaryDirectory() as scratch:
        for name in CONFIGS:
            found[name] = shapes(published.write(Path(scratch) / name, name))
    text = json.dumps(found, indent=1, sort_keys=True)
    # A shape on one line: the file is read by people too.
    text = re.sub(r"\[\s+([\d,\s]+?)\s+\]", lambda m: f"[{' '.join(m[1].split())}]", text)
    (GOLDEN / "published.json").write_text(text + "\n")


if __name__ == "__main__":
    GOLDEN.mkdir(exist_ok=True)
    for name, compared in MODELS.items():
        write_model(name, compared.seed)
    for name, seed in masked.NAMES.items():
        write_masked(name, seed)
    write_activations()
    write_buckets()
    write_published()
