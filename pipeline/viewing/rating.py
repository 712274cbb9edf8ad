"""An essay from outside, predicted by the trained folds in the graph's own way."""

import tempfile
from pathlib import Path

import pandas as pd

from pipeline import params, paths
from pipeline.clean_tables import TEXT
from pipeline.competition import schema
from pipeline.competition.clean_split import RawSplit, clean_split
from pipeline.competition.essays import write_clean
from pipeline.configuration import Configuration
from pipeline.configured_units import trained_units
from pipeline.errors import UserError
from pipeline.inference.folds import FoldPredictor
from pipeline.inputs.corpus import write_tokens
from pipeline.inputs.tokens import read_tokens
from pipeline.tables.predictions import mean_over_folds
from pipeline.topics.clustering import load
from pipeline.topics.table import CLUSTERING
from pipeline.viewing.draft import Draft
from pipeline.viewing.looking import Seen, parts_of

_ESSAY = "essay"


class Rater:
    """A model of the configuration, ready to predict one essay after another."""

    def __init__(self, configuration: Configuration, wanted: str | None = None) -> None:
        """Open the topics and the network of a model.

        Args:
          configuration: with the model.
          wanted: its name; the first one if none.

        Raises:
          UserError: there is no such model, or a fold of it was not trained yet.
        """
        models = configuration.read("models", dict)
        if not models:
            raise UserError("params.yaml: models: found none, expected one that is trained")
        model = configuration.named("models", wanted or next(iter(models)))
        self.model = model
        self._cleaning = configuration.read("clean", params.Clean)
        self._inputs = configuration.read(f"models.{model}.inputs", params.Inputs)
        topic = self._inputs.topic
        self._topics = None if topic is None else load(paths.topics(topic) / CLUSTERING)
        self._folds = FoldPredictor(
            model,
            encoder=configuration.read(f"models.{model}.encoder", str),
            settings=configuration.read(f"models.{model}.predict", params.Predict),
            trained=trained_units(configuration, model),
        )

    def rate(self, draft: Draft) -> Seen:
        """Clean, tokenize and predict an essay as the graph does with one of the test."""
        ids = [str(number) for number in range(len(draft.elements))]
        rows = pd.DataFrame(
            {
                schema.ELEMENT_ID: ids,
                schema.ESSAY_ID: _ESSAY,
                schema.ELEMENT_TEXT: [text for _, text in draft.elements],
                schema.ELEMENT_TYPE: [kind for kind, _ in draft.elements],
            }
        )
        made = clean_split(RawSplit(rows, {_ESSAY: draft.text}, []), self._cleaning)
        text = made.essays[TEXT].iloc[0]
        topics = {} if self._topics is None else {_ESSAY: self._topics.describe([text])[0]}
        with tempfile.TemporaryDirectory() as name:
            clean, tokens = Path(name) / "clean", Path(name) / "tokens"
            clean.mkdir()
            write_clean(clean, made)
            backbone = paths.backbone(self.model)
            write_tokens(clean, backbone, tokens, self._inputs, schema.TASK, topics)
            predicted = mean_over_folds(self._folds.predict(read_tokens(tokens)), tokens)
            found = dict(zip(predicted.element_ids, predicted.probabilities, strict=True))
            parts = parts_of(clean, _ESSAY, text, found)
        notes = [*draft.notes]
        if lost := len(made.not_found):
            notes.append(f"{lost} of {len(ids)} elements do not stand in the text; they come last")
        heading = f"{len(ids)} elements by {self.model}, the mean of {self._folds.by}"
        return Seen(heading, parts, notes)
