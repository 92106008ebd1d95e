"""The sample set is whole: built files up to date, manifest, questions and labels consistent."""

import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

SAMPLES = Path(os.environ["HADAL_SOURCE_DIR"]) / "deploy/samples"
LEVELS = ("public", "internal", "confidential", "secret")


def lines(name):
    return [json.loads(line) for line in (SAMPLES / name).read_text("utf-8").splitlines()]


def may_read(user, document):
    groups = set(document["groups"])
    return (LEVELS.index(user["clearance"]) >= LEVELS.index(document["classification"]) and
            set(document["compartments"]) <= set(user["compartments"]) and
            (not groups or bool(groups & set(user["groups"]))))


class SamplesTest(unittest.TestCase):
    def setUp(self):
        self.documents = {d["id"]: d for d in lines("manifest.jsonl")}
        self.users = {u["id"]: u for u in lines("users.jsonl")}
        self.questions = lines("questions.jsonl")

    def test_the_built_files_are_what_the_script_builds(self):
        done = subprocess.run([sys.executable, SAMPLES / "make_samples.py", "--check"],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_formats_domains_and_labels(self):
        self.assertGreaterEqual(len(self.documents), 16)
        for document in self.documents.values():
            self.assertTrue((SAMPLES / document["file"]).is_file(), document["file"])
        self.assertEqual({d["format"] for d in self.documents.values()},
                         {"txt", "md", "html", "pdf", "docx"})
        self.assertEqual({d["domain"] for d in self.documents.values()},
                         {"energy", "finance", "telecom", "government"})
        self.assertGreaterEqual(sum(1 for d in self.documents.values() if d["groups"]), 2)
        gb18030 = SAMPLES / self.documents["H-TE-01"]["file"]
        with self.assertRaises(UnicodeDecodeError):
            gb18030.read_text("utf-8")
        self.assertIn("光猫", gb18030.read_bytes().decode("gb18030"))

    def test_every_question_is_asked_by_one_who_may_or_may_not_read(self):
        kinds = {}
        for question in self.questions:
            kinds[question["kind"]] = kinds.get(question["kind"], 0) + 1
            user = self.users[question["principal"]]
            for document in question["documents"]:
                self.assertEqual(may_read(user, self.documents[document]),
                                 question["kind"] != "forbidden", question["id"])
        negative = kinds.pop("unanswerable") + kinds.pop("forbidden")
        self.assertEqual(sum(kinds.values()), 24)
        self.assertGreaterEqual(negative, 10)


if __name__ == "__main__":
    unittest.main()
