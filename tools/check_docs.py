"""Check the documentation, one line a problem: python tools/check_docs.py [ROOT].

Links, commands, names and files in code, pages that no link leads to, machine paths, and that the
layers and packages of docs/pipeline.md are those of the code.
"""

from __future__ import annotations

import ast
import importlib
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
FENCE = re.compile(r"^ {0,3}(```+|~~~+)[^\n]*\n(.*?)^ {0,3}\1[^\n]*$", re.MULTILINE | re.DOTALL)
SPAN = re.compile(r"(`+)(.+?)\1", re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\(\s*<?([^)\s>]+)>?[^)]*\)")
HEADING = re.compile(r"^#+\s+(.+?)\s*$", re.MULTILINE)
COMMAND = re.compile(r"(?<![\w./'\"@=-])infmap[ \t]+([a-z][\w-]*)(?:[ \t]+([a-z]+)(?=\s|$))?")
NAME = re.compile(r"(?<![\w./-])infmap(?:\.[A-Za-z_]\w*)+")
FILE = re.compile(r"(?<![\w./-])(?:benchmarks|configs|docs|src|tests|tools)/[\w./-]*\.[a-z]+\b")
EXTRAS = re.compile(r"(?:infmap|\.)\[([a-z,]+)\]")
MACHINE_PATH = re.compile(r"(?<![\w.~/])/(?:home|root|tmp|work|Users|mnt)(?=[/\s`'\").,;:]|$)")
REGISTRIES = (
    ("src/infmap/sources/__init__.py", "SOURCES", "docs/catalog.md"),
    ("src/infmap/models/decoders/__init__.py", "DECODERS", "docs/networks.md"),
    ("src/infmap/models/encoders.py", "ENCODERS", "docs/networks.md"),
    ("src/infmap/models/losses/combined.py", "MAP_LOSSES", "docs/networks.md"),
)
"""File, dictionary in it, and the page that lists its keys."""


def main() -> int:
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    found = problems(root)
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


def problems(root: Path) -> list[str]:
    """Every problem of the documentation under a folder, as "file: what is wrong"."""
    pages = markdown_files(root)
    texts = {page: page.read_text(encoding="utf-8") for page in pages}
    found: list[str] = []
    for page, text in texts.items():
        name = page.relative_to(root).as_posix()
        checks: list[Callable[[], Iterator[str]]] = [lambda p=page, t=text: broken_links(p, t)]
        if name in ("README.md", "CONTRIBUTING.md") or name.startswith("docs/"):
            checks.append(lambda t=text: unknown_verbs(t))
            checks.append(lambda t=text: unknown_options(t))
            checks.append(lambda t=text: unknown_names(root, t))
            checks.append(lambda t=text: unknown_extras(root, t))
        checks.append(lambda t=text: machine_paths(t))
        found += [f"{name}: {problem}" for check in checks for problem in check()]
    whole = [unreachable(root, texts), other_layers(root), unlisted(root), untitled(root)]
    return found + [problem for checks in whole for problem in checks]


