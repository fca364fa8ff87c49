import pyarrow as pa
import pytest

from mailwright.errors import DataError
from mailwright.workspace import Assets
from mailwright.workspace.assets import link_pictures


@pytest.fixture
def root(tmp_path):
    (tmp_path / "shop" / "images").mkdir(parents=True)
    (tmp_path / "shop" / "images" / "logo.png").write_bytes(b"first")
    (tmp_path / "secret.png").write_bytes(b"not of the workspace")
    return tmp_path / "shop"


def test_a_picture_is_published_under_a_name_of_its_content(root):
    link = Assets(root, root / "out", "https://cdn.example.com/").link("images/logo.png")
    assert link.startswith("https://cdn.example.com/logo.")
    assert (root / "out" / link.rsplit("/", 1)[1]).read_bytes() == b"first"


def test_a_changed_picture_gets_a_new_link_and_the_old_one_stays(root):
    first = Assets(root, root / "out", None).link("images/logo.png")
    (root / "images" / "logo.png").write_bytes(b"second")
    second = Assets(root, root / "out", None).link("images/logo.png")
    assert first != second
    assert len(list((root / "out").iterdir())) == 2


def test_without_a_base_the_link_is_marked_as_local(root):
    assert Assets(root, root / "out", None).link("images/logo.png").startswith("asset:logo.")


@pytest.mark.parametrize("path", ["../secret.png", "/etc/passwd", "images/none.png", "images"])
def test_nothing_outside_the_workspace_is_published(root, path):
    with pytest.raises(DataError):
        Assets(root, root / "out", None).link(path)
    assert not (root / "out").exists()


def test_a_link_that_leads_outside_is_not_followed(root):
    (root / "images" / "sly.png").symlink_to(root.parent / "secret.png")
    with pytest.raises(DataError, match="outside the workspace"):
        Assets(root, root / "out", None).link("images/sly.png")


def test_an_item_without_its_picture_stays_in_the_catalogue(root):
    items = pa.table(
        {"item_id": ["a", "b", "c"], "image": ["images/logo.png", "images/none.png", "https://x/y.png"]}
    )
    linked, problems = link_pictures(items, Assets(root, root / "out", "https://cdn.example.com"))
    images = linked["image"].to_pylist()
    assert images[0].startswith("https://cdn.example.com/logo.")
    assert images[1:] == [None, "https://x/y.png"]
    assert problems == ["there is no picture 'images/none.png' in the workspace"]
