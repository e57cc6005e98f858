import pytest

from ig_tasks.errors import SpecError
from ig_tasks.spec import load_spec

SPEC = {"version": 1, "name": "loans", "model": "m", "data": "d"}


def test_nobody_is_asked_unless_the_spec_says_so():
    approval = load_spec(SPEC).approval
    assert (approval.severity, approval.users, approval.days) == (None, (), None)
    assert not approval.asks_for("critical")
    assert not approval.asks_for("warning")


def test_a_string_is_the_severity_from_which_on_a_person_is_asked():
    approval = load_spec({**SPEC, "approval": "warning"}).approval
    assert approval.asks_for("critical")
    assert approval.asks_for("warning")
    assert not load_spec({**SPEC, "approval": "critical"}).approval.asks_for("warning")
    whole = load_spec({**SPEC, "approval": {"severity": "critical", "users": "ada", "days": 3}}).approval
    assert (whole.users, whole.days) == (("ada",), 3.0)


@pytest.mark.parametrize(
    ("approval", "message"),
    [
        ("note", r"approval\.severity: .*critical.*warning"),
        ({"users": ["ada"]}, r"approval: severity is missing; write critical or warning"),
        ({"severity": "critical", "days": 0}, r"approval\.days: "),
        ({"severity": "critical", "user": "ada"}, r"approval\.user: no such key; did you mean 'users'\?"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(approval, message):
    with pytest.raises(SpecError, match=message) as refused:
        load_spec({**SPEC, "approval": approval})
    assert "\n" not in str(refused.value)
