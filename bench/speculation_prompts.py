#!/usr/bin/env python3
"""Prompts of bench/speculation_bench: questions about a passage, quotations, and free writing.

  bench/speculation_prompts.py ../shared/eval/cmrc2018/cmrc2018_dev.json > prompts.jsonl
"""

import json
import sys

import measuring

FREE = (
    "写一篇关于冬天的短文。", "给我讲一个关于灯塔看守人的故事。", "解释为什么天空是蓝色的。",
    "Write a short story about a lighthouse keeper.", "Explain how a heat pump works.",
    "Write a poem about the sea.", "List ten ideas for a birthday party and describe each.",
    "What are the advantages of public transport?",
)


def main():
    rows = [("free", text) for text in FREE]
    for paragraph in measuring.paragraphs(sys.argv[1])[::100][:8]:
        context, question = paragraph["context"], paragraph["qas"][0]["question"]
        rows.append(("answer", f"资料：\n[1] {context}\n\n请根据资料用一句完整的话回答，并引用原文：{question}"))
        rows.append(("quote", f"资料：\n[1] {context}\n\n请逐字引用资料中与下面问题有关的句子：{question}"))
    for kind, text in rows:
        print(json.dumps({"kind": kind, "text": text}, ensure_ascii=False))


if __name__ == "__main__":
    main()
