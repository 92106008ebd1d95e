#!/usr/bin/env python3
"""Asks the questions of a labelled set, each as its principal, and scores the answers.

  python3 ops/eval/ask_samples.py --data DIR --kb samples                  the project's samples
  python3 ops/eval/ask_samples.py --data DIR --kb corpus --set FOLDER --results results.jsonl

A set is a folder with questions.jsonl; the users must exist (make_users.py). Prints a table and writes
with --json all of it, with --results one line a question for an external scorer. --quickstart asks four
questions of the samples and shows the answers. Exit status 1 when a forbidden document showed, a call
failed, or fewer than --min-right questions were answered rightly with a right citation.
"""
import argparse
import json
import sys
import time
from pathlib import Path

from hadal_cli import CallFailed, Hadal, read_jsonl
from scoring import score, summarise

SAMPLES = Path(__file__).resolve().parents[2] / "deploy" / "samples"
# One Chinese, one English, one that no document answers, one whose document the asker may not read.
QUICKSTART = ("H-Q24", "H-Q12", "H-Q32", "H-Q34")


def show(question, result):
    print(f"\n{question['principal']} asks: {question['question']}")
    print(f"  {result['answer']}".replace("\n", "\n  "))
    for citation in result["citations"]:
        page = f", page {citation['page']}" if citation["page"] else ""
        print(f"  [{citation['n']}] {citation['title']}{page}: “{citation['quote']}”")
    print(f"  audit record {result['audit']['index']}")


def ask_all(hadal, kb, questions, arguments):
    rows = []
    for question in questions:
        begin = time.monotonic()
        command = ["ask", question["question"], "--kb", kb]
        if arguments.top_k:
            command += ["-k", arguments.top_k]
        result = hadal.json(*command, user=question["principal"])
        rows.append({"question": question, "result": result, "score": score(question, result),
                     "seconds": round(time.monotonic() - begin, 2)})
        if arguments.quickstart:
            show(question, result)
        else:
            marks = rows[-1]["score"]
            verdict = "right" if marks["right"] else "WRONG"
            cited = "" if marks["refused"] else " cited" if marks["cited"] else " not cited"
            print(f"{question['id']:8} {question['kind']:14} {verdict}{cited:10} "
                  f"{rows[-1]['seconds']:6.1f} s  {result['answer'][:100]!r}", flush=True)
    return rows


def write_results(path, rows):
    with open(path, "w", encoding="utf-8") as out:
        for row in rows:
            result = row["result"]
            out.write(json.dumps({
                "question_id": row["question"]["id"], "principal": row["question"]["principal"],
                "retrieved": [{"document": r["document"], "text": r["text"]}
                              for r in result["retrieved"]],
                "answer": result["answer"], "refused": result["refused"],
                "cited": sorted({c["document"] for c in result["citations"]}),
            }, ensure_ascii=False) + "\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hadal", default="build/release/bin/hadal", help="the program")
    parser.add_argument("--data", required=True, help="the appliance's data folder")
    parser.add_argument("--kb", required=True, help="knowledge base to ask")
    parser.add_argument("--set", type=Path, default=SAMPLES, help="folder with questions.jsonl")
    parser.add_argument("--top-k", type=int, default=0, help="chunks to retrieve")
    parser.add_argument("--only", nargs="*", help="ids of questions")
    parser.add_argument("--quickstart", action="store_true", help="four questions, with answers")
    parser.add_argument("--min-right", type=int, default=0)
    parser.add_argument("--json", help="file for everything, as JSON")
    parser.add_argument("--results", help="file for one line a question")
    arguments = parser.parse_args()
    wanted = QUICKSTART if arguments.quickstart else arguments.only
    questions = [q for q in read_jsonl(arguments.set / "questions.jsonl")
                 if not wanted or q["id"] in wanted]
    try:
        rows = ask_all(Hadal(arguments.hadal, arguments.data), arguments.kb, questions, arguments)
    except CallFailed as error:
        print(error, file=sys.stderr)
        return 1
    summary = summarise([row["score"] for row in rows])
    summary["seconds_per_question"] = round(sum(r["seconds"] for r in rows) / max(len(rows), 1), 2)
    if arguments.results:
        write_results(arguments.results, rows)
    if arguments.json:
        Path(arguments.json).write_text(
            json.dumps({"summary": summary, "rows": rows}, ensure_ascii=False, indent=1), "utf-8")
    if not arguments.quickstart:
        print(json.dumps(summary, ensure_ascii=False))
    return 1 if summary["leaked"] or summary["right_and_cited"] < arguments.min_right else 0


if __name__ == "__main__":
    sys.exit(main())
