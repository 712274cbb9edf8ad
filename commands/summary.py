"""Say where the submission is and what it is worth: the end of `make submission`."""

from pipeline import paths
from pipeline.errors import UserError, exit_with_message
from pipeline.files import read_json
from pipeline.progress import say


def main() -> None:
    """Print the path, the nested log loss, and that of the class priors beside it."""
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


if __name__ == "__main__":
    exit_with_message(main)
