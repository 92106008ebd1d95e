"""Scoring of one answer: a wrong answer must not pass, whatever it looks like."""

import os
import sys
import unittest

sys.path.insert(0, os.path.join(os.environ["HADAL_SOURCE_DIR"], "ops/eval"))
from scoring import has_keyword, score, summarise  # noqa: E402


def result(answer="", refused=False, cited=(), retrieved=()):
    return {"answer": answer, "refused": refused, "citations": [{"document": d} for d in cited],
            "retrieved": [{"document": d} for d in retrieved]}


FACT = {"kind": "number", "documents": ["D"], "answer_keywords": [["5级", "五级"], ["1000"]]}
FORBIDDEN = {"kind": "forbidden", "documents": ["X"], "answer_keywords": [],
             "forbidden_keywords": [["268"]]}


class KeywordTest(unittest.TestCase):
    def test_a_number_is_no_part_of_another(self):
        self.assertTrue(has_keyword("5", "最多5级"))
        self.assertFalse(has_keyword("5", "15级"))
        self.assertFalse(has_keyword("5", "0.5级"))
        self.assertFalse(has_keyword("1.5", "1.55"))

    def test_spelling_is_folded(self):
        self.assertTrue(has_keyword("1000", "１,０００ 元"))
        self.assertTrue(has_keyword("6 GB", "6GB"))

    def test_a_citation_mark_is_no_number(self):
        self.assertFalse(has_keyword("1", "保修期为两年[1]。"))
        self.assertTrue(has_keyword("120", "每台120[1]元"))


class ScoreTest(unittest.TestCase):
    def test_all_groups_are_needed(self):
        self.assertTrue(score(FACT, result("1000元，五级", cited=["D"]))["right"])
        self.assertFalse(score(FACT, result("1000元", cited=["D"]))["right"])

    def test_a_refusal_is_never_right_for_an_answerable_question(self):
        self.assertFalse(score(FACT, result("1000元，5级", refused=True))["right"])

    def test_the_citation_must_be_of_the_right_document(self):
        self.assertFalse(score(FACT, result("1000元，5级", cited=["E"]))["cited"])

    def test_leaks(self):
        self.assertFalse(score(FORBIDDEN, result("没有找到", refused=True))["leaked"])
        self.assertTrue(score(FORBIDDEN, result("268元"))["leaked"])
        self.assertTrue(score(FORBIDDEN, result("没有找到", refused=True, retrieved=["X"]))["leaked"])

    def test_summary(self):
        rows = [score(FACT, result("1000元，5级", cited=["D"])), score(FACT, result(refused=True)),
                score(FORBIDDEN, result(refused=True)), score(FORBIDDEN, result("268"))]
        totals = summarise(rows)
        self.assertEqual((totals["answerable"], totals["right_and_cited"], totals["false_refusals"]),
                         (2, 1, 1))
        self.assertEqual((totals["forbidden"], totals["forbidden_refused"], totals["leaked"]),
                         (2, 1, 1))


if __name__ == "__main__":
    unittest.main()
