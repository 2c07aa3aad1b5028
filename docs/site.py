"""The hook of mkdocs.yml: the site has the repository's own layout, so a link works there as it does on GitHub."""

from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from nbconvert import MarkdownExporter

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "docs/*", "datasets/*.md", "benchmarks/*.md", "recipes/*")
LINKED = ("src/biosyn/web/openapi.json",)


class Notebook(File):
    """A notebook as a page under its own name: `tour.ipynb` is what the other pages link to."""

    def __init__(self, path: str, config: MkDocsConfig):
        self._text, found = MarkdownExporter().from_filename(ROOT / path)
        self.images = {f"{Path(path).parent}/{name}": data for name, data in found["outputs"].items()}
        super().__init__(path, str(ROOT), config.site_dir, config.use_directory_urls)

    def is_documentation_page(self) -> bool:
        """Return True, though its name does not end in .md."""
        return True

    @property
    def content_string(self) -> str:
        """The notebook as Markdown."""
        return self._text


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Replace the files of docs/ by those of the repository that the site shows, under their paths in it."""
    found = [path.relative_to(ROOT).as_posix() for glob in (*PAGES, *LINKED) for path in sorted(ROOT.glob(glob))]
    kept = [file for file in files if file.src_dir != config.docs_dir]  # of the theme and of plugins
    own = []
    for path in found:
        if path.endswith(".ipynb"):
            notebook = Notebook(path, config)
            own += [notebook, *(File.generated(config, name, content=data) for name, data in notebook.images.items())]
        elif (ROOT / path).is_file() and path != "docs/site.py":
            own.append(File(path, str(ROOT), config.site_dir, config.use_directory_urls))
    return Files([*kept, *own])
