"""A document that is visible before it is embedded: found by words at once, by meaning later, and
neither a SIGKILL nor a deletion in between leaves it half done."""

import time

from appliance import Appliance, ApplianceTest, main

LIMIT_S = 300  # for what takes some ten seconds on two idle cores
SECTIONS = 24


def manual():
    parts = []
    for n in range(SECTIONS):
        filler = "".join(f"第{n}节第{i}步记录压力、流量和振动的读数，并与上一次的读数比较。" for i in range(12))
        parts.append(f"第{n + 1}章 站点KW{n:03d}X\n\n站点KW{n:03d}X的备用钥匙存放在{n + 3}号柜。{filler}\n")
    return "\n".join(parts)


class LargeDocumentTest(ApplianceTest):
    @classmethod
    def make(cls):
        appliance = Appliance()
        config = appliance.folder / "hadal.toml"
        config.write_text("[retrieval]\nembed_first_chunks = 4\n")
        appliance.options = ("--config", config)
        return appliance

    @classmethod
    def prepare(cls):
        cls.path = cls.appliance.folder / "manual.txt"
        cls.path.write_text(manual(), "utf-8")

    def document(self, kb):
        return self.appliance.json("kb", "ls-docs", kb)["documents"][0]

    def wait_until(self, what, condition):
        end = time.monotonic() + LIMIT_S
        while not condition():
            self.assertLess(time.monotonic(), end, f"{what}\n{self.appliance.logs()}")
            time.sleep(0.1)

    def add(self, kb):
        self.appliance.run("kb", "create", kb)
        added = self.appliance.json_lines("kb", "add", kb, self.path)[0]
        self.assertTrue(added["accepted"], added)
        self.assertEqual(added["embedding_status"], "in_progress")
        self.assertEqual(added["chunks_pending"], added["chunks"])
        return added["chunks"]

    def test_words_first_then_meaning_across_a_kill(self):
        chunks = self.add("big")
        found = self.appliance.json("kb", "search", "big", "KW019X", "-k", 3)
        self.assertIn("KW019X", found["results"][0]["text"])
        self.assertTrue(found["complete"])
        self.assertGreater(found["chunks_pending"], 0)
        self.assertRegex(self.appliance.run("kb", "ls-docs", "big").stdout,
                         r"visible, embedding \d+ %")

        self.wait_until("no batch was embedded",
                        lambda: self.document("big")["chunks_pending"] < chunks)
        before = self.document("big")["chunks_pending"]
        self.appliance.kill("retrieval")
        self.wait_until("not ready after a kill",
                        lambda: self.appliance.run("status", check=False).returncode == 0)
        self.assertLessEqual(self.document("big")["chunks_pending"], before)
        found = self.appliance.json("kb", "search", "big", "KW019X", "-k", 3)
        self.assertIn("KW019X", found["results"][0]["text"])

        self.wait_until("never embedded",
                        lambda: self.document("big")["embedding_status"] == "completed")
        self.assertEqual(self.document("big")["chunks_pending"], 0)
        found = self.appliance.json("kb", "search", "big", "KW019X", "-k", 3)
        self.assertEqual(found["chunks_pending"], 0)
        self.assertTrue(any("KW019X" in r["text"] for r in found["results"]))

    def test_deleted_in_between(self):
        self.add("gone")
        self.appliance.run("kb", "rm", "gone", "manual.txt")
        self.assertEqual(self.appliance.json("kb", "ls-docs", "gone")["documents"], [])
        found = self.appliance.json("kb", "search", "gone", "KW019X")
        self.assertEqual((found["results"], found["chunks_pending"]), ([], 0))


if __name__ == "__main__":
    main()
