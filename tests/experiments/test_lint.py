"""Every mistake of the growth team is answered with its place, its rule and the mend."""

from collections.abc import Callable
from pathlib import Path

import pytest

from experiments import RULES, Catalog, InvalidDefinition, lint

VALID = """\
version: 1
name: One-page checkout
hypothesis: Fewer steps, more sales.
owner: growth@example.com
status: running
start: 2027-01-11T09:00:00Z
end: 2027-02-08T10:00:00+01:00
seed: one-page
traffic: 0.6
variants:
  - {key: two_page, name: Two pages, weight: 50, control: true, flow: two_page}
  - {key: one_page, name: One page, weight: 50, flow: one_page}
metrics:
  primary: paid_conversion
  secondary: [revenue_per_visitor]
analysis:
  method: fixed
  alpha: 0.05
  planned_units: 40000
  conversion_window: 7d
"""

CONTROL = "  - {key: two_page, name: Two pages, weight: 50, control: true, flow: two_page}\n"
OTHER = "  - {key: one_page, name: One page, weight: 50, flow: one_page}\n"
BOTH = CONTROL + OTHER

PERCENTAGE = "write a percentage above 0 and at most 100, with at most two decimals, such as 50"
A_TIME = "write a time such as 2027-01-11T09:00:00Z or 2027-01-11T09:00:00+01:00"
A_DURATION = "write a whole number and d, h or m, such as 7d, 72h or 30m"
KEYS = (
    "remove it; the keys here are seed, version, name, hypothesis, owner, status, start, end, "
    "unit, traffic, variants, winner, layer, holdout, targeting, overrides, ramp, exposure, "
    "metrics, analysis, decision"
)

