"""The treemap: areas are shares, words say all counts, names are drawn as they are."""

import pytest

from course_lib import viz
from course_lib.viz import llama as pictures

GROUPS = {"table": {"tokens": 40}, "blocks": {"$q$": 10, "gate_1": 50}}


def test_areas_are_shares_of_the_whole():
    figure, alt = pictures.treemap(GROUPS, "Where?")
    (axes,) = figure.axes
    areas = [patch.get_width() * patch.get_height() for patch in axes.patches]
    assert areas == pytest.approx([0.4, 0.1, 0.5])
    assert [text.get_text().split("\n")[0] for text in axes.texts if "M" in text.get_text()] == [
        "tokens", "$q$", "gate_1"]  # fmt: skip
    assert alt == "Where?: 100 in all. table 40.0% (tokens 40); blocks 60.0% ($q$ 10, gate_1 50)."
    assert figure.get_size_inches()[0] * figure.dpi == 800


def test_a_part_too_small_for_its_name_has_none():
    figure, alt = pictures.treemap({"a": {"large": 10**6, "small": 1}}, "t")
    assert not [text for text in figure.axes[0].texts if "small" in text.get_text()]
    assert "small 1" in alt


def test_it_can_be_shown_without_a_warning(recwarn):
    assert viz.png(pictures.treemap({f"group {i}": {"part": 1} for i in range(12)}, "t")[0]).startswith("data:image")
    assert not recwarn.list


@pytest.mark.parametrize("groups", [{}, {"a": {}}, {"a": {"b": 0}}, {"a": {"b": 2, "c": -1}}])
def test_nothing_to_draw_is_refused(groups):
    with pytest.raises(ValueError, match=f"there are {len(groups)} groups"):
        pictures.treemap(groups, "t")
