"""Counting characters of Shakespeare: the n-gram score that a GPT has to beat (lessons 09 and 17).

    python benchmarks/ngram.py            every row, one after the other (about two minutes)
    python benchmarks/ngram.py --table    print the table of the last run

Whole plays are held out: three fit the mixture's weights, three others are scored; the lists stand in the result, and
lesson 17 reads them there. Nats a character, with case, line breaks and speakers' names. No peer stands beside it.
The table goes to results/ngram_characters.json when it is whole.
"""

import argparse
import json
import pathlib
import time

from measuring import machine, save

RESULTS = pathlib.Path(__file__).parent / "results" / "ngram_characters.json"
SCORED = ["The Tempest", "King John", "Macbeth"]
HELD_OUT = ["Twelfth Night", "Henry V", "Othello"]
PLAN = [(order, 1) for order in range(1, 7)] + [(order, 20) for order in (6, 7, 8, 9)]  # (order, buckets)


def run_all() -> None:
    from course_lib import data
    from course_lib.sequences import NgramModel

    plays = data.load("shakespeare_plays")
    counted = [title for title in plays if title not in SCORED + HELD_OUT]
    parts = {"counted": counted, "held_out": HELD_OUT, "scored": SCORED}
    texts = {part: "".join(plays[title] for title in titles) for part, titles in parts.items()}
    rows = []
    for order, buckets in PLAN:
        began = time.process_time()
        model = NgramModel(order, buckets).fit(texts["counted"], texts["held_out"])
        nats = float(-model.log_probs(texts["scored"]).mean())
        seconds = time.process_time() - began
        rows.append({"order": order, "buckets": buckets, "nats": round(nats, 4), "cpu_seconds": round(seconds, 1)})
        print(rows[-1], flush=True)
    characters = {part: len(text) for part, text in texts.items()}
    result = {"machine": machine(), "corpus": "shakespeare_plays", "plays": parts, "characters": characters,
              "symbols": model.vocab_size, "rows": rows}  # fmt: skip
    save(RESULTS, result)


def print_table() -> None:
    result = json.loads(RESULTS.read_text())
    print(f"{result['machine']}; scored on {', '.join(result['plays']['scored'])}")
    for row in result["rows"]:
        scores = f"{row['nats']:.4f} nats  {row['cpu_seconds']:5.1f} CPU s"
        print(f"order {row['order']}  buckets {row['buckets']:2}  {scores}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--table", action="store_true", help="print the table of the last run")
    if not parser.parse_args().table:
        run_all()
    print_table()


if __name__ == "__main__":
    main()
