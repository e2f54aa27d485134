"""Formulas of `analysis`, each broken in one place, with the tests that must notice."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One wrong formula.

    Attributes:
        name: What is wrong about it.
        file: In `analysis`.
        old: The right text, which stands there exactly once.
        new: The wrong one.
        tests: In `tests/analysis`, likeliest first.
    """

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]

    @property
    def occurrences(self) -> int:
        """How often the right text stands in its file."""
        return (ROOT / "analysis" / self.file).read_text("utf-8").count(self.old)


_DISTRIBUTIONS = "distributions.py"
_PROPORTION = ("inference/test_proportion.py",)
_MEAN = ("inference/test_mean.py",)
_RATIO = ("inference/test_ratio.py",)
_SEQUENTIAL = ("inference/test_sequential.py",)
_GROUP = ("inference/test_group_sequential.py",)

MUTANTS = (
    Mutant(
        "one-sided normal quantile",
        _DISTRIBUTIONS,
        "-NormalDist().inv_cdf(alpha / 2)",
        "-NormalDist().inv_cdf(alpha)",
        _PROPORTION,
    ),
    Mutant(
        "one-sided normal p-value",
        _DISTRIBUTIONS,
        "max(math.erfc(abs(z) / math.sqrt(2)), SMALLEST_P)",
        "max(math.erfc(abs(z) / math.sqrt(2)) / 2, SMALLEST_P)",
        _PROPORTION,
    ),
    Mutant(
        "one-sided Student p-value",
        _DISTRIBUTIONS,
        "max(2 * float(stdtr(degrees, -abs(t))), SMALLEST_P)",
        "max(float(stdtr(degrees, -abs(t))), SMALLEST_P)",
        _MEAN,
    ),
    Mutant(
        "one-sided Student quantile",
        _DISTRIBUTIONS,
        "-float(stdtrit(degrees, alpha / 2))",
        "-float(stdtrit(degrees, alpha))",
        _MEAN,
    ),
    Mutant(
        "the normal for Student's from 10,000 degrees on",
        _DISTRIBUTIONS,
        "normal_p(_hill_z(t, degrees))",
        "normal_p(t)",
        ("test_distributions_without_scipy.py",),
    ),
    Mutant(
        "odd degrees of the chi-square as even ones",
        _DISTRIBUTIONS,
        "beyond = math.erfc(math.sqrt(half)) if odd else 0.0",
        "beyond = 0.0",
        ("test_distributions_without_scipy.py", "test_srm.py"),
    ),
    Mutant(
        "arms of Boschloo's test as rows",
        _DISTRIBUTIONS,
        "boschloo_exact(array([successes, failures]))",
        "boschloo_exact(array([successes, failures]).T)",
        _PROPORTION,
    ),
    Mutant(
        "all of the table seen taken from the mid-p",
        _DISTRIBUTIONS,
        "- seen / 2, SMALLEST_P",
        "- seen, SMALLEST_P",
        ("test_distributions.py",),
    ),
    Mutant(
        "one tail of Fisher's test",
        _DISTRIBUTIONS,
        "rising = range(lowest, mode + 1), range(highest, mode, -1)",
        "rising = range(lowest, mode + 1), range(highest, highest)",
        ("test_distributions.py",),
    ),
    Mutant(
        "unpooled score test",
        "inference/proportion.py",
        "variance = converted * (total - converted) / (total * units[0] * units[1])",
        "variance = sum(x * (n - x) / n**3 for x, n in zip(successes, units, strict=True))",
        _PROPORTION,
    ),
    Mutant(
        "arms of the difference swapped",
        "inference/proportion.py",
        "return Estimate(difference(successes, units), low, high)",
        "return Estimate(difference(successes[::-1], units[::-1]), low, high)",
        ("inference/test_laws.py", *_PROPORTION),
    ),
    Mutant(
        "log ratio of Poisson counts",
        "inference/proportion.py",
        "sum(1 / x - 1 / n for x, n in zip(successes, units, strict=True))",
        "sum(1 / x for x, n in zip(successes, units, strict=True))",
        ("test_analyze.py",),
    ),
    Mutant(
        "a sample size where a count belongs in Mee's cubic",
        "inference/score.py",
        "linear = (n_c * d - total - 2 * x_c) * d + x_t + x_c",
        "linear = (n_c * d - total - 2 * n_c) * d + x_t + x_c",
        _PROPORTION,
    ),
    Mutant(
        "one arm's units for both in Mee's variance",
        "inference/score.py",
        "high * (1 - high) / units[1]",
        "high * (1 - high) / units[0]",
        _PROPORTION,
    ),
    Mutant(
        "ratio not squared in Koopman's variance",
        "inference/score.py",
        "ratio**2 * control * missing / n_c",
        "ratio * control * missing / n_c",
        _PROPORTION,
    ),
    Mutant(
        "ratio not squared where Koopman's arms change places",
        "inference/score.py",
        "math.exp(2 * log_ratio) * swapped",
        "math.exp(log_ratio) * swapped",
        _PROPORTION,
    ),
    Mutant(
        "n for n - 1 in a variance",
        "inference/mean.py",
        "deviations / (sums.units - 1) / sums.units",
        "deviations / sums.units / sums.units",
        _MEAN,
    ),
    Mutant(
        "n for n - 1 in Welch's degrees",
        "inference/mean.py",
        "e**2 / (arm.units - 1) for e, arm",
        "e**2 / arm.units for e, arm",
        _MEAN,
    ),
    Mutant(
        "mean not squared in the error of its logarithm",
        "inference/mean.py",
        "errors = [arm.error / arm.mean**2 for arm in arms]",
        "errors = [arm.error / arm.mean for arm in arms]",
        _MEAN,
    ),
    Mutant(
        "lift of a mean on the plain scale",
        "inference/mean.py",
        "lift_of(math.log(ratio) + sign * margin)",
        "ratio - 1 + sign * margin",
        _MEAN,
    ),
    Mutant(
        "total not squared in effective units",
        "inference/mean.py",
        "arm.total**2 / arm.total_squares if",
        "arm.total / arm.total_squares if",
        _MEAN,
    ),
    Mutant(
        "sign of the covariance in the delta method",
        "inference/ratio.py",
        "arm.total_squares - 2 * ratio * arm.cross",
        "arm.total_squares + 2 * ratio * arm.cross",
        _RATIO,
    ),
    Mutant(
        "covariance counted once in the delta method",
        "inference/ratio.py",
        "arm.total_squares - 2 * ratio * arm.cross",
        "arm.total_squares - ratio * arm.cross",
        _RATIO,
    ),
    Mutant(
        "base not squared in the delta method",
        "inference/ratio.py",
        "(arm.units * mean_base**2)",
        "(arm.units * mean_base)",
        _RATIO,
    ),
    Mutant(
        "the difference's degrees for the lift of a ratio",
        "inference/ratio.py",
        "welch_degrees(_of_logarithms(ratios, errors), arms)",
        "welch_degrees(errors, arms)",
        _RATIO,
    ),
    Mutant(
        "mixture tuned by half of the evidence",
        "inference/sequential.py",
        "bits = -2 * math.log(alpha)",
        "bits = -math.log(alpha)",
        _SEQUENTIAL,
    ),
    Mutant(
        "half of the variance in the always-valid interval",
        "inference/sequential.py",
        "math.sqrt(variance * 2 * (gathered + 1) / gathered * bound)",
        "math.sqrt(variance * (gathered + 1) / gathered * bound)",
        _SEQUENTIAL,
    ),
    Mutant(
        "twice the evidence in the always-valid p-value",
        "inference/sequential.py",
        "gathered * squared_z / (2 * (gathered + 1))",
        "gathered * squared_z / (gathered + 1)",
        _SEQUENTIAL,
    ),
    Mutant(
        "alpha not halved between the sides of a look",
        "inference/group_sequential.py",
        "_SPENT[spending](fraction, alpha / 2)",
        "_SPENT[spending](fraction, alpha)",
        _GROUP,
    ),
    Mutant(
        "what was spent before is spent again",
        "inference/group_sequential.py",
        "_bound(passing, fraction, spent - before)",
        "_bound(passing, fraction, spent)",
        _GROUP,
    ),
    Mutant(
        "wrong quantile in O'Brien and Fleming's spending",
        "inference/group_sequential.py",
        "math.erfc(-_NORMAL.inv_cdf(level / 2) / math.sqrt(2 * fraction))",
        "math.erfc(-_NORMAL.inv_cdf(level) / math.sqrt(2 * fraction))",
        _GROUP,
    ),
    Mutant(
        "the looks before are forgotten",
        "inference/group_sequential.py",
        "total += passing.above(bound, fraction)",
        "total += 0.0",
        _GROUP,
    ),
    Mutant(
        "a loss at a look counts as a gain",
        "looks.py",
        "math.copysign(normal_z(p_value), difference)",
        "normal_z(p_value)",
        ("test_looks.py",),
    ),
    Mutant(
        "drift taken for the estimate at a look",
        "looks.py",
        "drift * math.sqrt(looks[over].fraction) / z",
        "drift / z",
        ("test_looks.py",),
    ),
    Mutant(
        "Holm without stepping down",
        "multiplicity.py",
        "(len(p_values) - rank) * p_values[index]",
        "len(p_values) * p_values[index]",
        ("test_multiplicity.py",),
    ),
    Mutant(
        "Holm without keeping the order",
        "multiplicity.py",
        "largest = max(largest, (len(p_values) - rank) * p_values[index])",
        "largest = (len(p_values) - rank) * p_values[index]",
        ("test_multiplicity.py",),
    ),
    Mutant(
        "ranks the wrong way round in Benjamini-Hochberg",
        "multiplicity.py",
        "rank = len(p_values) - position",
        "rank = position + 1",
        ("test_multiplicity.py",),
    ),
    Mutant(
        "share missing in the sample ratio",
        "srm.py",
        "(units[key] - total * share) ** 2 / (total * share)",
        "(units[key] - total * share) ** 2 / total",
        ("test_srm.py",),
    ),
    Mutant(
        "a degree of freedom too many in the sample ratio",
        "srm.py",
        "chi_square_p(statistic, len(shares) - 1)",
        "chi_square_p(statistic, len(shares))",
        ("test_srm.py",),
    ),
    Mutant(
        "sign of the designed shares in the e-value",
        "srm.py",
        "terms.append(-units[key] * math.log(share))",
        "terms.append(units[key] * math.log(share))",
        ("test_srm.py",),
    ),
    Mutant(
        "the luck that variants share not squared away in Dunnett",
        "multiplicity.py",
        "shared, own = math.sqrt(size / (1 + size))",
        "shared, own = size / (1 + size)",
        ("test_multiplicity.py",),
    ),
    Mutant(
        "the variance of one arm in the detectable lift of a mean",
        "power.py",
        "math.sqrt(2 / units_per_variant)",
        "math.sqrt(1 / units_per_variant)",
        ("test_power.py",),
    ),
    Mutant(
        "one-sided alpha in the size for a mean",
        "power.py",
        "normal_quantile(alpha) + NormalDist",
        "normal_quantile(2 * alpha) + NormalDist",
        ("test_power.py",),
    ),
    Mutant(
        "units not squared in Wilson's limits",
        "inference/wilson.py",
        "square / (4 * arm.units**2)",
        "square / (4 * arm.units)",
        ("inference/test_wilson.py",),
    ),
    Mutant(
        "the control's wrong side in Newcombe's interval",
        "inference/wilson.py",
        "math.hypot(t.value - t.low, c.high - c.value)",
        "math.hypot(t.value - t.low, c.value - c.low)",
        ("inference/test_wilson.py",),
    ),
    Mutant(
        "the designed shares missing in the e-value of harm",
        "inference/e_value.py",
        "middle = share * low + (1 - share) * high",
        "middle = (low + high) / 2",
        ("inference/test_e_value.py",),
    ),
    Mutant(
        "all of alpha for the one side of harm",
        "inference/e_value.py",
        "alpha=alpha), 2 / alpha)",
        "alpha=alpha), 1 / alpha)",
        ("inference/test_e_value.py",),
    ),
    Mutant(
        "units for units without a conversion in the posterior",
        "inference/bayesian.py",
        "_PRIOR[1] + arm.units - arm.total",
        "_PRIOR[1] + arm.units",
        ("inference/test_bayesian.py",),
    ),
    Mutant(
        "covariance counted once in CUPED",
        "inference/adjustment.py",
        "self.value - 2 * slope * self.both",
        "self.value - slope * self.both",
        ("inference/test_adjustment.py",),
    ),
    Mutant(
        "a degree of freedom too many in Lin's regression",
        "inference/adjustment.py",
        "(arm.units - 1) / (arm.units - 2)",
        "(arm.units - 1) / (arm.units - 1)",
        ("inference/test_adjustment.py",),
    ),
    Mutant(
        "kept outcomes missing in the loss of three variants",
        "outcome_loss.py",
        "/ (arm.outcomes * share * (1 - share))",
        "/ (arm.outcomes * share)",
        ("test_outcome_loss.py",),
    ),
    Mutant(
        "the sequence tuned at one variant's units",
        "judging.py",
        "share = plan.shares[plan.control] + plan.shares[variant]",
        "share = plan.shares[variant]",
        ("test_analyze.py",),
    ),
    Mutant(
        "alpha not shared among the variants of a margin",
        "judging.py",
        "plan.alpha / (len(plan.variants) - 1 if metric.role is Role.PRIMARY else 1)",
        "plan.alpha",
        ("test_tolerance.py",),
    ),
)
