"""Pictures of a checkpoint: areas by their numbers, bars that say where two models part."""
import doctest

import pytest
from test_viz_training import pixels

from course_lib import viz
from course_lib.viz import checkpoints as pictures

PARTS = {"embedding": {"tokens": 600, "positions": 100}, "block <0>": {"attention": 100, "network": 200}}


def test_the_examples_of_the_docstrings():
    assert doctest.testmod(pictures).failed == 0
    assert doctest.testmod(pictures).attempted >= 1


@pytest.mark.parametrize("sizes", [{"a": 1}, {"a": 1, "b": 2, "c": 3, "d": 4, "e": 0.5}, dict.fromkeys("abcdefg", 2)])
def test_every_name_has_its_area_and_nothing_lies_over_another(sizes):
    found = dict(pictures.boxes(sizes, (1, 2, 8, 3)))
    assert list(found) == list(sizes)
    for name, (left, low, width, height) in found.items():
        assert width * height == pytest.approx(24 * sizes[name] / sum(sizes.values()))
        assert left >= 1 - 1e-9
        assert low >= 2 - 1e-9
        assert left + width <= 9 + 1e-9
        assert low + height <= 5 + 1e-9
        for other, (x, y, w, h) in found.items():
            apart = left >= x + w - 1e-9 or x >= left + width - 1e-9 or low >= y + h - 1e-9 or y >= low + height - 1e-9
            assert other == name or apart


def test_a_map_of_parameters(recwarn):
    figure, alt = pictures.treemap(PARTS, "A model")
    assert alt == ("A model: 1,000 parameters as areas, in 2 groups. tokens 60%, positions 10%, attention 10%, network "
                   "20%. The largest group is embedding with 70%.")
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert "tokens\n60%" in texts
    assert "block <0>" in texts
    assert len(figure.axes[0].patches) == 6
    assert pixels(figure) == 800
    assert viz.png(figure).startswith("data:image/png")
    assert not recwarn.list


def test_parts_of_one_name_look_alike():
    two = {f"block {i}": {"attention": 1, "network": 2} for i in range(2)}
    tiles = [patch for patch in pictures.treemap(two, "t")[0].axes[0].patches if patch.get_fill()]
    looks = [(tile.get_facecolor(), tile.get_hatch()) for tile in tiles]
    assert looks[:2] == looks[2:]
    assert looks[0] != looks[1]


@pytest.mark.parametrize("parts", [{}, {"a": {}}, {"a": {"b": 0}}, {"a": {"b": 1}, "c": {"d": -1}}])
def test_parameters_that_cannot_be_drawn(parts):
    with pytest.raises(ValueError, match="a number above 0 for each part"):
        pictures.treemap(parts, "t")


def test_bars_say_where_two_models_part(recwarn):
    figure, alt = pictures.differences([0, 3e-6, 2.5], ["embedding", "block 0", "block $1$"], "One slip")
    assert alt == ("One slip. Largest difference after each layer: embedding 0e+00, block 0 3e-06, block $1$ 2e+00; "
                   "the first above 1e-05 is block $1$.")
    bars = figure.axes[0].patches
    assert [bar.get_hatch() for bar in bars] == ["", "", "//"]
    assert [bar.get_height() for bar in bars] == [pictures.LEAST, 3e-6, 2.5]
    assert figure.axes[0].get_yscale() == "log"
    assert pixels(figure) == 800
    assert viz.png(figure).startswith("data:image/png")
    assert not recwarn.list


def test_a_long_title_stays_within_the_picture():
    title = "Slip: six heads instead of twelve (cosine of the sentences' vectors with the right ones 0.9821)"
    figure, _ = pictures.differences([1.0], ["embedding"], title)
    figure.draw_without_rendering()
    box = figure.axes[0].title.get_window_extent()
    assert box.x0 >= 0
    assert box.x1 <= 800


def test_bars_of_two_models_that_agree():
    assert pictures.differences([1e-6], ["embedding"], "t")[1].endswith("all are below 1e-05.")


@pytest.mark.parametrize(("values", "names"), [([], []), ([1], ["a", "b"]), ([float("nan")], ["a"]), ([-1], ["a"])])
def test_differences_that_cannot_be_drawn(values, names):
    with pytest.raises(ValueError, match="give one value a name, each finite, and 0 or more"):
        pictures.differences(values, names, "t")
