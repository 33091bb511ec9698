"""Check the structure of the package: circles, sizes, comments, ``Any`` and mirrored tests.

python tools/check_structure.py [ROOT]

One line a problem, then one line with the measured figures. The layers themselves are held by
import-linter (`lint-imports`), which counts imports inside functions as well.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TypeGuard


@dataclass(frozen=True)
class Bars:
    """What the code has to keep to."""

    largest_room: float = 15.0
    """Largest share of one package below the root in all python lines, %."""
    comments: tuple[float, float] = (3.0, 9.0)
    """Lowest and highest share of comments in the code, %; see `comment_share`."""
    module_lines: int = 400
    """Longest module, lines."""
    dict_any: int = 30
    """Lines that say ``dict[str, Any]`` (or an alias of it) outside the JSON edges."""
    any_lines: int = 120
    """Lines that say ``Any``, import statements left out."""
    circles: int = 0
    """Circles of imports."""
    unmirrored: int = 0
    """Modules without a test file or a reason, and stale reasons."""


# Modules that hold parsed JSON as it is: a dictionary is their subject, not a shortcut.
JSON_EDGES = frozenset(
    {
        "infmap.catalog.card",  # writes JSON-LD
        "infmap.export.coco",  # writes COCO's tables
        "infmap.export.monai",  # writes MONAI's dataset.json
        "infmap.sources.coco",  # reads COCO's tables
    }
)

ROOT = Path(__file__).resolve().parents[1]
UNTESTED = "tests/untested.txt"
DIRECTIVE = re.compile(r"#\s*(type:|noqa|pragma:|fmt:|ruff:|mypy:|!)")
DICT_ANY = r"(?:dict|Dict|Mapping|MutableMapping)\[str, Any\]"
ALIAS = re.compile(rf"^(?:type )?(\w+)(?:: TypeAlias)? = {DICT_ANY}\s*$", re.MULTILINE)


def main() -> int:
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    sys.path.insert(0, str(root / "src"))  # this copy, not one that happens to be installed
    report = check(root)
    sys.stdout.write("".join(f"{line}\n" for line in [*report.problems, report.figures]))
    return 1 if report.problems else 0


@dataclass
class Report:
    """Problems as "place: what is wrong", and what was measured."""

    problems: list[str] = field(default_factory=list)
    measured: list[str] = field(default_factory=list)

    @property
    def figures(self) -> str:
        """The measured figures in one line."""
        return "measured: " + ", ".join(self.measured)


def check(
    root: Path,
    package: str = "infmap",
    bars: Bars = Bars(),  # noqa: B008
    json_edges: frozenset[str] = JSON_EDGES,
) -> Report:
    """Everything this file checks, for ROOT/src/PACKAGE (importable) and ROOT/tests."""
    files = sorted((root / "src" / package).rglob("*.py"))
    modules = [Module(path, root / "src") for path in files]
    report = Report()
    tolerate("circles", list(circles(package)), bars.circles, report)
    sizes(modules, bars, report)
    comments(modules, bars, report)
    anything(modules, bars, json_edges, report)
    tolerate("unmirrored", list(mirrored(modules, root)), bars.unmirrored, report)
    return report


def tolerate(what: str, found: list[str], bar: int, report: Report) -> None:
    """Report what was found where it is more than the bar."""
    report.measured.append(f"{what} {len(found)}")
    if len(found) > bar:
        report.problems += found


class Module:
    """One python file, parsed once."""

    def __init__(self, path: Path, source_root: Path) -> None:
        self.parts = path.relative_to(source_root).with_suffix("").parts
        text = path.read_text(encoding="utf-8")
        self.lines = text.count("\n")
        self.tree = ast.parse(text)
        tokens = list(tokenize.generate_tokens(io.StringIO(text).readline))
        self.comment_lines = {
            token.start[0]
            for token in tokens
            if token.type == tokenize.COMMENT and not DIRECTIVE.match(token.string)
        }
        self.code = self._code(text, tokens)

    def _code(self, text: str, tokens: list[tokenize.TokenInfo]) -> dict[int, str]:
        """Lines that hold code, by number: docstrings, comments and blank lines left out."""
        lines = dict(enumerate(text.splitlines(), start=1))
        for token in tokens:
            if token.type == tokenize.COMMENT:
                lines[token.start[0]] = lines[token.start[0]][: token.start[1]]
        for node in ast.walk(self.tree):
            if is_docstring(node):
                lines |= dict.fromkeys(numbers(node), "")
        return {number: line for number, line in lines.items() if line.strip()}

    @property
    def name(self) -> str:
        """Dotted name."""
        return ".".join(self.parts)

    @property
    def room(self) -> str | None:
        """The package below the root that the module lies in."""
        return self.parts[1] if len(self.parts) > 2 else None

    @property
    def imported(self) -> set[tuple[str, str]]:
        """Module and name of every ``from MODULE import NAME``."""
        nodes = [node for node in ast.walk(self.tree) if isinstance(node, ast.ImportFrom)]
        return {(node.module or "", alias.name) for node in nodes for alias in node.names}

    @property
    def statements(self) -> dict[int, str]:
        """Code lines without import statements."""
        imports = {
            number
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Import | ast.ImportFrom)
            for number in numbers(node)
        }
        return {number: line for number, line in self.code.items() if number not in imports}


def is_docstring(node: ast.AST) -> TypeGuard[ast.Expr]:
    """A string that stands alone: the docstring of a module, class, function or field."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def numbers(node: ast.stmt) -> range:
    """The lines of a statement."""
    return range(node.lineno, (node.end_lineno or node.lineno) + 1)