# What was changed in the valid file, and the whole answer.
TYPOS: dict[str, tuple[str, str, list[str]]] = {
    "a misspelt key": (
        "hypothesis:",
        "hypotesis:",
        ["3:1 unknown-key hypotesis: the key is unknown; write `hypothesis`"],
    ),
    "a key nobody knows": (
        "owner:",
        "zebra: red\nowner:",
        [f"4:1 unknown-key zebra: the key is unknown; {KEYS}"],
    ),
    "a key written twice": (
        "owner:",
        "name: Again\nowner:",
        [
            (
                "4:1 duplicate-key the key 'name' is written twice, first in line 2; "
                "remove one of the two"
            )
        ],
    ),
    "a misspelt key that stands there rightly too": (
        "owner:",
        "nam: Again\nowner:",
        [f"4:1 unknown-key nam: the key is unknown; {KEYS}"],
    ),
    "a misspelt key in a variant": (
        "weight: 50, control",
        "weigth: 50, control",
        ["11:38 unknown-key variants[0].weigth: the key is unknown; write `weight`"],
    ),
    "the key in the file": (
        "owner:",
        "key: checkout\nowner:",
        [
            (
                "4:1 key-from-file the key is the name of the file, 'checkout'; "
                "remove this line, or rename the file"
            )
        ],
    ),
    "a missing key": (
        "owner: growth@example.com\n",
        "",
        [
            (
                "1:1 missing-key owner: the key is missing; "
                "write `owner:` and who answers for it, such as growth@example.com"
            )
        ],
    ),
    "a missing key in a variant": (
        "key: one_page, ",
        "",
        [
            (
                "12:5 missing-key variants[1].key: the key is missing; "
                "write `key:` and a key such as one_page"
            )
        ],
    ),
    "a missing key in the analysis": (
        "  planned_units: 40000\n",
        "",
        [
            (
                "17:3 missing-key analysis.planned_units: the key is missing; "
                "write `planned_units:` and the number of units to wait for, such as 40000"
            )
        ],
    ),
    "weights of 50 and 60": (
        "weight: 50, flow",
        "weight: 60, flow",
        [
            (
                "11:3 weights-sum variants: the weights sum to 110, not 100; "
                "change them so that they sum to 100; equal weights are 50, 50"
            )
        ],
    ),
    "three equal weights that do not add up": (
        BOTH,
        BOTH.replace("weight: 50", "weight: 33.33")
        + "  - {key: other, weight: 33.33, flow: three_page}\n",
        [
            (
                "11:3 weights-sum variants: the weights sum to 99.99, not 100; "
                "change them so that they sum to 100; equal weights are 33.33, 33.33, 33.34"
            )
        ],
    ),
    "a weight as text": (
        "weight: 50, control",
        'weight: "50", control',
        ["11:46 wrong-type variants[0].weight: '50' is not a number; remove the quotes: 50"],
    ),
    "a weight with a percent sign": (
        "weight: 50, control",
        "weight: 50%, control",
        [f"11:46 wrong-type variants[0].weight: '50%' is not a number; {PERCENTAGE}"],
    ),
    "a weight of 012, which YAML versions read differently": (
        "weight: 50, control",
        "weight: 012, control",
        [f"11:46 wrong-type variants[0].weight: '012' is not a number; {PERCENTAGE}"],
    ),
    "a weight of nothing": (
        "weight: 50, control",
        "weight: 0, control",
        [f"11:46 out-of-range variants[0].weight: 0 is not above 0; {PERCENTAGE}"],
    ),
    "a weight beyond everything": (
        "weight: 50, control",
        "weight: 1e999, control",
        [f"11:46 out-of-range variants[0].weight: inf is not a finite number; {PERCENTAGE}"],
    ),
    "a weight with three decimals": (
        "weight: 50, control",
        "weight: 49.995, control",
        [
            (
                "11:46 weight-decimals variants[0].weight: 49.995 has more than two decimals; "
                "write 49.99"
            )
        ],
    ),
    "two controls": (
        "weight: 50, flow",
        "weight: 50, control: true, flow",
        [
            (
                "12:58 one-control variants[1].control: 'one_page' is a second control beside "
                "'two_page'; keep `control: true` on one variant only"
            )
        ],
    ),
    "no control": (
        "control: true, ",
        "",
        [
            (
                "11:3 one-control variants: no variant is the control; "
                "write `control: true` on the variant that visitors see today"
            )
        ],
    ),
    "yes for true": (
        "control: true",
        "control: yes",
        [
            (
                "11:59 wrong-type variants[0].control: 'yes' is neither true nor false; "
                "write true for the control, else nothing"
            )
        ],
    ),
    "one variant": (
        BOTH,
        CONTROL,
        ["11:3 variant-count variants: there is 1 variant; write 2 to 20 variants"],
    ),
    "no variants": (
        "variants:\n" + BOTH,
        "variants: []\n",
        ["10:11 variant-count variants: there are 0 variants; write 2 to 20 variants"],
    ),
    "variants as a mapping": (
        "variants:\n" + BOTH,
        "variants: {two_page: 50, one_page: 50}\n",
        [
            (
                "10:11 wrong-type variants: a mapping is not a list; "
                "write a list of variants such as - {key: one_page, weight: 50}"
            )
        ],
    ),
    "a variant that is only a name": (
        OTHER,
        "  - one_page\n",
        [
            (
                "12:5 wrong-type variants[1]: 'one_page' is not a mapping; "
                "write a list of variants such as - {key: one_page, weight: 50}"
            )
        ],
    ),
    "two variants of one key": (
        "key: one_page",
        "key: two_page",
        [
            (
                "12:11 unique-key variants[1].key: two variants have the key 'two_page'; "
                "give each variant a key of its own"
            )
        ],
    ),
    "a variant key with a capital": (
        "key: one_page",
        "key: OnePage",
        ["12:11 bad-key variants[1].key: 'OnePage' is not a key; write a key such as one_page"],
    ),
    "a flow on one variant only": (
        ", flow: one_page",
        "",
        [
            (
                "12:5 flow-on-every-variant variants[1]: 'one_page' names no flow, though other "
                "variants do; write `flow:` on this variant too"
            )
        ],
    ),
    "a misspelt status": (
        "status: running",
        "status: runing",
        [
            (
                "5:9 unknown-value status: 'runing' is not one of 'draft', 'running', 'paused', "
                "'stopped' or 'shipped'; write `running`"
            )
        ],
    ),
    "a status like no other": (
        "status: running",
        "status: 7",
        [
            (
                "5:9 unknown-value status: 7 is not one of 'draft', 'running', 'paused', "
                "'stopped' or 'shipped'; write draft, running, paused, stopped or shipped"
            )
        ],
    ),
    "shipped without a winner": (
        "status: running",
        "status: shipped",
        [
            (
                "5:9 winner-missing winner: the status is shipped, but no winner is named; "
                "write `winner:` and the key of the variant that everyone gets"
            )
        ],
    ),
    "a winner before shipping": (
        "status: running",
        "status: running\nwinner: one_page",
        [
            (
                "6:9 winner-not-shipped winner: a winner is named, but the status is running; "
                "write `status: shipped`, or remove the winner"
            )
        ],
    ),
    "a misspelt winner": (
        "status: running",
        "status: shipped\nwinner: onepage",
        [
            "6:9 unknown-winner winner: no variant has the key 'onepage'; write `one_page`",
        ],
    ),
    "a winner like no variant": (
        "status: running",
        "status: shipped\nwinner: zzz",
        [
            (
                "6:9 unknown-winner winner: no variant has the key 'zzz'; "
                "write one of two_page, one_page"
            ),
        ],
    ),
    "a date without a time": (
        "start: 2027-01-11T09:00:00Z",
        "start: 2027-01-11",
        [f"6:8 bad-time start: '2027-01-11' is not a time with a zone; {A_TIME}"],
    ),
    "a time without a zone": (
        "start: 2027-01-11T09:00:00Z",
        "start: 2027-01-11T09:00:00",
        [f"6:8 bad-time start: '2027-01-11T09:00:00' is not a time with a zone; {A_TIME}"],
    ),
    "a month that is none": (
        "start: 2027-01-11T09:00:00Z",
        "start: 2027-13-11T09:00:00Z",
        [f"6:8 bad-time start: '2027-13-11T09:00:00Z' is not a time with a zone; {A_TIME}"],
    ),
    "a time before the calendar": (
        "start: 2027-01-11T09:00:00Z",
        "start: 0001-01-01T00:00:00+14:00",
        [f"6:8 bad-time start: '0001-01-01T00:00:00+14:00' is not a time with a zone; {A_TIME}"],
    ),
    "an end before the start": (
        "end: 2027-02-08",
        "end: 2026-02-08",
        [
            (
                "7:6 end-before-start end: it would end at 2026-02-08T09:00:00+00:00, no later "
                "than its start; write a time after 2027-01-11T09:00:00+00:00"
            )
        ],
    ),
    "traffic in percent": (
        "traffic: 0.6",
        "traffic: 60",
        [
            (
                "9:10 out-of-range traffic: 60 is above 1.0; "
                "write a share above 0 and at most 1, such as 0.5 for half"
            )
        ],
    ),
    "a name that reads as a number": (
        "name: One-page checkout",
        "name: 2027",
        ['2:7 wrong-type name: 2027 is not text; put it in quotes: "2027"'],
    ),
    "a name of nothing": (
        "name: One-page checkout",
        "name:",
        ["2:6 wrong-type name: null is not text; write a short name such as One-page checkout"],
    ),
    "a name of spaces": (
        "name: One-page checkout",
        'name: "  "',
        ["2:7 empty-text name: the text is empty; write what a colleague should read here"],
    ),
    "a name too long": (
        "name: One-page checkout",
        "name: " + "x" * 201,
        [
            (
                "2:7 text-too-long name: the text is longer than 200 characters; "
                "write a short name such as One-page checkout"
            )
        ],
    ),
    "a seed that reads as a number": (
        "seed: one-page",
        "seed: 42",
        ['8:7 wrong-type seed: 42 is not text; put it in quotes: "42"'],
    ),
    "no version": (
        "version: 1\n",
        "",
        ["1:1 missing-key version: the key is missing; write `version:` and 1"],
    ),
    "a misspelt version": (
        "version: 1",
        "versoin: 1",
        ["1:1 unknown-key versoin: the key is unknown; write `version`"],
    ),
    "a version to come": (
        "version: 1",
        "version: 2",
        ["1:10 unknown-value version: 2 is not 1; write 1"],
    ),
    "a metric that is not defined": (
        "primary: paid_conversion",
        "primary: paid_conversoin",
        [
            (
                "14:12 unknown-metric metrics.primary: no metric has the key 'paid_conversoin'; "
                "write `paid_conversion`, or define it in metrics.yaml"
            )
        ],
    ),
    "a guardrail that is not defined": (
        "  secondary: [revenue_per_visitor]",
        "  guardrails: [xyz]",
        [
            (
                "15:16 unknown-metric metrics.guardrails[0]: no metric has the key 'xyz'; "
                "write one of paid_conversion, revenue_per_visitor, received_per_visitor, "
                "refund_rate, dispute_rate, or define it in metrics.yaml"
            )
        ],
    ),
    "a metric in two roles": (
        "secondary: [revenue_per_visitor]",
        "secondary: [revenue_per_visitor, paid_conversion, revenue_per_visitor]",
        [
            (
                "15:36 metric-once metrics.secondary[1]: the metric 'paid_conversion' has a role "
                "already; remove it here or there"
            ),
            (
                "15:53 metric-once metrics.secondary[2]: the metric 'revenue_per_visitor' has a "
                "role already; remove it here or there"
            ),
        ],
    ),
    "one metric where a list belongs": (
        "secondary: [revenue_per_visitor]",
        "secondary: revenue_per_visitor",
        [
            (
                "15:14 wrong-type metrics.secondary: 'revenue_per_visitor' is not a list; "
                "write a list of metric keys such as [revenue_per_visitor]"
            )
        ],
    ),
    "metrics as a list": (
        "metrics:\n  primary: paid_conversion\n  secondary: [revenue_per_visitor]\n",
        "metrics: [paid_conversion]\n",
        ["13:10 wrong-type metrics: a list is not a mapping; write a mapping with the key primary"],
    ),
    "planned looks that nobody counted": (
        "method: fixed",
        "method: group_sequential",
        [
            (
                "17:3 looks-missing analysis.looks: group_sequential needs the number of looks; "
                "write `looks:` and a number such as 5"
            )
        ],
    ),
    "an alpha in percent": (
        "alpha: 0.05",
        "alpha: 5",
        [
            (
                "18:10 out-of-range analysis.alpha: 5 is not below 0.5; "
                "write a probability such as 0.05, below 0.5"
            )
        ],
    ),
    "a plan for one unit": (
        "planned_units: 40000",
        "planned_units: 1",
        [
            (
                "19:18 out-of-range analysis.planned_units: 1 is below 2; "
                "write the number of units to wait for, such as 40000"
            )
        ],
    ),
    "units with a thousands separator": (
        "planned_units: 40000",
        "planned_units: 40,000",
        [
            (
                "19:18 wrong-type analysis.planned_units: '40,000' is not a whole number; "
                "write the number of units to wait for, such as 40000"
            )
        ],
    ),
    "a duration in words": (
        "conversion_window: 7d",
        "conversion_window: 7 days",
        [("20:22 bad-duration analysis.conversion_window: '7 days' is not a duration; write 7d")],
    ),
    "a duration in English": (
        "conversion_window: 7d",
        "conversion_window: one week",
        [
            (
                "20:22 bad-duration analysis.conversion_window: 'one week' is not a duration; "
                f"{A_DURATION}"
            )
        ],
    ),
    "a duration without a unit": (
        "conversion_window: 7d",
        "conversion_window: 7",
        [f"20:22 bad-duration analysis.conversion_window: 7 is not a duration; {A_DURATION}"],
    ),
    "a duration longer than a year": (
        "conversion_window: 7d",
        "conversion_window: 400d",
        [
            (
                "20:22 out-of-range analysis.conversion_window: a window of 400 days is not above "
                "0 and at most 365; write a duration of at most 365d, such as 7d, 72h or 30m"
            )
        ],
    ),
    "a tab for an indent": (
        "  primary: paid_conversion",
        "\tprimary: paid_conversion",
        [
            (
                "14:1 yaml-syntax found character that cannot start any token; "
                "indent with spaces, and quote text that starts with @, ` or %"
            )
        ],
    ),
    "a colon in a sentence": (
        "hypothesis: Fewer steps, more sales.",
        "hypothesis: We think: fewer steps.",
        [
            (
                "3:21 yaml-syntax mapping values are not allowed in this context; "
                "put text that contains `: ` in quotes, and check the indent"
            )
        ],
    ),
    "a line out of line": (
        "  alpha: 0.05",
        " alpha: 0.05",
        ["18:2 yaml-syntax did not find expected key; indent this line like the keys above it"],
    ),
    "an anchor": (
        "traffic: 0.6",
        "traffic: &share 0.6",
        [
            (
                "9:10 yaml-anchor anchors and aliases are not allowed; "
                "write the value out, or put text that starts with & or * in quotes"
            )
        ],
    ),
    "several mistakes at once": (
        VALID,
        VALID.replace("status: running", "status: runing")
        .replace("primary: paid_conversion", "primary: paid")
        .replace("weight: 50, flow", "weight: 60, flow"),
        [
            (
                "5:9 unknown-value status: 'runing' is not one of 'draft', 'running', 'paused', "
                "'stopped' or 'shipped'; write `running`"
            ),
            (
                "11:3 weights-sum variants: the weights sum to 110, not 100; "
                "change them so that they sum to 100; equal weights are 50, 50"
            ),
            (
                "14:12 unknown-metric metrics.primary: no metric has the key 'paid'; "
                "write one of paid_conversion, revenue_per_visitor, received_per_visitor, "
                "refund_rate, dispute_rate, or define it in metrics.yaml"
            ),
        ],
    ),
}

