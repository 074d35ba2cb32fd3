"""What can be drawn: a table of subjects, their words, and those kept out of training.

Knows names and code points. Does not know pictures.
"""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

TABLE = Path(__file__).with_name("subjects.tsv")
EDITIONS = {"held": 0, "1": 1, "2": 2, "3": 3}
LATEST = max(EDITIONS.values())


@dataclass(frozen=True, kw_only=True)
class Subject:
    """One thing that can be drawn."""

    code: str  # code point in lower-case hex, as the picture files are named
    name: str
    group: str  # animal, plant, food, travel, object
    synonyms: tuple[str, ...]  # other words for it, "red fox" among them
    edition: int  # of the table, 1 to 3: larger models know later ones; 0: never trained on

    @property
    def held_out(self) -> bool:
        """Is it kept for tests of subject training, and never seen in training?"""
        return self.edition == 0

    @property
    def words(self) -> tuple[str, ...]:
        """The name first, then the synonyms."""
        return (self.name, *self.synonyms)


def parse_table(text: str) -> tuple[Subject, ...]:
    """Parse rows of `code, group, name, synonyms, edition` parted by tabs; `#` starts a remark.

    :raises ValueError: a row has the wrong number of fields or an unknown edition, or a word
        stands for two subjects.
    """
    subjects: list[Subject] = []
    owner: dict[str, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        fields = line.split("\t")
        if len(fields) != 5:
            raise ValueError(f"line {number}: expected 5 fields, found {len(fields)}")
        code, group, name, synonyms, edition = fields
        if edition not in EDITIONS:
            raise ValueError(f"line {number}: expected an edition, found {edition!r}")
        subject = Subject(
            code=code,
            name=name,
            group=group,
            synonyms=tuple(word for word in synonyms.split(",") if word),
            edition=EDITIONS[edition],
        )
        for word in subject.words:
            if owner.setdefault(word, name) != name:
                raise ValueError(f"line {number}: {word!r} already stands for {owner[word]!r}")
        subjects.append(subject)
    return tuple(subjects)


@cache
def read_subjects(path: Path = TABLE) -> tuple[Subject, ...]:
    """Read every subject, held-out ones included, in the order of the table."""
    return parse_table(path.read_text("utf-8"))


def pick_trained(subjects: tuple[Subject, ...], edition: int) -> tuple[Subject, ...]:
    """Leave out what training must never see, and what came after that edition."""
    return tuple(subject for subject in subjects if 0 < subject.edition <= edition)
