"""Count the code of a checkout: stages, modules, lines, layers of imports, modules with at most one importer.

Usage: ``python benchmarks/house.py [CHECKOUT]``. The figures in docs/architecture.md come from this.
"""

import ast
import json
import sys
from graphlib import TopologicalSorter
from pathlib import Path


def main() -> None:
    """Print the counts as JSON."""
    source = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1], "src")
    paths = {_module(path, source): path for path in sorted((source / "biosyn").rglob("*.py"))}
    trees = {module: ast.parse(path.read_text(encoding="utf-8")) for module, path in paths.items()}
    imports = {module: _imports(tree, set(trees)) - {module, "biosyn"} for module, tree in trees.items()}
    modules = [module for module, path in paths.items() if path.name != "__init__.py"]
    importers = {module: sum(module in found for found in imports.values()) for module in modules}
    longest = max(
        (len(_arguments(node)), node.name, module) for module, tree in trees.items() for node in _functions(tree)
    )
    counts = {
        "layers of stages": max(_layers(_stages(imports)).values()),
        "stages": len(_stages(imports)),
        "modules": len(paths),
        "modules in the root": sum(module.count(".") == 1 for module in modules),
        "lines": sum(len(path.read_text(encoding="utf-8").splitlines()) for path in paths.values()),
        "modules with at most one importer": sum(count <= 1 for count in importers.values()),
        "import arrows between modules": sum(map(len, imports.values())),
        "longest argument list": longest,
        "basenames used twice": len(modules) - len({module.rpartition(".")[2] for module in modules}),
    }
    print(json.dumps(counts, indent=1))


def _module(path: Path, source: Path) -> str:
    parts = path.relative_to(source).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def _imports(tree: ast.Module, modules: set[str]) -> set[str]:
    """Return the project's modules that a module imports, inside functions too."""
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return found & modules


def _stages(imports: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return which stages (folders, or modules of the root) each stage imports."""
    found: dict[str, set[str]] = {}
    for module, names in imports.items():
        if module != "biosyn":  # the package's own __init__ names everything, lazily
            stage = module.split(".")[1]
            found.setdefault(stage, set()).update({name.split(".")[1] for name in names} - {stage})
    return found


def _layers(imports: dict[str, set[str]]) -> dict[str, int]:
    """Return each stage's layer: 1 without imports of other stages, else one above the highest of them."""
    layers: dict[str, int] = {}
    for stage in TopologicalSorter(imports).static_order():
        layers[stage] = 1 + max((layers[each] for each in imports[stage]), default=0)
    return layers


def _functions(tree: ast.Module) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    return [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]


def _arguments(node: ast.FunctionDef | ast.AsyncFunctionDef) -> list[str]:
    given = node.args
    names = [each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return [name for name in names if name not in ("self", "cls")]


if __name__ == "__main__":
    main()