METRIC = "{key: paid, name: Paid, event: payment_succeeded, kind: proportion, direction: increase}"
OFFER = "{key: plan, name: Plan, description: One plan., amount: 100, currency: usd}"
BESIDE: dict[str, tuple[str, str, list[str]]] = {
    "an event that is misspelt": (
        "metrics.yaml",
        f"metrics:\n  - {METRIC.replace('succeeded', 'suceeded')}\n",
        [
            (
                "2:36 unknown-value metrics[0].event: 'payment_suceeded' is not one of "
                "'checkout_viewed', 'details_completed', 'payment_form_ready', "
                "'payment_info_completed', 'payment_submitted', 'validation_failed', "
                "'payment_declined', 'payment_processing', 'payment_succeeded', 'payment_refunded' "
                "or 'payment_disputed'; write `payment_succeeded`"
            )
        ],
    ),
    "a metric defined twice": (
        "metrics.yaml",
        f"metrics:\n  - {METRIC}\n  - {METRIC}\n",
        [
            (
                "3:11 unique-key metrics[1].key: the key 'paid' is taken by an earlier entry; "
                "give each entry a key of its own"
            )
        ],
    ),
    "a ratio, which nothing computes yet": (
        "metrics.yaml",
        f"metrics:\n  - {METRIC.replace('proportion', 'ratio')}\n",
        [
            (
                "2:61 unsupported-value metrics[0].kind: ratio metrics are not supported by this "
                "version; write proportion or mean"
            )
        ],
    ),
    "a mean of what has no value": (
        "metrics.yaml",
        f"metrics:\n  - {METRIC.replace('proportion', 'mean').replace('succeeded', 'submitted')}\n",
        [
            (
                "2:36 mean-without-values metrics[0].event: payment_submitted has no value that a "
                "mean could be taken of; write an event about money such as payment_succeeded, "
                "or `kind: proportion`"
            )
        ],
    ),
    "a metric with a reserved word": (
        "metrics.yaml",
        "targeting: 1\nmetrics: []\n",
        [
            (
                "1:1 unknown-key targeting: the key is unknown; "
                "remove it; the keys here are version, metrics"
            )
        ],
    ),
    "a price in major units": (
        "offers.yaml",
        f"offers:\n  - {OFFER.replace('100', '24.50')}\n",
        [
            (
                "2:61 wrong-type offers[0].amount: 24.5 is not a whole number; "
                "write the price in minor units, a whole number such as 2400 for 24.00"
            )
        ],
    ),
    "a price of nothing": (
        "offers.yaml",
        f"offers:\n  - {OFFER.replace('100', '0')}\n",
        [
            (
                "2:61 out-of-range offers[0].amount: 0 is not above 0; "
                "write the price in minor units, a whole number such as 2400 for 24.00"
            )
        ],
    ),
    "a currency in capitals": (
        "offers.yaml",
        f"offers:\n  - {OFFER.replace('usd', 'USD')}\n",
        [
            "2:76 unknown-currency offers[0].currency: 'USD' is not a currency code; write `usd`",
        ],
    ),
    "a currency that is none": (
        "offers.yaml",
        f"offers:\n  - {OFFER.replace('usd', 'uds')}\n",
        [
            (
                "2:76 unknown-currency offers[0].currency: 'uds' is not a currency code; "
                "write an ISO 4217 code in lower case such as usd"
            )
        ],
    ),
    "an offer that is paid in two ways": (
        "offers.yaml",
        (
            "offers:\n  - key: plan\n    name: Plan\n    description: One plan.\n    amount: 100\n"
            "    currency: usd\n    subscription: {interval: month, interval_count: 37}\n"
            "    invoice: {days_until_due: 0}\n"
        ),
        [
            (
                "7:53 period-too-long offers[0].subscription.interval_count: "
                "37 months are longer than three years; write at most 36"
            ),
            (
                "8:31 out-of-range offers[0].invoice.days_until_due: 0 is below 1; "
                "write days until a sent invoice is due, 1 to 365"
            ),
        ],
    ),
    "an offer that is a subscription and an invoice": (
        "offers.yaml",
        f"offers:\n  - {OFFER[:-1]}, subscription: {{interval: month}}, invoice: {{}}}}\n",
        [
            (
                "2:123 one-way-to-pay offers[0].invoice: the offer is a subscription already; "
                "remove `invoice:` or `subscription:`"
            )
        ],
    ),
    "an offer twice": (
        "offers.yaml",
        f"offers:\n  - {OFFER}\n  - {OFFER}\n",
        [
            (
                "3:11 unique-key offers[1].key: the key 'plan' is taken by an earlier entry; "
                "give each entry a key of its own"
            )
        ],
    ),
}


