"""The attention viewer: true words and a still picture, weights that travel whole, and sentences for what is none."""
import numpy as np

from course_lib import viz


def test_a_view_says_what_it_shows():
    view = viz.attention_view([[1.0, 0.0], [0.25, 0.75]], ["a", "b"])
    assert repr(view) == ("attention_view: Attention from 2 queries to 2 keys, the one head. Strongest links: “a” to "
                          "“a” 1.00, “b” to “b” 0.75, “b” to “a” 0.25.")
    assert np.frombuffer(view.weights, "<u2").tolist() == [65535, 0, 16384, 49151]
    view.close()
