"""A change to the public interface is always seen."""

from tests.packaging.interface import SNAPSHOT, interface


def test_the_public_interface_is_as_it_was() -> None:
    assert interface() == SNAPSHOT.read_text(), (
        "the public interface changed: say so in CHANGELOG.md, then run"
        " `python -m tests.packaging.interface`"
    )
