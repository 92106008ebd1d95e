"""The evaluation corpus beside the project: every file that can be read is ingested, the others are
refused with a reason; the right passage is found, and nobody sees what he may not.

The scorer of the corpus gives the verdict; its table is printed."""

import json
import shutil
import subprocess
import sys

from appliance import CORPUS, SHARED, ApplianceTest, main, require_corpus

MIN_RECALL_AT_5 = 0.75


class CorpusTest(ApplianceTest):
    @classmethod
    def setUpClass(cls):
        require_corpus()
        super().setUpClass()

    @classmethod
    def prepare(cls):
        cls.manifest = {row["id"]: row for row in cls.lines(CORPUS / "manifest.jsonl")}
        cls.appliance.run("kb", "create", "corpus")
        cls.rows = cls.appliance.json_lines("kb", "add", "corpus", "--manifest",
                                            CORPUS / "manifest.jsonl", check=False, timeout=900)
        cls.appliance.eval_script("make_users.py", CORPUS / "principals.jsonl")

    @staticmethod
    def lines(path):
        return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]

    def test_files_are_ingested_or_refused_with_a_reason(self):
        self.assertEqual({row["document"] for row in self.rows}, set(self.manifest))
        for row in self.rows:
            with self.subTest(row["document"]):
                self.assertTrue(row["accepted"], row)

    def test_questions(self):
        results = self.appliance.folder / "results.jsonl"
        leaked = self.appliance.eval_script("ask_samples.py", "--kb", "corpus", "--set", CORPUS,
                                            "--results", results, check=False)
        self.assertEqual(leaked, 0, "a forbidden document showed, or a call failed")
        scores = self.score(CORPUS, results)
        self.assertEqual((scores["leakage"], scores["wrong_principal"]), (0, 0))
        self.assertEqual(scores["results"], scores["questions"])
        self.assertEqual(scores["refusal_rate"], {"unanswerable": 1.0, "forbidden": 1.0})
        print("\nOnly the questions whose documents are ingested:")
        inside = self.score(self.questions_of_ingested_documents(), results)
        self.assertGreaterEqual(inside["answerable"]["recall@5"], MIN_RECALL_AT_5)
        self.assertTrue(self.appliance.json("audit", "verify")["ok"])

    def test_kb_eval_agrees_with_the_scorer(self):
        results = self.appliance.folder / "kb_eval.jsonl"
        report = self.appliance.json("kb", "eval", "corpus", CORPUS / "questions.jsonl", "--results",
                                     results, timeout=900)
        scores = self.score(CORPUS, results)
        self.assertEqual((report["leakage"], scores["leakage"]), (0, 0))
        self.assertEqual(scores["results"], scores["questions"])
        for figure in ("recall@1", "recall@5", "recall@10", "mrr"):
            self.assertAlmostEqual(report["answerable"][figure], scores["answerable"][figure], 9)
        keys = self.appliance.json("key", "ls", "--user", "u-gov-clerk")["keys"]
        self.assertEqual([key for key in keys if key["expires_unix_ms"] and not key["revoked"]], [],
                         "a key of the evaluation was left behind")

    def test_kb_eval_fails_on_a_leak(self):
        # What everybody may read is forbidden to all by the set's own list: each hit is a leak.
        folder = self.appliance.folder / "leaky"
        folder.mkdir()
        for name in ("manifest.jsonl", "questions.jsonl"):
            shutil.copy(CORPUS / name, folder)
        nothing = [{"principal": p["id"], "documents": []}
                   for p in self.lines(CORPUS / "principals.jsonl")]
        (folder / "access.jsonl").write_text("\n".join(map(json.dumps, nothing)), "utf-8")
        done = self.appliance.run("kb", "eval", "corpus", folder / "questions.jsonl", "--limit", 2,
                                  "-o", "json", check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertGreater(json.loads(done.stdout)["leakage"], 0)
        self.assertIn("leak", done.stderr)

    def questions_of_ingested_documents(self):
        """A copy of the set without the questions that no ingested document can answer."""
        ingested = {row["document"] for row in self.rows if row["accepted"]}
        folder = self.appliance.folder / "ingested"
        folder.mkdir()
        for name in ("manifest.jsonl", "access.jsonl"):
            shutil.copy(CORPUS / name, folder)
        kept = [q for q in self.lines(CORPUS / "questions.jsonl") if set(q["documents"]) <= ingested]
        (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, kept)), "utf-8")
        return folder

    def score(self, folder, results):
        out = self.appliance.folder / "scores.json"
        command = [sys.executable, SHARED / "eval/score.py", "--set", folder, "--results", results,
                   "--json", out, "--failures"]
        sys.stdout.flush()
        subprocess.run([str(part) for part in command], check=True)
        return json.loads(out.read_text())


if __name__ == "__main__":
    main()
