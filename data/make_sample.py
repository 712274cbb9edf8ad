"""Write `data/sample/`: synthetic essays in Kaggle's layout, the same bytes on every run.

    python -m data.make_sample [folder]

An element's label hangs on five things and on noise:

- its wording: coined adjectives end in -ful or in -less. Hardly any of them occurs twice, so a bag
  of words knows none of them again; an encoder that reads pieces of words does.
- its neighbours: the skill of the essay, which shows in the wording of the other elements.
- the number of plain sentences in it, and of elements in the essay: what counts see.
- polish: essays strewn with "moreover" do better than those strewn with "whatever": what bags of
  words see.

Every oddity of the real files occurs too: see `add_oddities`.
"""

import csv
import dataclasses
import io
import itertools
import math
import random
import sys
from collections.abc import Sequence
from pathlib import Path

from pipeline.files import atomic_folder

SEED = 20
NEWLINE = "\n"
N_TRAIN, N_TEST = 280, 32
LABELS = ("Ineffective", "Adequate", "Effective")
CUTS = (-2.4, 2.3)  # scores below the first are Ineffective, above the second Effective
OWN, NEIGHBOURS, LENGTH, SIZE, POLISH, NOISE = 1.5, 1.0, 0.5, 0.4, 0.7, 0.5


def mixed(*parts: str) -> tuple[str, ...]:
    """Every combination of the parts' syllables."""
    return tuple("".join(syllables) for syllables in itertools.product(*map(str.split, parts)))


NOUNS = ("harbour", "ferry", "quay", "orchard", "tram", "ridge", "clock", "kite", "bridge")
# Coined adjectives: two syllables and an ending. There are so many that few occur twice.
FIRST = mixed("b br d f g gr k l m n p t v", "al er im on un ast olt")
SECOND = mixed("b d f g k l m n p t v z", "a e i o u", "b d g k m n r v")
ENDINGS = ("less", "ful")  # of an ineffective and of an effective element
POLISHED = ("moreover", "indeed", "notably", "accordingly")
ROUGH = ("stuff", "basically", "whatever", "anyways")
PEOPLE = ("sailors", "bakers", "children", "teachers", "gardeners", "visitors")
TOWNS = ("Quillport", "Ombra", "Tarn", "Vesper Hill")
TIMES = ("in spring", "at dusk", "every market day", "last year", "on rainy days")

# Mean number of plain sentences beside the ones that carry the signal.
PLAIN = {"Lead": 1.0, "Evidence": 1.4, "Concluding Statement": 1.0, "Counterclaim": 0.5}


