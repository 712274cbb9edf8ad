"""Markers: one for each type, all of them different."""

from pipeline.competition import schema
from pipeline.inputs import markers


def test_one_for_each_type_and_one_for_paragraphs() -> None:
    assert tuple(markers.MARKERS) == schema.TYPES
    assert len(set(markers.ALL)) == len(schema.TYPES) + 1
    assert markers.ALL[-1] == markers.PARAGRAPH
