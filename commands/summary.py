"""Say where the submission is, its worth, and what to commit: the end of `make submission`."""

from pathlib import Path

from pipeline import git, paths
from pipeline.errors import UserError, exit_with_message
from pipeline.files import read_json
from pipeline.graph.lock_repair import LOCK
from pipeline.progress import say

PARAMETERS = Path("params.yaml")


def main() -> None:
    """Print the path, the log losses, and what git shows as changed."""
    if not paths.SUBMISSION.is_file():
        raise UserError(f"{paths.SUBMISSION}: not found; run dvc repro")
    figures = read_json(paths.metrics("ensemble"))
    say("")
    say(f"submission:   {paths.SUBMISSION.absolute()}")
    say(f"log loss:     {figures['log_loss']:.4f} out of fold, nested")
    say(f"best member:  {figures['best_member']:.4f}")
    say(f"class priors: {figures['priors']:.4f}")
    if figures["partial"]:
        say(
            "partial: not every fold of the split is in params.yaml, so this is not to be submitted"
        )
    changed = changed_in_git()
    if changed:
        names = " ".join(changed)
        say("")
        say(f"This run's results differ from what git has: {', '.join(changed)}. To keep them:")
        say(f"  git add --all {names} && git commit --message 'Results' -- {names}")
    if LOCK.name in changed:
        say(
            f"`git checkout {LOCK}` would make these outputs stale: the next run fetches those that"
        )
        say("git's lock names from DVC's cache, and makes again what the cache lacks.")


def changed_in_git() -> list[str]:
    """Return what git keeps of the results and shows as changed; nothing where there is no git."""
    # With the parameters that made them: a clone would run other ones otherwise.
    kept = [path.as_posix() for path in (PARAMETERS, LOCK, paths.METRICS, paths.PLOTS)]
    prefix = git.ask("rev-parse", "--show-prefix")
    found = git.ask("status", "--porcelain", "-z", "--no-renames", "--", *kept)
    if prefix is None or found is None:
        return []
    # Paths are those from git's root, which may lie above the project.
    entries = [entry[3:].removeprefix(prefix.strip()) for entry in found.split("\0") if entry]
    shown = {Path(entry).parts[0] for entry in entries}
    results = shown - {PARAMETERS.name}
    return [name for name in kept if name in shown] if results else []


if __name__ == "__main__":
    exit_with_message(main)
