"""Import closures: the files of this project that a stage's code is made of."""

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

PACKAGES = ("pipeline", "stages", "commands")
PARAMETERS = Path("pipeline/params.py")
DECLARATIONS = (Path("pipeline/bounds.py"), Path("pipeline/embedding_params.py"), PARAMETERS)
REGISTRY = Path("pipeline/encoders/registry.py")
CATALOGUE = Path("pipeline/encoders/catalogue.py")
HASHING = "code"  # the stage that hashes the others


def closure(entry: Path, root: Path) -> frozenset[Path]:
    """Every file of the project that `entry` can import, itself included, relative to `root`.

    Imports inside functions count; those for type checkers alone don't. A package's `__init__`
    that holds only a docstring is left out: no edit to it changes what a stage does.
    """
    found: set[Path] = set()
    waiting = [entry]
    while waiting:
        path = waiting.pop()
        if path not in found:
            found.add(path)
            waiting.extend(imported(path, root))
    return frozenset(path for path in found if not _is_docstring_only(path, root))


def imported(path: Path, root: Path) -> frozenset[Path]:
    """The files of the project that the file at `path` imports itself, relative to `root`."""
    files = {file for name in _imports((root / path).read_bytes()) for file in _files(name, root)}
    return frozenset(files - {path})


def networks(root: Path) -> dict[str, Path]:
    """The networks' own files, which the registry loads by name: the keys of the catalogue."""
    for node in parse((root / CATALOGUE).read_bytes()).body:
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == "ENCODERS":
            tables = [child for child in ast.walk(node) if isinstance(child, ast.Dict)]
            names = [ast.literal_eval(key) for key in tables[0].keys if key is not None]
            return {name: CATALOGUE.with_name(f"{name}.py") for name in sorted(names)}
    raise ValueError(f"{CATALOGUE}: no ENCODERS")


def stages(root: Path) -> list[str]:
    """The graph's stages but the one that hashes them: the modules of `stages` that can be run."""
    found = sorted((root / "stages").glob("*.py"))
    return [path.stem for path in found if path.stem != HASHING and _is_runnable(path)]


def reach(stage: str, root: Path) -> frozenset[Path]:
    """The files that a stage can run, those of every network too where it looks networks up."""
    code = closure(Path(f"stages/{stage}.py"), root)
    if REGISTRY in code:
        code = code.union(*(closure(path, root) for path in networks(root).values()))
    return code


# By the text, and not by the path: a file that was edited meanwhile is read anew.
@functools.cache
def parse(source: bytes) -> ast.Module:
    """Parse a file's content, once for all who ask."""
    return ast.parse(source)


@functools.cache
def _imports(source: bytes) -> frozenset[str]:
    return frozenset(_names(parse(source)))


def _names(tree: ast.AST) -> Iterator[str]:
    """Dotted names of everything imported below `tree`, unless for type checkers alone."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            for other in node.orelse:
                yield from _names(other)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                raise ValueError(f"relative import of {node.module}: write the package's name")
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        else:
            yield from _names(node)


def _files(name: str, root: Path) -> Iterator[Path]:
    """The files that importing the dotted `name` runs: the packages above it, and itself."""
    parts = name.split(".")
    if parts[0] not in PACKAGES:
        return
    for end in range(1, len(parts) + 1):
        module = Path(*parts[:end])
        if (root / module / "__init__.py").is_file():
            yield module / "__init__.py"
        elif (root / module.with_suffix(".py")).is_file():
            yield module.with_suffix(".py")


def _is_runnable(path: Path) -> bool:
    body = parse(path.read_bytes()).body
    tests = [ast.unparse(node.test) for node in body if isinstance(node, ast.If)]
    return "__name__ == '__main__'" in tests


def _is_docstring_only(path: Path, root: Path) -> bool:
    if path.name != "__init__.py":
        return False
    body = parse((root / path).read_bytes()).body
    return all(isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) for node in body)
