"""What is compared: variants, of which exactly one is the control."""

from collections.abc import Callable, Iterator
from typing import Annotated, Final

from pydantic import AfterValidator, Field
from pydantic.dataclasses import dataclass

from experiments.notation import (
    STRICT,
    Breach,
    Key,
    Line,
    refuse_all,
    repeated,
    shown,
    two_decimals,
)


@dataclass(frozen=True, kw_only=True, config=STRICT)
class Variant:
    """One of the experiences that are compared.

    Attributes:
        key: the name in reports, cookies and payments.
        weight: percent of the units in the experiment, above 0, at most two decimals.
        control: whether the others are compared with this one.
        flow: the checkout flow it shows, by a name the service knows; opaque here.
        name: the name people read; None means the key.

    Raises:
        pydantic.ValidationError: when a value breaks its rule.
    """

    key: Annotated[Key, Field(description="a key such as one_page")]
    weight: Annotated[
        float,
        Field(
            gt=0,
            le=100,
            description="a percentage above 0 and at most 100, with at most two decimals, "
            "such as 50",
        ),
        AfterValidator(two_decimals),
    ]
    control: Annotated[bool, Field(description="true for the control, else nothing")] = False
    flow: Annotated[Key | None, Field(description="the key of a checkout flow")] = None
    name: Annotated[Line | None, Field(description="a short name such as One page")] = None


def _count(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    if not 2 <= len(variants) <= 20:
        yield Breach(
            (),
            "variant-count",
            f"there are {len(variants)} variants" if len(variants) != 1 else "there is 1 variant",
            "write 2 to 20 variants",
        )


def _unique_keys(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    for index in repeated(variant.key for variant in variants):
        key = variants[index].key
        yield Breach(
            (index, "key"),
            "unique-key",
            f"two variants have the key {shown(key)}",
            "give each variant a key of its own",
        )


def _one_control(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    controls = [index for index, variant in enumerate(variants) if variant.control]
    if variants and not controls:
        yield Breach(
            (),
            "one-control",
            "no variant is the control",
            "write `control: true` on the variant that visitors see today",
        )
    for index in controls[1:]:
        yield Breach(
            (index, "control"),
            "one-control",
            f"{shown(variants[index].key)} is a second control beside "
            f"{shown(variants[controls[0]].key)}",
            "keep `control: true` on one variant only",
        )


def _weights_sum(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    # In hundredths of a percent the sum is exact: 33.33 + 33.33 + 33.34 is 100.
    total = sum(round(variant.weight * 100) for variant in variants)
    if total != 10000 and 2 <= len(variants) <= 20:
        yield Breach(
            (),
            "weights-sum",
            f"the weights sum to {total / 100:g}, not 100",
            f"change them so that they sum to 100; equal weights are {_equal(len(variants))}",
        )


def _equal(count: int) -> str:
    each = 10000 // count
    rest = 10000 - each * (count - 1)
    return ", ".join(f"{hundredths / 100:g}" for hundredths in [each] * (count - 1) + [rest])


def _flows(variants: tuple[Variant, ...]) -> Iterator[Breach]:
    without = [index for index, variant in enumerate(variants) if variant.flow is None]
    if len(without) != len(variants):
        for index in without:
            yield Breach(
                (index,),
                "flow-on-every-variant",
                f"{shown(variants[index].key)} names no flow, though other variants do",
                "write `flow:` on this variant too",
            )


_VARIANT_RULES: Final[tuple[Callable[[tuple[Variant, ...]], Iterator[Breach]], ...]] = (
    _count,
    _unique_keys,
    _one_control,
    _weights_sum,
    _flows,
)


def agreeing(variants: tuple[Variant, ...]) -> tuple[Variant, ...]:
    """Refuses variants that do not fit together.

    Raises:
        pydantic.ValidationError: with every rule they break.
    """
    refuse_all(breach for rule in _VARIANT_RULES for breach in rule(variants))
    return variants
