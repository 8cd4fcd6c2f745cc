#!/usr/bin/env bash
# A BERT that lower-cases reads Greek words that end in a capital sigma in two ways.
#
# Expected: "ΟΔΟΣ" lower-cased is "οδος", with the sigma that ends a word (ς, U+03C2): so Python's str.lower() has it, with
#           which BERT's first code made its vocabularies and cut its texts.
# Seen:     tokenizers 0.23.3 lower-cases letter by letter: "οδοσ", with the sigma of the middle (σ, U+03C3). One
#           vocabulary, one text, two answers: a word that the vocabulary holds is found by the one and cut up, or lost
#           as [UNK], by the other. The same holds for transformers, whose BertTokenizer is this engine.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install -q "tokenizers==0.23.3"
"$folder/env/bin/python" - <<'PY'
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

word = "ΟΔΟΣ"
normalizer = normalizers.BertNormalizer(lowercase=True, strip_accents=None, clean_text=True, handle_chinese_chars=True)
print("str.lower():    ", word.lower(), [f"U+{ord(c):04X}" for c in word.lower()][-1])
print("BertNormalizer: ", normalizer.normalize_str(word), [f"U+{ord(c):04X}" for c in normalizer.normalize_str(word)][-1])
assert word.lower() == "οδο\u03c2"
assert normalizer.normalize_str(word) == "οδο\u03c3", "the behaviour has changed"
tokenizer = Tokenizer(models.WordPiece({"[UNK]": 0, "οδο\u03c2": 1}, unk_token="[UNK]"))
tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizers.BertPreTokenizer()
seen = [tokenizer.encode(text).tokens for text in ("οδος", "ΟΔΟΣ")]
print("tokens of οδος and of ΟΔΟΣ, with the word in the vocabulary:", seen)
assert seen == [["οδο\u03c2"], ["[UNK]"]], "the behaviour has changed"
PY
echo "seen as described, with tokenizers 0.23.3"