def markdown_files(root: Path) -> list[Path]:
    """Markdown files that git tracks or would track; without git, README and docs."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", "*.md"]
    try:
        done = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True)
        names = [name for name in done.stdout.split("\0") if name]
    except (OSError, subprocess.CalledProcessError):
        names = []
    paths = {root / name for name in names} | set(root.glob("*.md"))
    return sorted(path for path in paths | set((root / "docs").rglob("*.md")) if path.is_file())


def broken_links(page: Path, text: str) -> Iterator[str]:
    """Relative links to files that are not there, or to headings that are not in them."""
    for target in links(text):
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        if not file.exists():
            yield f"link to {target} leads nowhere"
        elif anchor and file.suffix == ".md" and anchor not in anchors(file):
            yield f"link to {target}: no such heading"


def links(text: str) -> list[str]:
    """Relative link targets outside code."""
    prose = SPAN.sub("", FENCE.sub("", text))
    return [t for t in LINK.findall(prose) if not re.match(r"[a-z][a-z0-9+.-]*:|//", t)]


def anchors(page: Path) -> set[str]:
    """The headings of a page as link targets."""
    headings = HEADING.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings}


def unknown_verbs(text: str) -> Iterator[str]:
    """Commands in code that infmap does not have."""
    from infmap.cli.main import ALIASES, VERBS

    for named, word in commands(text):
        verb = ALIASES.get(named, named)
        if verb not in VERBS:
            yield f"infmap has no verb {verb!r}"
        elif word and word not in (steps(verb) or {word}):
            yield f"infmap {verb} has no step {word!r}"


def unknown_options(text: str) -> Iterator[str]:
    """Options in lines of code that begin with ``infmap`` and that the command does not have."""
    from infmap.cli.main import VERBS

    for code in codes(text):
        for line in code.splitlines():
            words = line.removeprefix("$ ").partition(" #")[0].split()
            if len(words) < 3 or words[0] != "infmap" or words[1] not in VERBS:
                continue
            command = command_of(words[1])
            for word in words[2:]:  # a step, or a step of a step
                command = getattr(command, "commands", {}).get(word, command)
            known = {name for option in command.params for name in option.opts} | {"--help"}
            for word in words[2:]:
                if re.match(r"--?[a-z]", word) and word.partition("=")[0] not in known:
                    yield f"infmap {words[1]} has no option {word!r}"


def steps(verb: str) -> set[str]:
    """Steps of a verb, such as those of ``infmap catalog``; none where it has no steps."""
    return set(getattr(command_of(verb), "commands", ()))


def command_of(verb: str) -> Any:
    """The command of a verb, or its group of steps."""
    from typer.main import get_command

    return get_command(importlib.import_module(f"infmap.cli.{verb}").app)


def commands(text: str) -> list[tuple[str, str]]:
    """Verb and next plain word of every ``infmap VERB`` in code blocks and code spans."""
    verbs: list[tuple[str, str]] = []
    for code in codes(text):
        lines = [line for line in code.splitlines() if not line.startswith(("import ", "from "))]
        verbs += COMMAND.findall("\n".join(lines))
    return verbs


def codes(text: str) -> list[str]:
    """The code blocks, then the code spans."""
    blocks = [block for _, block in FENCE.findall(text)]
    return blocks + [span for _, span in SPAN.findall(FENCE.sub("", text))]


def unknown_names(root: Path, text: str) -> Iterator[str]:
    """Python names of infmap, and files of the repository, in code, that are not there.

    "NAME" in a file's path stands for a name of the reader's choice.
    """
    for code in codes(text):
        for name in NAME.findall(code):
            if not defined(root / "src", name.split(".")):
                yield f"there is no {name}"
        for file in FILE.findall(code):
            if "NAME" not in file and not (root / file).exists():
                yield f"there is no file {file}"


def unknown_extras(root: Path, text: str) -> Iterator[str]:
    """Extras that a page installs and that pyproject.toml does not have."""
    project = root / "pyproject.toml"
    if not project.is_file():
        return
    table = tomllib.loads(project.read_text(encoding="utf-8"))["project"]
    for code in codes(text):
        for extras in EXTRAS.findall(code):
            for extra in set(extras.split(",")) - set(table["optional-dependencies"]):
                yield f"there is no extra {extra!r}"


def defined(folder: Path, parts: list[str]) -> bool:
    """Whether a dotted name is a module, or a name that its module defines or imports.

    Read from the source, since to import it would take the extras. What follows the name, such as
    a method, is not looked up.
    """
    module, rest = folder, list(parts)
    while rest and (module / rest[0]).is_dir():
        module = module / rest.pop(0)
    if rest and (module / f"{rest[0]}.py").is_file():
        file = module / f"{rest.pop(0)}.py"
    else:
        file = module / "__init__.py"
    if not rest:
        return file.is_file()
    return file.is_file() and rest[0] in names_of(file)


def names_of(file: Path) -> set[str]:
    """Names that a module defines, assigns or imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.Import | ast.ImportFrom):
            found |= {(alias.asname or alias.name).split(".")[0] for alias in node.names}
    return found


