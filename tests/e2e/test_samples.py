"""The sample documents and their questions: answered rightly with a right citation, or refused.

Every question is asked as its principal; the figures are printed. See deploy/samples/README.md."""

import json

from appliance import SOURCE, ApplianceTest, main

SAMPLES = SOURCE / "deploy/samples"
MIN_RIGHT_AND_CITED = 18  # of 24


class SamplesTest(ApplianceTest):
    @classmethod
    def prepare(cls):
        cls.appliance.run("kb", "create", "samples")
        cls.rows = cls.appliance.json_lines("kb", "add", "samples", "--manifest",
                                            SAMPLES / "manifest.jsonl", timeout=600)
        cls.appliance.eval_script("make_users.py", SAMPLES / "users.jsonl")

    def test_every_document_is_accepted(self):
        self.assertEqual([row for row in self.rows if not row["accepted"]], [])
        self.assertGreaterEqual(len(self.rows), 16)

    def test_questions(self):
        report = self.appliance.folder / "report.json"
        self.appliance.eval_script("ask_samples.py", "--kb", "samples", "--json", report)
        summary = json.loads(report.read_text())["summary"]
        self.assertEqual(summary["answerable"], 24)
        self.assertGreaterEqual(summary["right_and_cited"], MIN_RIGHT_AND_CITED)
        self.assertEqual(summary["unanswerable_refused"], summary["unanswerable"])
        self.assertEqual(summary["forbidden_refused"], summary["forbidden"])
        self.assertEqual(summary["leaked"], 0)
        self.assertTrue(self.appliance.json("audit", "verify")["ok"])


if __name__ == "__main__":
    main()