@pytest.fixture
def definitions(tmp_path: Path) -> Path:
    path = tmp_path / "definitions"
    path.mkdir()
    return path


def test_the_file_all_mistakes_are_made_in_is_valid(definitions: Path) -> None:
    (definitions / "checkout.yaml").write_text(VALID)
    assert lint([definitions]) == []


@pytest.mark.parametrize("typo", TYPOS)
def test_a_typo_is_answered_with_its_place_its_rule_and_the_mend(
    definitions: Path, typo: str
) -> None:
    before, after, answers = TYPOS[typo]
    assert before in VALID
    file = definitions / "checkout.yaml"
    file.write_text(VALID.replace(before, after, 1))
    problems = lint([file])
    assert [str(problem) for problem in problems] == [f"{file}:{answer}" for answer in answers]
    with pytest.raises(InvalidDefinition) as refused:
        Catalog.load(definitions)
    assert list(refused.value.problems) == problems


@pytest.mark.parametrize("typo", BESIDE)
def test_metrics_and_offers_are_answered_alike(definitions: Path, typo: str) -> None:
    name, text, answers = BESIDE[typo]
    file = definitions.parent / name
    file.write_text(text)
    problems = lint([definitions.parent])
    assert [str(problem) for problem in problems] == [f"{file}:{answer}" for answer in answers]
    with pytest.raises(InvalidDefinition) as refused:
        Catalog.load(definitions)
    assert list(refused.value.problems) == problems


