"""Pictures of a masked language model: bars are the probabilities, the truth is marked, every head has its row."""
import numpy as np
import pytest
from test_viz_embeddings import pixels, texts

from course_lib.viz import bert as pictures

NAMES = ["[MASK]", "good", "bad", "$x$", "##s", "film", "the", "a", "of", "so", "no", "up"]


def shares(**given):
    """Probabilities of NAMES: those given, the rest shared out evenly."""
    row = np.full(len(NAMES), (1 - sum(given.values())) / (len(NAMES) - len(given)))
    for name, share in given.items():
        row[NAMES.index(name)] = share
    return row


def test_the_ten_likeliest_words_beside_a_control():
    answers = {"BERT": shares(good=0.6, bad=0.3), "control": shares(the=0.5)}
    figure, alt = pictures.fill(["a", "bad", "film", "##s"], 1, NAMES, answers)
    assert figure.get_suptitle() == "a ____ films"
    one, other = figure.axes
    assert [label.get_text() for label in one.get_yticklabels()][:2] == ["good", "bad"]
    assert [round(bar.get_width(), 3) for bar in one.patches][:3] == [0.6, 0.3, 0.01]
    assert len(one.patches) == len(other.patches) == 10
    assert texts(one)[:2] == ["60.0%", "30.0% stood there"]
    assert [bar.get_hatch() for bar in one.patches][:3] == ["", "//", ""], "the truth is told without colour"
    assert one.get_xlim() == other.get_xlim(), "the two compare"
    assert (one.get_title(), other.get_title()) == ("BERT", "control")
    assert alt.startswith("The likeliest words in the hole of “a ____ films”, where 'bad' stood. BERT: good 60.0%, bad")
    assert "the word that stood there is number 2. control: the 50.0%" in alt
    assert pixels(figure) == 800


def test_signs_are_shown_and_not_typeset():
    figure, alt = pictures.fill(["$x$"], 0, NAMES, {"<b>": shares(**{"$x$": 0.9})})
    assert figure.axes[0].get_yticklabels()[0].get_text() == "$x$"
    assert "number 1." in alt
    assert pixels(figure) == 800


@pytest.mark.parametrize(("hole", "answers", "words"), [
    (4, {"a": shares()}, "no place 4 in a text of 4 pieces"), (-1, {"a": shares()}, "no place -1"),
    (0, {}, "for 12 names"), (0, {"a": np.ones(3)}, r"shapes \[\(3,\)\] for 12 names"),
])
def test_holes_that_cannot_be_shown(hole, answers, words):
    with pytest.raises(ValueError, match=words):
        pictures.fill(["a", "bad", "film", "##s"], hole, NAMES, answers)


def test_every_head_has_a_row():
    table = np.linspace(0, 1, 2 * 3 * 2).reshape(2, 3, 2)
    figure, alt = pictures.heads({"ours": table, "control": 0 * table}, ["before", "[SEP]"])
    one, other, _ = figure.axes
    assert [label.get_text() for label in one.get_yticklabels()] == ["0.0", "0.1", "0.2", "1.0", "1.1", "1.2"]
    assert texts(one)[:4] == ["0", "9", "18", "27"]
    assert texts(other)[-1] == "0"
    assert [label.get_text() for label in one.get_xticklabels()] == ["before", "[SEP]"]
    assert np.allclose(one.images[0].get_array(), table.reshape(6, 2))
    assert one.images[0].get_clim() == other.images[0].get_clim() == (0, 1), "the two compare"
    assert "ours: before at most 91 (layer 1, head 2), [SEP] at most 100 (layer 1, head 2)." in alt
    assert pixels(figure) == 800


@pytest.mark.parametrize("tables", [{}, {"a": np.ones((2, 2, 3))}, {"a": np.ones((2, 2))},
                                    {"a": np.ones((2, 2, 2)), "b": np.ones((1, 2, 2))}])
def test_tables_that_do_not_fit(tables):
    with pytest.raises(ValueError, match="for 2 columns"):
        pictures.heads(tables, ["x", "y"])
