"""The tree of errors drawn at the head of errors.py is the tree of the classes."""

from __future__ import annotations

import re

import pytest

from docs.generate.errors import public_errors
from innkeeper.runtime import errors
from innkeeper.runtime.errors import ChainExhausted, InnkeeperError, RequestError, UnknownModel

DRAWN = errors.__doc__ or ""


@pytest.mark.parametrize("kind", public_errors(), ids=lambda kind: kind.__name__)
class TestEveryError:
    def test_it_stands_in_the_tree_with_its_true_status(self, kind: type[InnkeeperError]) -> None:
        row = rf"{kind.__name__}\s+{kind.status}\s+{kind.code}\s+{'yes' if kind.try_next else 'no'}\n"
        assert re.search(row, DRAWN)

    def test_it_stands_under_the_branch_it_derives_from(self, kind: type[InnkeeperError]) -> None:
        before = DRAWN[: DRAWN.index(f"── {kind.__name__} ")]
        indent = "│   " if kind.__mro__[1] is not InnkeeperError else ""
        line = DRAWN.splitlines()[before.count("\n")]
        branches = re.findall(r"^[├└]── (\w+)", before, flags=re.MULTILINE)
        assert line.startswith(indent)
        assert not indent or branches[-1] == kind.__mro__[1].__name__

    def test_its_code_is_its_own(self, kind: type[InnkeeperError]) -> None:
        assert [other for other in public_errors() if other.code == kind.code] == [kind]

    def test_it_says_in_one_sentence_when_it_is_raised(self, kind: type[InnkeeperError]) -> None:
        assert (kind.__doc__ or "").splitlines()[0].endswith((".", "order."))


class TestTheTree:
    def test_it_names_nothing_that_is_not_there(self) -> None:
        named = set(re.findall(r"── (\w+)", DRAWN))
        branches = {kind.__name__ for kind in InnkeeperError.__subclasses__()}
        assert named == {kind.__name__ for kind in public_errors()} | branches


class TestAnError:
    def test_it_carries_the_numbers_of_its_message(self) -> None:
        error = RequestError("9120 tokens, limit 8192", param="messages", needed_tokens=9120, limit_tokens=8192)
        assert (error.param, error.numbers) == ("messages", {"needed_tokens": 9120, "limit_tokens": 8192})

    def test_a_chain_that_is_exhausted_tells_what_each_candidate_said(self) -> None:
        error = ChainExhausted((("narrator", UnknownModel("no such model")), ("scribe", RequestError("too long"))))
        assert "narrator: no such model" in error.message
        assert "scribe: too long" in error.message
