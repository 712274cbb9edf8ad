"""The encoder's choices in training: attention by platform, remat and dropout as configured."""

from pipeline.encoders.attention.dispatch import default_attention
from pipeline.encoders.config import Settings
from pipeline.errors import UserError
from pipeline.params import Compute, Train


def encoder_settings(compute: Compute, train: Train, kind: str) -> Settings:
    """Choose how the encoder computes on a kind of device; `attention: auto` is the fastest there.

    Raises:
      UserError: the attention that is asked for does not run there.
    """
    attention = train.attention
    if attention == "auto":
        attention = default_attention(compute.platform, kind, compute.dtype)
    if attention == "fused" and compute.platform != "tpu":
        raise UserError(f"params.yaml: attention: fused runs on tpu, not on {compute.platform}")
    # cuDNN takes float16 too, but on the GPUs that also have bfloat16 alone.
    if attention == "cudnn" and (compute.platform, compute.dtype) != ("gpu", "bfloat16"):
        raise UserError(
            "params.yaml: attention: cudnn runs on gpu in bfloat16, "
            f"not on {compute.platform} in {compute.dtype}"
        )
    return Settings(
        dtype=compute.dtype,
        attention=attention,
        remat=train.remat,
        hidden_dropout=train.dropout.hidden,
        attention_dropout=train.dropout.attention,
        head_dropout=train.dropout.head,
    )
