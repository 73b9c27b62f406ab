"""Code blocks and commands of the pages of the documentation."""

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
README = ROOT / "README.md"
FENCE = re.compile(r'^( *)```(\w+)(?: title="(.+?)")?\n(.*?)^\1```$', re.MULTILINE | re.DOTALL)
COMMENT = re.compile(r"(?:^| +)# .*")


@dataclass(frozen=True)
class Block:
    """Fenced block of a page."""

    page: str
    language: str
    file: str | None
    """Title of the block: file in which the reader saves it."""
    text: str

    @property
    def commands(self) -> list[str]:
        """Lines of a shell block, without comments."""
        if self.language != "sh":
            return []
        lines = (COMMENT.sub("", line.strip()) for line in self.text.splitlines())
        return [line for line in lines if line]

    @property
    def is_excerpt(self) -> bool:
        """True if lines are left out."""
        return any(line.strip() == "..." for line in self.text.splitlines())


def read_blocks(page: Path) -> list[Block]:
    """Return the fenced blocks of a page with a language, in order."""
    return [
        Block(str(page.relative_to(ROOT)), match[2], match[3], match[4])
        for match in FENCE.finditer(page.read_text(encoding="utf-8"))
    ]


def read_commands(page: Path) -> list[str]:
    """Return the commands of the shell blocks of a page, in order."""
    return [command for block in read_blocks(page) for command in block.commands]


def find_code(language: str, pages: list[Path] = PAGES) -> list[tuple[str, str]]:
    """Return the code blocks of a language with the names of their pages."""
    return [
        (block.page, block.text)
        for page in pages
        for block in read_blocks(page)
        if block.language == language
    ]
