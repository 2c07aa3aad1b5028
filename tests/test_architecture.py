"""The shape of the house: who may import whom, and habits that a reader cannot keep an eye on everywhere."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

SOURCE = Path(__file__).parents[1] / "src"
PATHS = sorted((SOURCE / "biosyn").rglob("*.py"))

# A stage imports only stages that come before it in this list, and no module imports in a circle. Each line is a layer.
LAYERS = [
    "errors records concept_ids settings",
    "distributed pipes files writing devices",
    "text encoders retrieval",
    "data checkpoint index places",
    "ontologies mention_files model",
    "corpora linking evaluation",
    "training web mcp ssslm",
    "cli",
    "__main__",
]
STAGES = [stage for layer in LAYERS for stage in layer.split()]
PICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}
EXPORT, READER = "biosyn.checkpoint.upstream_export", "biosyn.checkpoint.pickle_reader"


def module_of(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in PATHS}


def stage_of(module):
    """`index` of `biosyn.index.key`; None for the package itself."""
    return module.split(".")[1] if "." in module else None


def imports_of(tree):
    """Every module that a file imports, inside functions too."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute here"
            yield node.module
            yield from (name for alias in node.names if (name := f"{node.module}.{alias.name}") in MODULES)


def our_imports_of(module):
    return {name for name in imports_of(MODULES[module]) if name.split(".")[0] == "biosyn"} - {module, "biosyn"}


def public_definitions(tree):
    """The module, its public functions and classes, and the public methods of those."""
    yield "the module", tree
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name, node
            for part in node.body if isinstance(node, ast.ClassDef) else ():
                if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef) and not part.name.startswith("_"):
                    yield f"{node.name}.{part.name}", part


def test_every_stage_has_its_place():
    assert {stage for module in MODULES if (stage := stage_of(module))} == set(STAGES), "add it to LAYERS"


def test_imports_go_downward_only():
    upward = [
        f"{module} imports {imported}"
        for module in MODULES
        if (stage := stage_of(module))  # the package's own __init__ names everything, lazily
        for imported in our_imports_of(module)
        if stage_of(imported) != stage and STAGES.index(stage_of(imported)) > STAGES.index(stage)
    ]
    assert not upward


def test_no_imports_go_in_a_circle():
    graph = {module: our_imports_of(module) & set(MODULES) for module in MODULES}
    graph["biosyn.model.biosyn"].remove("biosyn.model.linker")  # `load_dictionary` imports it when it is called
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)  # raises CycleError


def test_only_the_commands_print():
    calls = [
        f"{module}:{node.lineno}"
        for module, tree in MODULES.items()
        if stage_of(module) != "cli"
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not calls


def test_no_writer_of_json_writes_nan():
    calls = {
        f"{module}:{node.lineno}"
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and ast.unparse(node.func) in {"json.dump", "json.dumps"}
        if "allow_nan=False" not in ast.unparse(node)
    }
    passed_on = {  # such as map(json.dumps, rows)
        f"{module}:{argument.lineno}"
        for module, tree in MODULES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for argument in node.args
        if ast.unparse(argument) in {"json.dump", "json.dumps"}
    }
    assert not calls | passed_on, "use biosyn.files.json_text"


def test_pickle_is_imported_by_the_export_and_the_restricted_reader_alone():
    names = {node.module for tree in MODULES.values() for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert not names & PICKLES  # so that every use bears the module's name
    found = {module: {name.split(".")[0] for name in imports_of(tree)} & PICKLES for module, tree in MODULES.items()}
    assert {module: names for module, names in found.items() if names} == dict.fromkeys([EXPORT, READER], {"pickle"})


def attributes_of_pickle(module):
    nodes = [node for node in ast.walk(MODULES[module]) if isinstance(node, ast.Attribute)]
    return {node.attr for node in nodes if isinstance(node.value, ast.Name) and node.value.id == "pickle"}


def test_the_export_writes_pickles_and_reads_none():
    assert attributes_of_pickle(EXPORT) == {"dumps"}


def test_pickles_are_read_by_the_restricted_subclass_alone():
    # the other attributes are the opcodes' constants
    assert {name for name in attributes_of_pickle(READER) if not name.isupper()} == {"_Unpickler"}
    calls = [ast.unparse(node.func) for node in ast.walk(MODULES[READER]) if isinstance(node, ast.Call)]
    assert not [call for call in calls if call.startswith("pickle.")]


def test_everything_public_says_what_it_is():
    missing = [
        f"{module}: {name}"
        for module, tree in MODULES.items()
        for name, node in public_definitions(tree)
        if not ast.get_docstring(node)
    ]
    assert not missing


def test_the_commands_start_without_torch():
    commands = [module for module in MODULES if stage_of(module) == "cli"]
    program = f"""
import sys
from importlib import import_module
for command in {commands}:
    import_module(command)
    if heavy := {{"torch", "transformers", "sklearn", "scipy"}} & set(sys.modules):
        sys.exit(f"{{command}} imports {{sorted(heavy)}}")
"""
    found = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr
