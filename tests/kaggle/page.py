"""Write the tables of docs/submitting.md from the cases: python -m tests.kaggle.page."""

from tests.contract.project import ROOT
from tests.kaggle.cases_data import DATA, ZIP
from tests.kaggle.cases_submit import SUBMIT

PATH = ROOT / "docs/submitting.md"
TABLES = {"## What `make data` can meet": [*DATA, *ZIP], "## What `make submit` can meet": SUBMIT}


def with_tables(text: str) -> str:
    """The page with a table of every case below its headings."""
    for heading, cases in TABLES.items():
        before, after = text.split(f"{heading}\n")
        following = after.partition("\n## ")[2]
        rows = ["| what happens | the line |", "| --- | --- |"]
        rows += [f"| {case.what} | `{case.line}` |" for case in cases]
        text = f"{before}{heading}\n\n" + "\n".join(rows) + "\n"
        text += f"\n## {following}" if following else ""
    return text


if __name__ == "__main__":
    PATH.write_text(with_tables(PATH.read_text(encoding="utf-8")), encoding="utf-8")
