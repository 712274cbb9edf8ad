"""A bundle's manifest: where it came from, and the bytes of every file in it."""

from dataclasses import asdict, dataclass
from pathlib import Path

from pipeline import git, paths
from pipeline.bundle.kernel import FORMAT, MANIFEST
from pipeline.competition.schema import SAMPLE_SUBMISSION, TABLES
from pipeline.configuration import Configuration
from pipeline.errors import UserError
from pipeline.files import sha256, write_json
from pipeline.graph.lock_repair import LOCK
from pipeline.graph.locked_outputs import PARAMETERS
from pipeline.recipes import compositions, matching
from pipeline.trials import TRIALS

LIMIT = 200 * 10**9  # bytes: what Kaggle's documentation allows a dataset
_SETTING = ("data", "compute", "session")  # where a configuration runs, not what it is


@dataclass(frozen=True)
class BundleOrigin:
    """The sources of a bundle."""

    # "-dirty" behind it: edits that no commit has, in what people write; None: no git or no commit
    commit: str | None
    lock: str  # sha256 of dvc.lock
    parameters: str  # sha256 of params.yaml
    recipe: str | None  # the recipe that params.yaml is, wherever it runs

    @classmethod
    def here(cls, configuration: Configuration) -> "BundleOrigin":
        """Return the origin of the current folder."""
        return cls(_commit(), sha256(LOCK), sha256(PARAMETERS), _recipe(configuration))


def write_manifest(folder: Path, origin: BundleOrigin, log_loss: float) -> int:
    """Write the manifest of all files in `folder`; return their bytes.

    Raises:
      UserError: they are more than Kaggle takes.
    """
    files = {
        path.relative_to(folder).as_posix(): {
            "sha256": sha256(path),
            "bytes": path.stat().st_size,
        }
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    total = sum(int(said["bytes"]) for said in files.values())
    if total > LIMIT:
        raise UserError(f"the bundle has {total:,} bytes, Kaggle takes at most {LIMIT:,}")
    content = {
        "format": FORMAT,
        **asdict(origin),
        "log_loss": log_loss,
        # By them the kernel finds the competition's folder before it can import the schema.
        "tables": [TABLES["test"], SAMPLE_SUBMISSION],
        "files": files,
        "total_bytes": total,
    }
    write_json(folder / MANIFEST, content)
    return total


def _commit() -> str | None:
    head = git.ask("rev-parse", "--quiet", "--verify", "HEAD")
    if head is None:
        return None
    # The graph writes dvc.lock, whose hash stands beside, with metrics and plots; `submit` writes
    # the ledger, `try` the trials.
    written = [LOCK, paths.METRICS, paths.PLOTS, paths.LEDGER, TRIALS]
    written += [PARAMETERS] if _is_made_by_a_recipe() else []
    excluded = (f":(exclude){path}" for path in written)
    head = head.strip()
    clean = git.ask("diff", "--quiet", "HEAD", "--", ".", *excluded) is not None
    return head if clean else f"{head}-dirty"


def _is_made_by_a_recipe() -> bool:
    """Tell whether a recipe in git makes params.yaml; edits of the recipe show by themselves."""
    recipes = matching(PARAMETERS.read_text(encoding="utf-8"))
    return any(git.ask("ls-files", "--error-unmatch", str(path)) is not None for path in recipes)


def _recipe(configuration: Configuration) -> str | None:
    for composition in compositions():
        if _same(composition.configuration, configuration):
            return composition.path.stem
    return None


def _same(one: Configuration, other: Configuration) -> bool:
    return one.without(_SETTING) == other.without(_SETTING)