def circles(package: str) -> Iterator[str]:
    """Modules that import each other in a circle; imports inside functions count.

    Imports under ``if TYPE_CHECKING`` run nowhere and do not count.
    """
    import grimp

    graph = grimp.build_graph(package, exclude_type_checking_imports=True, cache_dir=None)
    imports = {name: graph.find_modules_directly_imported_by(name) for name in graph.modules}
    while True:
        try:
            TopologicalSorter(imports).prepare()
        except CycleError as error:
            circle: list[str] = error.args[1][::-1]  # graphlib lists the imported module first
            yield f"{circle[0]}: imports itself in a circle: {' -> '.join(circle)}"
            imports[circle[0]].discard(circle[1])  # go on without it: every circle is named once
        else:
            return


def sizes(modules: list[Module], bars: Bars, report: Report) -> None:
    """No module too long, no room too large."""
    for module in modules:
        if module.lines > bars.module_lines:
            report.problems.append(f"{module.name}: {module.lines} lines, > {bars.module_lines}")
    rooms = Counter[str]()
    for module in modules:
        if module.room is not None:
            rooms[module.room] += module.lines
    total = sum(module.lines for module in modules)
    for room, lines in rooms.most_common(1):
        share = 100 * lines / total
        report.measured.append(f"largest room {room} {share:.1f} % of {total} lines")
        if share > bars.largest_room:
            report.problems.append(f"{room}: {share:.1f} % of all lines, > {bars.largest_room} %")
    longest = max(modules, key=lambda module: module.lines)
    report.measured.append(f"longest module {longest.name} {longest.lines} lines")


def comments(modules: list[Module], bars: Bars, report: Report) -> None:
    """Neither a code without reasons nor one drowned in them."""
    share = comment_share(modules)
    low, high = bars.comments
    report.measured.append(f"comments {share:.2f} % of code lines")
    if not low <= share <= high:
        report.problems.append(f"comments: {share:.2f} % of the code lines, not {low} to {high} %")


def comment_share(modules: list[Module]) -> float:
    """Lines with a ``#`` comment over lines with code, %.

    A line with code and a comment counts as both. Docstrings and blank lines are neither;
    directives to tools (``noqa``, ``type:``, ``pragma:``) are no comments.
    """
    code = sum(len(module.code) for module in modules)
    return 100 * sum(len(module.comment_lines) for module in modules) / max(code, 1)


def anything(modules: list[Module], bars: Bars, json_edges: frozenset[str], report: Report) -> None:
    """Few dictionaries of anything outside the JSON edges, few ``Any`` at all."""
    for name in sorted(json_edges - {module.name for module in modules}):
        report.problems.append(f"{name}: listed as a JSON edge, but there is no such module")
    aliases = {
        (m.name, name) for m in modules for name in ALIAS.findall("\n".join(m.code.values()))
    }
    dicts = Counter[str]()
    anys = Counter[str]()
    for module in modules:
        names = {name for place, name in aliases if place == module.name}
        names |= {name for place, name in module.imported if (place, name) in aliases}
        loose = re.compile("|".join([DICT_ANY, *(rf"\b{name}\b" for name in sorted(names))]))
        for line in module.statements.values():
            anys[module.name] += bool(re.search(r"\bAny\b", line))
            if module.name not in json_edges:
                dicts[module.name] += bool(loose.search(line))
    few("dict[str, Any]", dicts, bars.dict_any, report)
    few("Any", anys, bars.any_lines, report)


def few(what: str, lines: Counter[str], bar: int, report: Report) -> None:
    """Not more lines than the bar, counted by module."""
    report.measured.append(f"{what} on {lines.total()} lines")
    if lines.total() > bar:
        most = ", ".join(f"{name} {count}" for name, count in lines.most_common(5))
        report.problems.append(f"{what}: on {lines.total()} lines, > {bar}; most in {most}")


def mirrored(modules: list[Module], root: Path) -> Iterator[str]:
    """Every module that defines something has its test file, or a line that says why not.

    The test of src/PACKAGE/a/b.py is tests/a/test_b.py, that of a/__init__.py is tests/a/test_a.py.
    A line of tests/untested.txt is "a/b.py: why".
    """
    reasons, wrong = exceptions(root / UNTESTED)
    yield from wrong
    wanted: set[str] = set()
    for module in modules:
        *folders, stem = module.parts[1:]
        source = "/".join([*folders, f"{stem}.py"])
        name = module.parts[-2] if stem == "__init__" else stem.strip("_")
        test = "/".join(["tests", *folders, f"test_{name}.py"])
        wanted.add(source)
        tested = (root / test).is_file()
        if tested and source in reasons:
            yield f"{UNTESTED}: {source} has its test file, the line is stale"
        elif not tested and source not in reasons and defines(module):
            yield f"{source}: no {test}, and no line in {UNTESTED} says why"
    for source in sorted(reasons.keys() - wanted):
        yield f"{UNTESTED}: there is no {source}, the line is stale"


def exceptions(path: Path) -> tuple[dict[str, str], list[str]]:
    """Modules without a test file of their own with the reason, and lines that are none."""
    reasons: dict[str, str] = {}
    wrong: list[str] = []
    for line in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        source, _, reason = (part.strip() for part in line.partition(":"))
        if not source or source.startswith("#"):
            continue
        if not reason or source in reasons:
            wrong.append(f"{UNTESTED}: {line!r} has no reason, or is there twice")
        reasons[source] = reason
    return reasons, wrong


def defines(module: Module) -> bool:
    """Whether a module defines a function or a class; lists of names alone need no test."""
    kinds = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
    return any(isinstance(node, kinds) for node in module.tree.body)


if __name__ == "__main__":
    sys.exit(main())