def other_layers(root: Path) -> Iterator[str]:
    """Layers of docs/pipeline.md that are not import-linter's, packages that it leaves out."""
    page, project = root / "docs" / "pipeline.md", root / "pyproject.toml"
    if not (page.is_file() and project.is_file()):
        return
    text = page.read_text(encoding="utf-8")
    tools = tomllib.loads(project.read_text(encoding="utf-8"))["tool"]
    layers = next(c["layers"] for c in tools["importlinter"]["contracts"] if c["type"] == "layers")
    if "```\n" + "\n".join(layers) + "\n```" not in text:
        yield "docs/pipeline.md: the layers are not those of pyproject.toml"
    packages = [package for layer in layers for package in layer.split(" | ")]
    listed = re.findall(r"^\| `(\w+)` \|", text.partition("## Packages")[2], re.MULTILINE)
    if sorted(listed) != sorted(packages):
        wrong = ", ".join(sorted(set(listed) ^ set(packages)))
        yield f"docs/pipeline.md: packages left out, unknown or named twice: {wrong}"


def unlisted(root: Path) -> Iterator[str]:
    """Names of registries that their page does not have in code, and verbs without a page."""
    for file, registry, page in REGISTRIES:
        if (root / file).is_file():
            spans = {span for _, span in SPAN.findall((root / page).read_text(encoding="utf-8"))}
            for name in keys(root / file, registry):
                if name not in spans:
                    yield f"{page}: `{name}` of {registry} is left out"
    main = root / "src" / "infmap" / "cli" / "main.py"
    titles = [page.read_text(encoding="utf-8") for page in (root / "docs").glob("*.md")]
    for verb in keys(main, "VERBS") if main.is_file() else ():
        if not any(re.match(rf"# infmap {verb}\b", title) for title in titles):
            yield f"docs: no page has the title '# infmap {verb}'"


def untitled(root: Path) -> Iterator[str]:
    """Decisions that the index does not list by their title."""
    index = root / "docs" / "index.md"
    text = index.read_text(encoding="utf-8") if index.is_file() else ""
    for page in sorted((root / "docs" / "decisions").glob("*.md")):
        title = page.read_text(encoding="utf-8").partition("\n")[0].removeprefix("# ")
        if f"[{title}](decisions/{page.name})" not in text:
            yield f"docs/index.md: [{title}](decisions/{page.name}) is left out"


def keys(file: Path, registry: str) -> list[str]:
    """Keys of a module's literal dictionary of this name."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign) and ast.unparse(node.target) == registry:
            assert isinstance(node.value, ast.Dict)
            return [ast.literal_eval(key) for key in node.value.keys if key]
    raise LookupError(f"{file}: expected a dictionary {registry} with its type")


def machine_paths(text: str) -> Iterator[str]:
    """Absolute paths of one machine."""
    for number, line in enumerate(text.splitlines(), start=1):
        if MACHINE_PATH.search(line):
            yield f"line {number} holds a path of one machine"


def unreachable(root: Path, texts: dict[Path, str]) -> Iterator[str]:
    """Pages of docs/ that no chain of links from README or docs/index.md leads to."""
    todo = [root / "README.md", root / "docs" / "index.md"]
    seen: set[Path] = set()
    while todo:
        page = todo.pop()
        if page in seen or page not in texts:
            continue
        seen.add(page)
        for target in links(texts[page]):
            todo.append((page.parent / target.partition("#")[0]).resolve())
    for page in texts:
        if page.is_relative_to(root / "docs") and page not in seen:
            yield f"{page.relative_to(root).as_posix()}: no link leads here from README or index"


if __name__ == "__main__":
    sys.exit(main())
