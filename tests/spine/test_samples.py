from hypothesis import given
from hypothesis import strategies as st

from mailwright.model.trace import Trace
from mailwright.samples import file_name, write_mail


def test_a_hostile_id_stays_in_the_folder(tmp_path):
    row = {
        "profile_id": "../../etc/passwd",
        "message_id": "m",
        "subject": "s",
        "preheader": "p",
        "headers": [("List-Unsubscribe", "<https://x>")],
        "variant": "v",
        "html": b"<p>",
        "text": "t",
    }
    path = write_mail(tmp_path, row, Trace("m", "../../etc/passwd", "c", "o", "f", "now"))
    assert path.parent == tmp_path
    assert sorted(file.suffix for file in tmp_path.iterdir()) == [".html", ".json", ".txt"]


@given(st.text(min_size=1, max_size=400), st.text(min_size=1, max_size=400))
def test_two_ids_never_share_a_file(left, right):
    assert (file_name(left) == file_name(right)) == (left == right)
    assert len(file_name(left)) <= 200
    assert not file_name(left).startswith(".")
    assert "/" not in file_name(left)
