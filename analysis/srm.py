"""Sample ratio mismatch: whether the variants have the sizes they were designed to have."""

import math
from collections.abc import Mapping
from datetime import date, timedelta

from analysis.distributions import SMALLEST_P, chi_square_p
from analysis.report import Absent, Check, SampleRatio

# Usual practice; background in Fabijan et al. 2019 (doi.org/10.1145/3292500.3330722).
ALERT = 0.001
# Prior concentration of the running test; 100 to 10,000 are usual.
CONCENTRATION = 100.0
# The usual 5 is for levels of 5 %: at 0.1 % over many parts of an uneven split the chi-square would
# cry wolf in up to 1.2 % of the reports.
_LEAST_EXPECTED = 50.0
# A day without one of so many expected units happens once in 22,000.
_EXPECTED_A_DAY = 10


def chi_square(units: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """P-value of Pearson's chi-square of counted units against designed shares.

    Args:
        units: Counted units by variant, at least one in all.
        shares: Designed share by variant, summing to 1.

    Returns:
        Chance of a deviation at least this large when the split works as designed.
    """
    total = sum(units.values())
    statistic = math.fsum(
        (units[key] - total * share) ** 2 / (total * share) for key, share in shares.items()
    )
    return chi_square_p(statistic, len(shares) - 1)


def log_e_value(units: Mapping[str, int], shares: Mapping[str, float]) -> float:
    """Logarithm of the Dirichlet-multinomial e-value against the designed shares.

    Lindon & Malek 2022 (arxiv.org/abs/2011.03567). Above ln 1,000 at any look is an alert.
    """
    total, k = sum(units.values()), CONCENTRATION
    terms = [math.lgamma(k), -math.lgamma(k + total)]
    for key, share in shares.items():
        terms += [math.lgamma(k * share + units[key]), -math.lgamma(k * share)]
        terms.append(-units[key] * math.log(share))
    return math.fsum(terms)


def check_sample_ratio(units: Mapping[str, int], shares: Mapping[str, float]) -> SampleRatio:
    """Compares the counted units with the designed shares, once and for every look."""
    if not any(units.values()):
        gap = Absent("no unit was exposed yet")
        return SampleRatio(ok=gap, p_value=gap, sequential_p_value=gap)
    p_value = chi_square(units, shares)
    evidence = log_e_value(units, shares)
    sequential = max(math.exp(-evidence), SMALLEST_P) if evidence > 0 else 1.0
    return SampleRatio(
        ok=min(p_value, sequential) >= ALERT, p_value=p_value, sequential_p_value=sequential
    )


def check_parts(parts: Mapping[str, Mapping[str, int]], shares: Mapping[str, float]) -> Check:
    """Compares every part of the units with the designed shares, all of them read together.

    Where units are lost in one segment or on one day alone, the whole may still look well.

    Args:
        parts: Counted units by variant, by what the part is called.
        shares: Designed share by variant.

    Returns:
        The smallest of the chi-square's p-values times their number (Bonferroni), and the part it
        is of; parts that expect under 50 units of a variant are not asked.
    """
    least = _LEAST_EXPECTED / min(shares.values())
    found = {
        name: chi_square(units, shares)
        for name, units in parts.items()
        if sum(units.values()) >= least
    }
    if not found:
        gap = Absent("no part has units enough")
        return Check(ok=gap, p_value=gap)
    where = min(found, key=lambda name: found[name])
    p_value = min(1.0, found[where] * len(found))
    return Check(ok=p_value >= ALERT, p_value=p_value, where=where)


def gaps(units: Mapping[date, int]) -> tuple[date, ...]:
    """The days between the first and the last on which no unit came, where that is no chance.

    Args:
        units: New units of all variants by day; days without one may be missing.
    """
    seen = {day for day, count in units.items() if count}
    if not seen:
        return ()
    first, days = min(seen), (max(seen) - min(seen)).days + 1
    if sum(units.values()) < _EXPECTED_A_DAY * days:
        return ()
    every = (first + timedelta(days=number) for number in range(days))
    return tuple(day for day in every if day not in seen)