def other_file(name: str, text: str) -> Callable[[Path], Path]:
    def write(definitions: Path) -> Path:
        file = definitions / name
        file.write_text(text)
        return file

    return write


def second_checkout_experiment(definitions: Path) -> Path:
    (definitions / "a.yaml").write_text(VALID)
    return other_file("b.yaml", VALID)(definitions)


def second_shipped_experiment(definitions: Path) -> Path:
    shipped = VALID.replace("status: running", "status: shipped\nwinner: one_page")
    (definitions / "a.yaml").write_text(shipped)
    return other_file("b.yaml", shipped)(definitions)


def directory_named_as_a_file(definitions: Path) -> Path:
    (definitions / "folder.yaml").mkdir()
    return definitions / "folder.yaml"


# How a directory went wrong, and the answer about the file in question.
DIRECTORIES: dict[str, tuple[Callable[[Path], Path], str]] = {
    "a file name with capitals": (
        other_file("OnePage.yaml", VALID),
        (
            "1:1 bad-key the name of the file, 'OnePage', is not a key; "
            "rename the file to lower-case letters, digits, - and _, such as one-page.yaml"
        ),
    ),
    "another ending": (
        other_file("checkout.yml", VALID),
        "1:1 file-extension a file ending in .yml is not read; rename it to checkout.yaml",
    ),
    "metrics among the definitions": (
        other_file("metrics.yaml", f"metrics: [{METRIC}]"),
        (
            "1:1 misplaced-file metrics.yaml is not read here; "
            "move it to the directory above the definitions"
        ),
    ),
    "two running checkout experiments": (
        second_checkout_experiment,
        (
            "5:9 one-checkout-experiment 'a' is running too and decides the checkout's flow; "
            "pause or stop one of the two, or give both a slot in one layer"
        ),
    ),
    "two shipped checkout experiments": (
        second_shipped_experiment,
        (
            "5:9 one-checkout-experiment 'a' is shipped too and decides the checkout's flow; "
            "pause or stop one of the two, or give both a slot in one layer"
        ),
    ),
    "a folder named as a file": (
        directory_named_as_a_file,
        "1:1 unreadable it is not a file; check the path and its permissions",
    ),
}


