"""Check the words: terms that a radiologist or an engineer would not use. One line a problem.

    python tools/check_words.py [ROOT]

Read are README.md and the pages under docs/, without code: names in code are the code's own. Of
src/, a shorter list of terms is looked for, and a longer one in the rooms that were read for it.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
CODE = re.compile(r"^ {0,3}(```+|~~~+).*?^ {0,3}\1[^\n]*$|(`+).+?\2|\]\([^)]*\)", re.M | re.S)

WORDS: dict[str, str] = {
    r"learnt": "trained on, fitted on, learned",
    r"watch(?:ed|es|ing)?": "validation set, validates",
    r"(?:hospitals?|patients?|sources?|films?) (?:that \w+ (?:has|have) )?not seen": "external "
    "validation, left out",
    r"(?:any|in) disguise": "cropped, rotated, inverted",
    r"cop(?:y|ies) (?:are |is )?(?:found|looked for|searched)": "near-duplicate",
    r"(?:find|finds|search for) copies": "near-duplicate",
    r"told": "detected, said",
    r"tell(?:s|ing)? (?:\w+ )?apart": "distinguish",
    r"surer|surest": "more probable, capped by",
    r"judg(?:e|es|ed|ing|ement)": "assess, read, evaluate",
    r"with care": "with caution",
    r"lie above each other": "image is rotated by 90 degrees",
    r"tones?": "grey levels, contrast",
    r"infected share": "lung involvement, % of lung area",
    r"opaque share": "lung involvement, % of lung area",
    r"burnt(?:-| )in": "burned-in annotation",
    r"deal(?:s|t)?(?: (?:films|images|labels))?": "assign",
    r"no verb": "unknown command",
    r"witness(?:es)?": "input, evidence",
    r"turn(?:ed|s)? (?:by|back|upright|a little|with|it)": "rotate",
    r"torn|tears?": "divide",
    r"mend(?:s|ed|ing)?": "fix, repair, correct",
    r"anew": "again",
    r"lookalikes?": "similar film",
    r"nobody|anybody": "no reader, any user",
    r"at hand": "of the collections here, available",
    r"(?:a|one) row a \w+": "one row per",
    r"(?:films|ms|seconds?) a (?:second|film)": "per",
    r"price": "cost",
}
"""Regular expression of a term, whole words and any case, to what to say instead."""

IN_CODE = {
    r"(?:any|in) disguise": "cropped, rotated, inverted",
    r"burnt(?:-| )in": "burned-in annotation",
    r"no verb": "unknown command",
    r"dealt": "assigned",
    r"witness(?:es)?": "input, evidence",
    r"lie above each other": "image is rotated by 90 degrees",
    r"surer than the film": "capped by the image-level probability",
}
"""The same for messages, docstrings and comments of src/; grows as the code is rewritten."""

READ_ROOMS = (
    "audit", "catalog", "cli", "compute", "core", "dedup", "dicom", "explain", "export", "metrics",
    "models", "phantom", "report", "sources", "study", "workflows",
)  # fmt: skip
"""Rooms of src/ whose names and prose were read for the longer list as well."""

IN_READ_ROOMS = {
    r"judg(?:e|es|ed|ing|ement)": "assess, read, evaluate, decide",
    r"watch(?:ed|es|ing)?": "validation set, validates",
    r"learnt": "trained on, fitted on, learned",
    r"tones?": "grey levels, contrast",
    r"(?:infected|opaque) share": "infected fraction, lung involvement, % of lung area",
    r"anew": "again",
    r"told (?:by|from|apart)": "detected from, predicted from",
    r"torn|tears?": "divide",
    r"mend(?:s|ed|ing)?": "fix, repair, correct",
    r"surer|surest": "more certain, more probable",
    r"nobody|anybody": "no reader, any user",
    r"(?:one|a) row a \w+": "one row per",
}

ALLOWED: dict[str, tuple[str, ...]] = {
    # The kind of a pair in stored catalogs: a name that files have, not prose.
    "src/infmap/catalog/pairs.py": ('"judged"',),
    # A field of study files that exist: the share of the patients that is for validation.
    "src/infmap/study/config.py": ("watch: float",),
    "src/infmap/study/splits.py": ("split.watch",),
}
"""Page to phrases in which a term is right: a quotation, or another meaning of the word."""


def main() -> int:
    root = Path(sys.argv[1]).resolve() if len(sys.argv) > 1 else ROOT
    found = problems(root)
    sys.stdout.write("".join(f"{line}\n" for line in found))
    return 1 if found else 0


def problems(root: Path) -> list[str]:
    """Every term to replace, as "file:line: 'term'; say ..."."""
    pages = [root / "README.md", *sorted((root / "docs").rglob("*.md"))]
    found: list[str] = []
    for page in pages:
        name = page.relative_to(root).as_posix()
        text = blank(page.read_text(encoding="utf-8"), ALLOWED.get(name, ()))
        found += [f"{name}:{line}: {term!r}; say {say}" for line, term, say in terms(text)]
    for page in sorted((root / "src").rglob("*.py")):
        name = page.relative_to(root).as_posix()
        code = page.read_text(encoding="utf-8")
        for phrase in ALLOWED.get(name, ()):
            code = code.replace(phrase, "")
        read = any(f"/{room}/" in name for room in READ_ROOMS)
        words = IN_CODE | (IN_READ_ROOMS if read else {})
        found += [f"{name}:{line}: {term!r}; say {say}" for line, term, say in terms(code, words)]
    return found


def blank(text: str, allowed: tuple[str, ...] = ()) -> str:
    """The prose alone: code, link targets and allowed phrases are taken out, line breaks stay."""
    text = CODE.sub(lambda match: re.sub(r"[^\n]", " ", match.group()), text)
    for phrase in allowed:
        text = text.replace(phrase, " " * len(phrase))
    return text


def terms(text: str, words: dict[str, str] = WORDS) -> list[tuple[int, str, str]]:
    """Line number, term as written, and what to say instead, in the order of the text."""
    found = []
    for term, say in words.items():
        # A space in a term may be the end of a line, but not of a paragraph.
        spaced = term.replace(" ", r"(?:[ \t]+\n?|\n)[ \t]*")
        pattern = re.compile(rf"\b(?:{spaced})\b", re.IGNORECASE)
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            found.append((line, " ".join(match.group().split()), say))
    return sorted(found)


if __name__ == "__main__":
    sys.exit(main())
