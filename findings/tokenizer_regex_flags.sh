#!/usr/bin/env bash
# A pattern in a tokenizer.json is Oniguruma's dialect: the flag by which a dot takes in line breaks is another one.
#
# Expected: `(?s).` matches any one character, line breaks too, as in Python's `re`, Rust's `regex` and PCRE; `(?m)`
#           moves ^ and $ and leaves the dot alone.
# Seen:     tokenizers 0.23.3 refuses `(?s).` ("undefined group option"). Its `(?m).` is what others call `(?s).`: the
#           dot matches the line break. A pattern copied from Python that holds `(?m)` loads without a word, and cuts
#           otherwise there.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q "tokenizers==0.23.3"
"$folder/env/bin/python" - <<'PY'
import re

from tokenizers import Regex, pre_tokenizers

text = "a\nb"
try:
    Regex("(?s).")
except Exception as error:
    print("(?s). is refused:", error)
    assert "undefined group option" in str(error), "the behaviour has changed"
else:
    raise SystemExit("the behaviour has changed: (?s). is taken")


def cut(pattern):
    return [piece for piece, _ in pre_tokenizers.Split(Regex(pattern), "removed").pre_tokenize_str(text)]


print("left of 'a\\nb' when what the pattern matches is removed:")
for pattern in (".", "(?m)."):
    print(f"  {pattern:6} tokenizers {cut(pattern)}, Python {re.sub(pattern, '', text)!r}")
assert cut(".") == ["\n"], "the behaviour has changed"
assert cut("(?m).") == [], "the behaviour has changed"
assert re.sub("(?m).", "", text) == "\n"
PY
echo "seen as described, with tokenizers 0.23.3"