@pytest.mark.parametrize("mistake", DIRECTORIES)
def test_a_directory_is_answered_about_what_its_files_share(
    definitions: Path, mistake: str
) -> None:
    make, answer = DIRECTORIES[mistake]
    (definitions / "valid.yaml").write_text(VALID.replace("status: running", "status: draft"))
    file = make(definitions)
    with pytest.raises(InvalidDefinition) as refused:
        Catalog.load(definitions)
    assert [str(problem) for problem in refused.value.problems] == [f"{file}:{answer}"]
    assert [str(problem) for problem in lint([definitions])] == [f"{file}:{answer}"]


def test_a_typo_in_an_assignment_test_is_linted_and_stops_no_start(definitions: Path) -> None:
    (definitions / "checkout.yaml").write_text(VALID)
    file = definitions / "checkout.test.yaml"
    file.write_text("version: 1\ntests:\n  - {name: a, unti: u, expect: {variant: one_page}}\n")
    answer = f"{file}:3:15 unknown-key tests[0].unti: the key is unknown; write `unit`"
    for path in (definitions, file):
        assert [str(problem) for problem in lint([path])] == [answer]
    assert Catalog.load(definitions).experiment("checkout").key == "checkout"


def test_every_rule_has_an_example_here_or_beside(definitions: Path) -> None:
    answers = [
        *(answer for _, _, answers in TYPOS.values() for answer in answers),
        *(answer for _, _, answers in BESIDE.values() for answer in answers),
        *(answer for _, answer in DIRECTORIES.values()),
    ]
    kept = Path(__file__).parents[1] / "broken"
    answers += [
        line.partition(":")[2]
        for file in kept.glob("*/answers.txt")
        for line in file.read_text(encoding="utf-8").splitlines()
    ]
    shown = {answer.split()[1] for answer in answers}
    # These are about bytes and YAML as such: see test_document; flows: see test_catalog.
    elsewhere = {
        "unknown-flow",
        "file-too-large",
        "not-utf8",
        "control-character",
        "too-many-problems",
        "yaml-tag",
        "yaml-directive",
        "one-document",
        "too-deep",
        "too-many-values",
        "empty-file",
        "not-a-mapping",
        "key-not-text",
    }
    # These are about before and after: see test_changes.
    elsewhere |= {
        "seed-changed",
        "unit-changed",
        "variants-changed",
        "weights-changed",
        "control-changed",
        "slot-changed",
        "traffic-lowered",
        "status-transition",
        "removed-while-running",
    }
    assert shown | elsewhere == set(RULES)
