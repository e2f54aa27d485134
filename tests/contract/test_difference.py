"""The difference of two accounts' objects leaves values out and says everything else."""

from tests.contract.difference import differences, outline

REFUND = {"object": "refund", "id": "re_1", "amount": 1, "reason": None, "metadata": {"a": "b"}}
EVENT = {"object": "event", "type": "refund.created", "data": {"object": REFUND}}


def test_values_and_free_keys_make_no_difference() -> None:
    other = REFUND | {"id": "re_2", "amount": 2, "metadata": {"c": "d"}}
    assert differences(outline([REFUND]), outline([other])) == []


def test_members_and_types_do() -> None:
    real = {name: value for name, value in REFUND.items() if name != "amount"}
    real |= {"reason": "fraudulent", "status": "succeeded"}
    assert differences(outline([REFUND]), outline([real])) == [
        "refund.amount: simulator int, sandbox never",
        "refund.reason: simulator NoneType, sandbox str",
        "refund.status: simulator never, sandbox str",
    ]


def test_an_object_counts_as_its_kind_wherever_it_is() -> None:
    listed = {"object": "list", "data": [EVENT]}
    assert differences(outline([REFUND, listed]), outline([listed])) == []
    assert {"refund.amount", "event refund.created"} <= outline([listed]).keys()


def test_what_the_simulator_does_not_have_at_all_is_no_difference() -> None:
    assert differences(outline([REFUND]), outline([REFUND, {"object": "payout", "id": "x"}])) == []


def test_an_event_that_came_about_on_one_side_only_is_one() -> None:
    other = EVENT | {"type": "refund.updated"}
    assert differences(outline([EVENT]), outline([EVENT, other])) == [
        "event refund.updated: simulator never, sandbox event"
    ]
