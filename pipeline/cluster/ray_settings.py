"""Settings that Ray reads off the environment as it is imported."""

import os
import secrets

# Of a machine that died the view says it in a line of its own.
_NO_NEWS = "has been marked dead|so the task will be retried"


def set_up(starts_here: bool) -> None:
    """Set what the user hasn't: nothing is told to anyone, and who lacks the token is refused.

    Args:
      starts_here: the cluster's processes descend from this one, and take its token. It stands in
        no file; Ray's ports are open to the network.
    """
    settings = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_DEDUP_LOGS_SKIP_REGEX": _NO_NEWS}
    if starts_here and "RAY_AUTH_MODE" not in os.environ:
        settings |= {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    for name, value in settings.items():
        os.environ.setdefault(name, value)