class Dice:
    """Draws built on `random()` alone, which every Python version draws alike."""

    def __init__(self, seed: int) -> None:
        self._uniform = random.Random(seed).random

    def chance(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self._uniform() < probability

    def pick(self, items: Sequence[str]) -> str:
        """One of the items."""
        return items[int(self._uniform() * len(items))]

    def whole(self, low: int, high: int) -> int:
        """A whole number from `low` to `high`, both included."""
        return low + int(self._uniform() * (high - low + 1))

    def logistic(self) -> float:
        """A standard logistic number."""
        u = min(max(self._uniform(), 1e-9), 1 - 1e-9)
        return math.log(u / (1 - u))

    def hex_id(self) -> str:
        """12 hexadecimal digits."""
        return f"{int(self._uniform() * 16**12):012x}"


@dataclasses.dataclass
class Element:
    """`shown` stands in the essay, `listed` in the table; `before` is the text between elements."""

    kind: str
    shown: str
    label: str
    before: str = " "
    listed: str = ""
    hidden: bool = False  # not in the essay

    def __post_init__(self) -> None:
        self.listed = self.listed or self.shown


@dataclasses.dataclass
class Essay:
    """The elements of one essay in order, and the title before them."""

    id: str
    title: str
    elements: list[Element]

    def text(self) -> str:
        """The text file."""
        return self.title + "".join(e.before + e.shown for e in self.elements if not e.hidden)


def sentence(text: str) -> str:
    """A capital letter and a full stop."""
    return text[0].upper() + text[1:] + "."


class Writer:
    """Writes one essay: its skill and polish stay the same throughout."""

    def __init__(self, dice: Dice) -> None:
        self.dice = dice
        self.skill = dice.whole(0, 1)
        self.polish = dice.whole(-1, 1)
        self.n_elements = dice.whole(3, 11)

    def coined(self, good: bool) -> str:
        """An adjective that nobody has read before; only its ending is known."""
        d = self.dice
        return d.pick(FIRST) + d.pick(SECOND) + ENDINGS[good]

    def plain(self) -> str:
        """A sentence that carries no more than the essay's polish."""
        d = self.dice
        noun, other = d.pick(NOUNS), d.pick(NOUNS)
        body = d.pick(
            (
                f"the {noun} and the {other} are full {d.pick(TIMES)}",
                f"the {noun} of {d.pick(TOWNS)} is near the {other}",
                f"{d.pick(PEOPLE)} see the {noun} {d.pick(TIMES)}",
                f'"Look at the {noun}," say the {d.pick(PEOPLE)}',
            )
        )
        if self.polish and d.chance(0.5):
            body = f"{d.pick(POLISHED if self.polish > 0 else ROUGH)}, {body}"
        return sentence(body)

    def link(self) -> str:
        """A sentence between elements."""
        d = self.dice
        return sentence(f"so much for the {d.pick(NOUNS)}")

    def telling(self, good: bool) -> str:
        """A sentence whose coined words tell how good the element is."""
        d = self.dice
        noun, people = d.pick(NOUNS), d.pick(PEOPLE)
        one, two = self.coined(good), self.coined(good)
        return sentence(
            d.pick(
                (
                    f"a {one} {noun} makes {two} {people}",
                    f"{people} find the {noun} {one} and {two}",
                    f"{one} {people} want a {two} {noun}",
                )
            )
        )

    def element(self, kind: str, stretch: int = 0) -> Element:
        """One element and its label; `stretch` adds so many plain sentences."""
        d = self.dice
        good = d.chance((0.25, 0.75)[self.skill])
        n_plain = max(0, round(PLAIN.get(kind, 0.4) + 0.6 * d.logistic()))
        sentences = [self.plain() for _ in range(n_plain + stretch)]
        sentences.insert(d.whole(0, len(sentences)), self.telling(good))
        score = (
            OWN * (1 if good else -1)
            + NEIGHBOURS * (1 if self.skill else -1)
            + LENGTH * (min(n_plain, 4) - 1)
            + SIZE * (self.n_elements - 7)
            + POLISH * self.polish
            + NOISE * d.logistic()
        )
        label = LABELS[(score > CUTS[0]) + (score > CUTS[1])]
        return Element(kind, " ".join(sentences), label)

    def kinds(self) -> list[str]:
        """The types of the elements, in a common order."""
        d = self.dice
        inner = [
            d.pick(("Claim", "Evidence", "Claim", "Evidence", "Counterclaim", "Rebuttal"))
            for _ in range(self.n_elements - 1)
        ]
        kinds = ["Position", *inner]
        if d.chance(0.7):
            kinds[-1] = "Concluding Statement"
        if d.chance(0.6):
            kinds[:2] = ["Lead", "Position"]
        return kinds

    def essay(self, stretch: int = 0) -> Essay:
        """The whole essay."""
        d = self.dice
        elements = [self.element(kind, stretch) for kind in self.kinds()]
        for element in elements:
            gap = "\n\n" if d.chance(0.35) else " "
            element.before = gap
            if d.chance(0.4):
                element.before = f"{gap}{self.link()}{d.pick((' ', NEWLINE))}"
        return Essay(d.hex_id().upper(), self.link(), elements)


def fray(dice: Dice, element: Element) -> None:
    """Stray white space at the ends of the listed text, as nearly everywhere in the real files."""
    element.listed += dice.pick((" ", " ", " ", "  ", NEWLINE))
    if dice.chance(0.03):
        element.listed = " " + element.listed


def reword(element: Element, old: str, new: str, count: int = -1) -> None:
    """Replace in the essay and in the table alike."""
    element.shown = element.shown.replace(old, new, count)
    element.listed = element.listed.replace(old, new, count)


def add_oddities(dice: Dice, essays: list[Essay], missing: bool) -> None:
    """Put every oddity of the real files into some essays; `missing`: also a text not in its essay.

    Each takes the next essay or elements, so none undoes another.
    """
    following = iter(essays)

    def element(place: int = 0) -> Element:
        return next(following).elements[place]

    for mark in "\x91\x92\x93\x94\x95\x96\x97":  # cp1252 damage
        reword(element(), " ", f" {mark}", 1)
    for _ in range(4):
        reword(element(), " ", "\xa0", 2)  # no-break spaces
        reword(element(), ". ", f".{NEWLINE * 2}")  # paragraphs within an element
        reword(element(), " the ", " WITHHELD_NAME's ")  # placeholders
        odd = element()
        odd.listed = odd.shown.replace(" ", NEWLINE, 1).replace(". ", ".  ")  # other white space
    for _ in range(3):  # the same text twice in an essay: a plain find misplaces the second
        essay = next(following)
        again = dataclasses.replace(essay.elements[1], label=dice.pick(LABELS), before=" ")
        essay.elements.insert(3, again)
    for label in LABELS:  # equal texts, conflicting labels
        text = "That is all that there is to say."
        next(following).elements.append(Element("Concluding Statement", text, label))
    if missing:
        element(1).hidden = True


def make_split(dice: Dice, count: int, missing: bool) -> list[Essay]:
    """So many essays with their oddities, in order of their ids."""
    essays = [Writer(dice).essay() for _ in range(count)]
    add_oddities(dice, essays, missing)
    long = Writer(dice).essay()  # an element that is longer than a window
    long.elements[1] = Writer(dice).element(long.elements[1].kind, stretch=45)
    endless = Writer(dice)  # an essay that is longer than any row
    endless.n_elements = 15
    essays[-2:] = [long, endless.essay(stretch=3)]
    for essay in essays:
        for element in essay.elements:
            fray(dice, element)
    return sorted(essays, key=lambda essay: essay.id)


def save(path: Path, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """CSV as Kaggle writes it."""
    stream = io.StringIO()
    csv.writer(stream, lineterminator=NEWLINE).writerows([columns, *rows])
    path.write_bytes(stream.getvalue().encode())


def write(folder: Path) -> None:
    """Make the sample and write it whole."""
    dice = Dice(SEED)
    splits = {"train": make_split(dice, N_TRAIN, True), "test": make_split(dice, N_TEST, False)}
    columns = ["discourse_id", "essay_id", "discourse_text", "discourse_type"]
    label = "discourse_effectiveness"
    with atomic_folder(folder) as out:
        for name, essays in splits.items():
            (out / name).mkdir()
            for essay in essays:
                (out / name / f"{essay.id}.txt").write_bytes(essay.text().encode())
            rows = [
                [dice.hex_id(), essay.id, e.listed, e.kind, e.label]
                for essay in essays
                for e in essay.elements
            ]
            if name == "train":
                save(out / "train.csv", [*columns, label], rows)
            else:
                save(out / "test.csv", columns, [row[:-1] for row in rows])
                blank = [[row[0], "1.0", "1.0", "1.0"] for row in rows]
                save(out / "sample_submission.csv", ["discourse_id", *LABELS], blank)


if __name__ == "__main__":
    write(Path(sys.argv[1] if len(sys.argv) > 1 else "data/sample"))
