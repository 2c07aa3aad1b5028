"""The shape of the house: who may import whom, and habits that a reader cannot keep an eye on everywhere."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

SOURCE = Path(__file__).parents[1] / "src"
PATHS = sorted((SOURCE / "biosyn").rglob("*.py"))

# A module imports modules of a lower rank, or of its own package without a circle. The longest matching name counts,
# so "biosyn.data" stands for everything in data/. A new module at the top needs a line here.
RANKS = {
    "biosyn.errors": 0,
    "biosyn.records": 1,  # the words that everything is said in
    "biosyn.concept_ids": 1,
    "biosyn.concept_ids": 1,
    "biosyn.config": 1,
    "biosyn.files": 1,
    "biosyn.files": 1,
    "biosyn.distributed": 1,  # who does what of several processes
    "biosyn.devices": 2,
    "biosyn.retrieval.confidence": 2,
    "biosyn.text": 2,  # string -> string
    "biosyn.metrics": 3,  # predictions -> figures
    "biosyn.encoders": 3,  # strings -> vectors
    "biosyn.data": 4,  # files -> rows; data.candidates holds the tokens of its rows
    "biosyn.checkpoint.manifest": 2,  # files -> what a reader can check them by
    "biosyn.checkpoint": 4,  # files -> encoders
    "biosyn.evaluation.references": 5,  # predictions, and what they are held against -> what metrics takes
    "biosyn.retrieval": 5,  # vectors -> candidate rows
    "biosyn.report": 6,  # figures and predictions -> a page
    "biosyn.model": 6,  # scores, loss, and the facade over all of the above
    "biosyn.corpora.preprocess": 7,  # the verbs
    "biosyn.ontologies.build": 7,
    "biosyn.cli.convert": 7,
    "biosyn.linking.mention": 7,
    "biosyn.linking.loading": 7,
    "biosyn.evaluation.evaluate": 7,
    "biosyn.evaluation.compare": 7,
    "biosyn.linking": 8,  # inference on a whole file
    "biosyn.linking.spacy_component": 8,  # as the commands: a way in for users
    "biosyn.evaluation.calibrate": 8,  # as training: a model and its outcomes on queries
    "biosyn.training.log": 8,  # dev accuracy is evaluation
    "biosyn.training.states": 2,
    "biosyn.training.pretrain": 2,
    "biosyn.training.trainer": 5,
    "biosyn.training.trainer": 7,
    "biosyn.training.run": 9,
    "biosyn.training.identity": 9,
    "biosyn.training.trainer": 9,
    "biosyn.training.pretrain": 9,
    "biosyn.training.run": 10,  # what the two runs share
    "biosyn.training.train": 11,
    "biosyn.training.pretrain": 11,
    "biosyn.training.ablate": 12,  # both verbs, again and again
    "biosyn.cli.quickstart": 12,  # all the verbs in a row
    "biosyn.web": 12,
    "biosyn.cli": 13,
    "biosyn.__main__": 14,
    "biosyn": 15,  # the package's own __init__ names everything, lazily
}
PICKLES = {"pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal"}


def module_of(path):
    parts = path.relative_to(SOURCE).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path): ast.parse(path.read_text(encoding="utf-8")) for path in PATHS}


def layer_of(module):
    """The name in RANKS that the module belongs to; a module of the top needs a name of its own."""
    if module in RANKS:
        return module
    package = module.rpartition(".")[0]
    return layer_of(package) if package and package != "biosyn" else None


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


@pytest.mark.parametrize("module", MODULES)
def test_every_module_has_a_rank(module):
    assert layer_of(module) is not None, "add it to RANKS"


@pytest.mark.parametrize("module", MODULES)
def test_imports_go_downward_only(module):
    rank = RANKS[layer_of(module)]
    for imported in our_imports_of(module):
        if layer_of(imported) != layer_of(module):
            assert RANKS[layer_of(imported)] < rank, f"{module} (rank {rank}) imports {imported}"


def test_no_imports_go_in_a_circle():
    graph = {module: our_imports_of(module) & set(MODULES) for module in MODULES}
    assert len(list(TopologicalSorter(graph).static_order())) == len(MODULES)  # raises CycleError


@pytest.mark.parametrize("module", [name for name in MODULES if not name.startswith("biosyn.cli")])
def test_only_the_commands_print(module):
    calls = [node.func for node in ast.walk(MODULES[module]) if isinstance(node, ast.Call)]
    assert not [call.lineno for call in calls if isinstance(call, ast.Name) and call.id == "print"]


@pytest.mark.parametrize("module", MODULES)
def test_pickle_is_imported_by_the_export_alone(module):
    found = {name.split(".")[0] for name in imports_of(MODULES[module])} & PICKLES
    assert found == ({"pickle"} if module == "biosyn.checkpoint.upstream_export" else set())


def test_the_export_writes_pickles_and_reads_none():
    calls = [node for node in ast.walk(MODULES["biosyn.checkpoint.upstream_export"]) if isinstance(node, ast.Attribute)]
    used = {node.attr for node in calls if isinstance(node.value, ast.Name) and node.value.id == "pickle"}
    assert used == {"dumps"}


@pytest.mark.parametrize("module", MODULES)
def test_everything_public_says_what_it_is(module):
    missing = [name for name, node in public_definitions(MODULES[module]) if not ast.get_docstring(node)]
    assert not missing


@pytest.mark.parametrize("module", [name for name in MODULES if name.startswith("biosyn.cli.")])
def test_a_command_starts_without_torch(module):
    program = f"""
import sys
import {module}
heavy = {{"torch", "transformers", "sklearn", "scipy"}} & set(sys.modules)
sys.exit(f"imported: {{sorted(heavy)}}" if heavy else 0)
"""
    found = subprocess.run(
        [sys.executable, "-c", program], env={"PYTHONPATH": str(SOURCE)}, capture_output=True, text=True, timeout=300
    )
    assert found.returncode == 0, found.stderr
