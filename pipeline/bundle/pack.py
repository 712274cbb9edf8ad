"""The folder that Kaggle gets as a dataset: code, weights, tokenizers, the blend, a manifest."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from pipeline import params, paths
from pipeline.bundle import contents, wheels
from pipeline.bundle.blend import Blend, fit_parts, priors_of
from pipeline.bundle.kernel import WHEELS
from pipeline.bundle.manifest import BundleOrigin, write_manifest
from pipeline.bundle.pace import count_rows
from pipeline.bundle.predicting import predicting_units
from pipeline.bundle.rounding import HeldOut, pack_model
from pipeline.configuration import Configuration
from pipeline.configured_units import configured_units
from pipeline.encoders.weights.tensors import FILE
from pipeline.errors import UserError
from pipeline.evaluation.blending import Blended, blended
from pipeline.files import atomic_folder, write_json
from pipeline.graph.locked_outputs import PARAMETERS, check_outputs
from pipeline.inputs.tokens import FILES, read_tokens
from pipeline.metrics import log_loss
from pipeline.progress import say
from pipeline.reserved import BASELINE, ENSEMBLE
from pipeline.tables.elements import read_elements
from pipeline.tables.gather import gather_members
from pipeline.topics.table import CLUSTERING
from pipeline.units import Unit

Probabilities = Float[np.ndarray, "rows members labels"]


@dataclass(frozen=True)
class PackedBundle:
    """The bundle as written."""

    folder: Path
    log_loss: float  # nested, out of fold, of what the bundle predicts
    total_bytes: int


class Packer:
    """The bundle of one configuration in the making."""

    def __init__(self, configuration: Configuration, dtype: str) -> None:
        """Hold the outputs that it is made from to dvc.lock, before the first is read.

        Args:
          configuration: whose models, folds and members are packed.
          dtype: of the weights in the bundle: float32, float16 or bfloat16.

        Raises:
          UserError: an output isn't that of dvc.lock.
        """
        self.configuration, self.dtype = configuration, dtype
        self.folds = sorted(configuration.read("folds", list))
        self.models = list(configuration.read("models", dict))
        # The rounding is measured by folds, whose held-out essays are known to no other.
        self.measured = configured_units(configuration) if dtype != "float32" else []
        self.trained = {model: predicting_units(configuration, model) for model in self.models}
        self.external = list(configuration.read("members", dict))
        # The model of each member of embeddings, which is packed as well.
        there: dict[str, params.Embeddings] = configuration.read("embeddings", dict)
        self.embeddings = {name: options.model for name, options in there.items()}
        self.members = [BASELINE, *self.embeddings, *self.models]
        check_outputs(self._outputs())
        self.elements = read_elements(self.folds)

    def pack(self, without_external: bool) -> PackedBundle:
        """Write the bundle, whole or not at all.

        Args:
          without_external: whether the blend may do without members that can't predict the
            hidden test.

        Raises:
          UserError: the run is partial, the blend has external members and may not do without, or
            a weight doesn't fit the dtype.
        """
        if self.elements.partial(self.folds):
            raise UserError(
                f"{PARAMETERS}: folds: {self.folds} leave essays out, expected "
                f"{sorted(set(self.elements.folds.tolist()))}: a partial run is not submitted"
            )
        probabilities = self._gather(self.members)
        blend = self._blend(probabilities)
        if self.external:
            self._do_without_external(blend, without_external)
        with atomic_folder(paths.bundle()) as folder:
            for model in self.models:
                pack_model(folder, model, self._units(model), self.dtype)
            # Rounded weights give other predictions, so the pool is fitted anew to these.
            if self.measured and self.models:
                rounded = self._round(folder, probabilities)
                blend = self._say_rounding(probabilities, rounded, blend)
                probabilities = rounded
                self._drop_measured(folder)
            total = self._write(folder, blend, probabilities)
        return PackedBundle(paths.bundle(), self._loss(blend), total)

    def _units(self, model: str) -> list[Unit]:
        """List the units of a model that predict a test or measure the rounding."""
        return list(dict.fromkeys([*self.trained[model], *self.measured]))

    def _drop_measured(self, folder: Path) -> None:
        """Remove folds that only measured, where the full fit predicts alone."""
        for model in self.models:
            for unit in set(self.measured) - set(self.trained[model]):
                shutil.rmtree(contents.fold(folder, model, unit))

    def _outputs(self) -> list[Path]:
        """List every output that the bundle is made from or scored by."""
        weights = [paths.weights(m, unit) for m in self.models for unit in self._units(m)]
        oof = [paths.oof(member) for member in [*self.members, *self.external]]
        tokens = [paths.tokens(m, "train") / file for m in self.models for file in FILES]
        elements = [paths.clean("train"), paths.FOLDS]
        # By its word the run is not partial, which is asked before a bundle is sent.
        figures = paths.metrics(ENSEMBLE)
        topics = [paths.topics(name) for name in self._topics()]
        frozen = [paths.backbone(model) for model in dict.fromkeys(self.embeddings.values())]
        frozen += [paths.embeddings(name) for name in self.embeddings]
        fitted = [*topics, *frozen, *weights, paths.BASELINE]
        return [*fitted, *oof, *elements, *tokens, figures]

    def _topics(self) -> list[str]:
        """Name the topics that models read."""
        inputs = [self.configuration.read(f"models.{m}.inputs", params.Inputs) for m in self.models]
        return list(dict.fromkeys(one.topic for one in inputs if one.topic is not None))

    def _gather(self, members: list[str]) -> Probabilities:
        return gather_members(members, self.folds, self.elements)

    def _blend(self, probabilities: Probabilities) -> Blended:
        """Fit the configuration's blend as the ensemble stage does."""
        settings = self.configuration.read("ensemble", params.Ensemble)
        return blended(settings, probabilities, self.elements)

    def _loss(self, blend: Blended) -> float:
        return round(log_loss(self.elements.labels, blend.held), 6)

    def _do_without_external(self, blend: Blended, allowed: bool) -> None:
        whole = self._loss(self._blend(self._gather([*self.members, *self.external])))
        own = self._loss(blend)
        line = (
            f"{', '.join(self.external)} cannot predict the hidden test; the blend without has a "
            f"nested log loss of {own:.4f} instead of {whole:.4f} ({own - whole:+.4f})"
        )
        if not allowed:
            raise UserError(f"{PARAMETERS}: members: {line}; --without-external goes on without")
        say(f"bundle: {line}")

    def _round(self, folder: Path, probabilities: Probabilities) -> Probabilities:
        """Return the members' out-of-fold probabilities under the bundle's weights."""
        held_out = HeldOut(folder, self.elements)
        out = probabilities.copy()
        for model in self.models:
            encoder = self.configuration.read(f"models.{model}.encoder", str)
            settings = self.configuration.read(f"models.{model}.predict", params.Predict)
            found = held_out.predict(model, encoder, settings, self.measured)
            out[:, self.members.index(model)] = found
        return out

    def _say_rounding(self, before: Probabilities, after: Probabilities, exact: Blended) -> Blended:
        """Refit the blend; say what the rounding costs each model and the whole."""
        blend, labels = self._blend(after), self.elements.labels
        pairs = {
            model: (log_loss(labels, before[:, m]), log_loss(labels, after[:, m]))
            for m, model in enumerate(self.members)
            if model in self.models
        }
        pairs["blend, nested"] = (self._loss(exact), self._loss(blend))
        for name, (one, other) in pairs.items():
            change = f"{one:.6f} as trained, {other:.6f} with {self.dtype} ({other - one:+.6f})"
            say(f"bundle: {name}: log loss out of fold {change}")
        return blend

    def _workload(self) -> dict[str, dict[str, int]]:
        """Count each network's training essays, and the rows that they would take in prediction."""
        found = {}
        for model in self.models:
            tokens = read_tokens(paths.tokens(model, "train"))
            settings = self.configuration.read(f"models.{model}.predict", params.Predict)
            essays = len(set(tokens.essay_ids))
            found[model] = {"essays": essays, "rows": count_rows(tokens, settings)}
        return found | {name: found[model] for name, model in self.embeddings.items()}

    def _write(self, folder: Path, blend: Blended, probabilities: Probabilities) -> int:
        """Write all but the models; return the bytes of the whole."""
        for fold in self.folds:
            target = contents.baseline(folder, fold)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(paths.BASELINE / target.name, target)
        for name, model in self.embeddings.items():
            target = contents.frozen(folder, model)
            target.mkdir(exist_ok=True)
            # As it is, for the regressions know no rounded one.
            shutil.copyfile(paths.backbone(model) / FILE, target / FILE)
            for fold in self.folds:
                target = contents.embedding(folder, name, fold)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(paths.embeddings(name) / target.name, target)
        for name in self._topics():
            target = contents.topics(folder, name)
            target.parent.mkdir(exist_ok=True)
            shutil.copyfile(paths.topics(name) / CLUSTERING, target)
        settings, labels = (
            self.configuration.read("ensemble", params.Ensemble),
            self.elements.labels,
        )
        workload = self._workload()
        cheapest = sorted(self.members[1:], key=lambda member: workload[member]["rows"])
        parts = fit_parts(
            settings.pool, self.members, probabilities, labels, settings.ridge, cheapest
        )
        fitted = blend.fitted
        shares = None if fitted.shares is None else fitted.shares.tolist()
        priors = priors_of(self.elements)
        made = Blend(self.members, fitted.pool, parts, priors, fitted.stacker, shares)
        made.write(folder)
        write_json(folder / contents.WORKLOAD, workload)
        shutil.copyfile(PARAMETERS, folder / contents.PARAMETERS)
        (folder / WHEELS).mkdir()
        wheels.build_own(Path(), folder / WHEELS)
        for name in wheels.LACKING:
            wheels.repack(name, folder / WHEELS)
        return write_manifest(folder, BundleOrigin.here(self.configuration), self._loss(blend))
