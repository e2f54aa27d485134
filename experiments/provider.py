"""Kassa's assignment as an OpenFeature provider: in this process, without a network or a store.

Wants the extra `kassa[openfeature]`; nothing else in this package imports this module.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, TargetingKeyMissingError, TypeMismatchError
from openfeature.flag_evaluation import FlagResolutionDetails, FlagValueType, Reason
from openfeature.provider import AbstractProvider, Metadata
from typing_extensions import override

from experiments.catalog import Catalog
from experiments.definition import Experiment
from experiments.errors import UnknownExperiment
from experiments.flags import attributes_of, evaluate, metadata

_NAME: Final = "Kassa"


def utc_now() -> datetime:
    """The time at which a flag is asked for."""
    return datetime.now(UTC)


class KassaProvider(AbstractProvider):
    """Flags from definitions: a flag is an experiment, its value the key of the unit's variant.

    The variant is the one that the definitions give. What a visitor was shown before the
    definitions changed is known to the service alone.
    """

    def __init__(
        self, catalog: Callable[[], Catalog], clock: Callable[[], datetime] = utc_now
    ) -> None:
        """Evaluates the definitions in force.

        Args:
            catalog: the definitions in force, asked for at each evaluation.
            clock: the time now, aware.
        """
        super().__init__()
        self._catalog = catalog
        self._clock = clock

    @override
    def get_metadata(self) -> Metadata:
        return Metadata(name=_NAME)

    @override
    def resolve_string_details(
        self,
        flag_key: str,
        default_value: str,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[str]:
        catalog = self._catalog()
        experiment = _experiment(catalog, flag_key)
        context = evaluation_context or EvaluationContext()
        if not context.targeting_key:
            raise TargetingKeyMissingError("the targeting key is the unit: the visitor's id")
        found = evaluate(
            experiment,
            context.targeting_key,
            attributes_of(context.attributes),
            now=self._clock(),
        )
        return FlagResolutionDetails(
            value=found.variant.key,
            variant=found.variant.key,
            reason=Reason(found.reason.value),
            flag_metadata=metadata(catalog, found),
        )

    @override
    def resolve_boolean_details(
        self,
        flag_key: str,
        default_value: bool,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[bool]:
        raise self._mismatch(flag_key, "a boolean")

    @override
    def resolve_integer_details(
        self,
        flag_key: str,
        default_value: int,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[int]:
        raise self._mismatch(flag_key, "a whole number")

    @override
    def resolve_float_details(
        self,
        flag_key: str,
        default_value: float,
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[float]:
        raise self._mismatch(flag_key, "a number")

    @override
    def resolve_object_details(
        self,
        flag_key: str,
        default_value: Sequence[FlagValueType] | Mapping[str, FlagValueType],
        evaluation_context: EvaluationContext | None = None,
    ) -> FlagResolutionDetails[Sequence[FlagValueType] | Mapping[str, FlagValueType]]:
        raise self._mismatch(flag_key, "an object")

    def _mismatch(self, flag_key: str, wanted: str) -> TypeMismatchError:
        experiment = _experiment(self._catalog(), flag_key)
        return TypeMismatchError(
            f"{experiment.key} is text, the key of a variant, and {wanted} was asked for"
        )


def _experiment(catalog: Catalog, flag_key: str) -> Experiment:
    try:
        return catalog.experiment(flag_key)
    except UnknownExperiment as exc:
        raise FlagNotFoundError(str(exc)) from exc
