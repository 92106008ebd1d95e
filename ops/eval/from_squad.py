#!/usr/bin/env python3
"""Turns a reading set in SQuAD's form (CMRC 2018, DRCD, SQuAD) into a labelled set: a folder with one text
file a paragraph, manifest.jsonl and questions.jsonl (see README.md). Standard library only.

  python3 ops/eval/from_squad.py cmrc2018_dev.json FOLDER [--other-paragraphs]

With --other-paragraphs every second paragraph is left out with its document, and its questions are kept
as unanswerable: what a refusal threshold is set on, without a question of the documents in use.
"""
import argparse
import json
from pathlib import Path


def paragraphs(content):
    for article in content["data"]:
        for paragraph in article["paragraphs"]:
            yield paragraph.get("title") or article.get("title") or "", paragraph


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", type=Path)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--other-paragraphs", action="store_true")
    arguments = parser.parse_args()
    (arguments.folder / "text").mkdir(parents=True, exist_ok=True)
    manifest, questions = [], []
    for n, (title, paragraph) in enumerate(paragraphs(json.loads(arguments.source.read_text("utf-8")))):
        document = str(paragraph.get("id") or f"P{n}")
        absent = arguments.other_paragraphs and n % 2 == 1
        if not absent:
            file = f"text/{n:05d}.txt"
            (arguments.folder / file).write_text(paragraph["context"] + "\n", "utf-8")
            manifest.append({"id": document, "file": file, "title": title, "classification": "public",
                             "compartments": [], "groups": []})
        for i, question in enumerate(paragraph["qas"]):
            line = {"id": str(question.get("id") or f"{document}-{i}"), "question": question["question"],
                    "kind": "unanswerable" if absent or question.get("is_impossible") else "reading",
                    "documents": [] if absent else [document]}
            answers = sorted({a["text"] for a in question.get("answers", []) if a["text"]})
            if answers and line["kind"] == "reading":
                line["answer_keywords"] = [answers]
            questions.append(line)
    for name, lines in (("manifest.jsonl", manifest), ("questions.jsonl", questions)):
        (arguments.folder / name).write_text(
            "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), "utf-8")
    print(f"{len(manifest)} documents, {len(questions)} questions")


if __name__ == "__main__":
    main()
