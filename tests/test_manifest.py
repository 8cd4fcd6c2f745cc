"""manifest: what there is, where it lies, what is on disk (with wheel_shop's small manifest)."""


import pytest

from course_lib import data, manifest


def test_course_data_moves_the_cache(shop, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", str(shop / "else where"))
    assert data.path("plays") == shop / "else where" / "plays.txt"
    assert not (shop / "cache").exists()


def test_a_relative_course_data_is_one_place_wherever_one_stands(shop, monkeypatch):
    monkeypatch.setenv("COURSE_DATA", "else where")
    monkeypatch.chdir(shop)
    assert manifest.cache() == manifest.MANIFEST.parents[1] / "else where"


def test_the_table_says_what_is_on_disk(shop, capsys):
    data.fetch("plays")
    assert data.main([]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["name", "kind", "download", "on", "disk", "licence"]
    assert {line.split()[0]: line.split()[-2] for line in lines[1:]} == {
        "plays": "yes", "pairs": "yes", "questions": "yes", "vectors": "no", "lines": "no", "drama": "no",
        "verdicts": "no", "names": "no", "draw": "no", "body": "no", "whole": "no", "ghost": "no", "both": "yes",
        "toy": "yes", "ours": "no",
    }
    assert data.table().rows[0]["download"] == 1000


def test_an_unknown_name_names_its_neighbours(shop, capsys):
    for ask in (data.load, data.path, data.fetch):
        with pytest.raises(KeyError, match="no data named 'pair': did you mean pairs"):
            ask("pair")
    assert data.main(["fetch", "pair"]) == 1
    assert capsys.readouterr().err == "There is no data named 'pair': did you mean pairs or plays?\n"
    assert not (shop / "cache").exists()
