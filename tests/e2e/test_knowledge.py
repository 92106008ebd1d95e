"""A knowledge base's life: states, counts, duplicates, exports, snapshots, a watched folder."""

import json
import os
import signal
import stat
import subprocess
import time

from appliance import BIN, ApplianceTest, main

RULES = "\n".join(f"第{i}条 设备{i}号应当每{i + 3}个月检修一次，由{i % 7 + 1}班负责记录。" for i in range(40))


def eventually(holds, seconds=90):
    """The first true value of holds(), looked for now and then."""
    end = time.monotonic() + seconds
    while True:
        value = holds()
        if value or time.monotonic() > end:
            return value
        time.sleep(0.3)


class KnowledgeTest(ApplianceTest):
    @classmethod
    def prepare(cls):
        files = cls.appliance.folder / "files"
        files.mkdir()
        (files / "notice.txt").write_text(
            "云海市数据局文件\n\n云数发〔2025〕27号\n\n关于印发设备检修办法的通知\n\n各区人民政府：\n\n"
            "现将办法印发给你们。\n\n云海市数据局\n\n2025年9月8日\n", "utf-8")
        (files / "rules.txt").write_text(RULES, "utf-8")
        (files / "rules-copy.txt").write_text(RULES + "\n第四十一条 本规则自印发之日起施行。", "utf-8")
        (files / "broken.pdf").write_bytes(b"%PDF-1.7 and nothing else")
        secret = cls.appliance.folder / "secret.txt"
        secret.write_text(RULES + "\n第四十二条 保险柜密码由局长保管。", "utf-8")
        cls.appliance.run("kb", "create", "plant")
        cls.appliance.run("kb", "add", "plant", files)
        cls.appliance.run("kb", "add", "plant", secret, "--classification", "secret")
        cls.reader = cls.appliance.user("reader")
        cls.curator = cls.appliance.user("curator", roles=["curator"])

    def test_listing_by_state_and_field(self):
        failed = self.appliance.json("kb", "ls-docs", "plant", "--state", "failed")
        self.assertEqual(failed["documents"], [])
        self.assertEqual([u["id"] for u in failed["uploads"]], ["broken.pdf"])
        upload = failed["uploads"][0]
        self.assertTrue(upload["reason_code"], upload)
        self.assertGreaterEqual(upload["attempts"], 1)
        self.assertGreaterEqual(upload["changed_unix_ms"], upload["received_unix_ms"])
        shown = self.appliance.run("kb", "ls-docs", "plant", "--state", "failed", "-l").stdout
        self.assertIn(upload["reason_code"], shown)
        self.assertIn("ATTEMPTS", shown)

        visible = self.appliance.json("kb", "ls-docs", "plant", "--state", "visible")["documents"]
        self.assertEqual(len(visible), 4)
        self.assertTrue(all(d["state"] == "visible" for d in visible), visible)
        self.assertTrue(any(d["parse_ms"] > 0 for d in visible), visible)
        for number in ("云数发〔2025〕27号", "雲數發【2025】 27號", "云数发[2025]27号"):
            found = self.appliance.json("kb", "ls-docs", "plant", "--field",
                                        f"document_number={number}")["documents"]
            self.assertEqual([d["id"] for d in found], ["notice.txt"], number)
        dated = self.appliance.json("kb", "ls-docs", "plant", "--field", "date=2025-09-08")
        self.assertEqual(dated["documents"][0]["fields"]["date"], "2025年9月8日")
        for wrong, code in (("none", 2), ("colour=red", 1), ("date=soon", 1)):
            refused = self.appliance.run("kb", "ls-docs", "plant", "--field", wrong, check=False)
            self.assertEqual(refused.returncode, code, refused.stderr)

    def test_counts_are_the_readers_own(self):
        mine = self.appliance.json("kb", "stats", "plant", key=self.reader)
        self.assertEqual((mine["documents"], mine["by_classification"]), (3, {"internal": 3}))
        self.assertEqual(mine["by_state"], {"visible": 3, "failed": 1})
        self.assertNotIn("index", mine)
        for key in (self.reader, self.curator):
            refused = self.appliance.run("kb", "stats", "plant", "--all", key=key, check=False)
            self.assertEqual(refused.returncode, 3, refused.stderr)
        whole = self.appliance.json("kb", "stats", "plant", "--all")
        self.assertEqual(whole["by_classification"], {"internal": 3, "secret": 1})
        self.assertEqual(whole["index"]["live_chunks"], whole["chunks"])
        self.assertGreater(whole["chunks"], mine["chunks"])
        self.assertGreater(whole["file_bytes"], mine["file_bytes"])
        self.assertIn("dead slots", self.appliance.run("kb", "stats", "plant", "--all").stdout)

    def test_near_duplicates_are_named_to_who_may_read_both(self):
        def pairs(key=None):
            found = self.appliance.json("kb", "duplicates", "plant", key=key)
            self.assertTrue(all(d["similarity"] >= 0.8 for d in found["duplicates"]), found)
            return {(d["document"], d["like"]) for d in found["duplicates"]}
        self.assertEqual(pairs(self.reader), {("rules.txt", "rules-copy.txt")})
        self.assertEqual({document for document, _ in pairs()}, {"rules.txt", "secret.txt"})

    def test_export_and_import(self):
        out = self.appliance.folder / "plant.hadalkb"
        refused = self.appliance.run("kb", "export", "plant", out, key=self.curator, check=False)
        self.assertEqual(refused.returncode, 3, refused.stderr)
        nowhere = self.appliance.run("kb", "export", "nowhere", out, check=False)
        self.assertEqual(nowhere.returncode, 4, nowhere.stderr)
        self.assertEqual(list(self.appliance.folder.glob("plant.hadalkb*")), [])
        exported = self.appliance.json("kb", "export", "plant", out)
        self.assertEqual(exported["bytes"], out.stat().st_size)
        self.assertEqual(stat.S_IMODE(out.stat().st_mode), 0o600)
        content = out.read_bytes()
        again = self.appliance.run("kb", "export", "plant", out, check=False)
        self.assertEqual(again.returncode, 1, again.stderr)
        self.assertIn("not overwritten", again.stderr)
        self.assertEqual(out.read_bytes(), content)

        half = self.appliance.folder / "half"
        half.write_bytes(content[:len(content) // 2])
        text = self.appliance.folder / "notes"
        text.write_text("no export")
        for file, words in ((half, "cut short"), (text, "export"), (self.appliance.folder, "folder"),
                            (self.appliance.folder / "absent", "absent")):
            wrong = self.appliance.run("kb", "import", "copy", file, check=False)
            self.assertNotEqual(wrong.returncode, 0, file)
            self.assertIn(words, wrong.stderr)
        taken = self.appliance.run("kb", "import", "plant", out, check=False)
        self.assertIn("exists already", taken.stderr)

        imported = self.appliance.json("kb", "import", "copy", out)
        self.assertEqual(imported["documents"], 4)
        query = ("设备9号多久检修一次", "-k", 5)
        first, second = (self.appliance.json("kb", "search", kb, *query) for kb in ("plant", "copy"))
        self.assertEqual(first["results"], second["results"])
        with out.open("rb") as file:  # as a pipe
            piped = subprocess.run([BIN / "hadal", "kb", "import", "piped", "-", "--data",
                                    self.appliance.data], stdin=file, capture_output=True)
        self.assertEqual(piped.returncode, 0, piped.stderr)
        stream = subprocess.run([BIN / "hadal", "kb", "export", "piped", "-", "--data",
                                 self.appliance.data], capture_output=True)
        self.assertEqual(stream.stdout[:8], b"HADALKB1")
        methods = [e["record"].get("method", "") for e in
                   self.appliance.json("audit", "ls", "-n", 100)["entries"]]
        self.assertIn("hadal.v1.Knowledge/ExportKnowledgeBase", methods)
        self.assertIn("hadal.v1.Knowledge/ImportKnowledgeBase", methods)

    def test_versions_kept_and_a_deletion_proved(self):
        self.appliance.run("kb", "create", "kept")
        updated = self.appliance.json("kb", "update", "kept", "--keep-versions", 2)
        self.assertEqual(updated["keep_versions"], 2)
        note = self.appliance.folder / "note.txt"
        for number in ("11", "12"):
            note.write_text(f"The spare rotor lies in hall {number}, shelf Quux.\n")
            self.appliance.run("kb", "add", "kept", note)
        versions = self.appliance.json("kb", "versions", "kept", "note.txt")["versions"]
        self.assertEqual([v["version"] for v in versions], [2, 1])
        receipt = self.appliance.json("kb", "rm", "kept", "note.txt")["receipt"]
        generation = self.appliance.json("kb", "purge")["generation"]
        self.assertGreaterEqual(generation, receipt["gone_at_generation"])
        proof = self.appliance.json("kb", "verify-deleted", receipt["sequence"], "--text", "Quux")
        self.assertTrue(proof["gone"], proof)
        records = self.appliance.json("audit", "ls", "-n", 50)["entries"]
        deletions = [e["record"] for e in records
                     if e["record"].get("method") == "hadal.v1.Knowledge/DeleteDocument"]
        self.assertEqual(deletions[0]["attributes"]["receipt"], str(receipt["sequence"]))

    def test_snapshot(self):
        made = self.appliance.json("kb", "snapshot", "monday")
        self.assertTrue((self.appliance.data / "snapshots/monday/CURRENT").is_file(), made)
        self.assertNotEqual(self.appliance.run("kb", "snapshot", "monday", check=False).returncode, 0)
        refused = self.appliance.run("kb", "snapshot", "../x", check=False)
        self.assertEqual(refused.returncode, 1, refused.stderr)
        refused = self.appliance.run("kb", "snapshot", "x", key=self.curator, check=False)
        self.assertEqual(refused.returncode, 3, refused.stderr)


class WatchTest(ApplianceTest):
    """`kb add --watch`, in a process of its own."""

    def setUp(self):
        self.folder = self.appliance.folder / self.id().rsplit(".", 1)[-1]
        self.folder.mkdir()
        self.kb = self.folder.name.replace("_", "-")
        self.appliance.run("kb", "create", self.kb)
        self.watcher = None

    def tearDown(self):
        if self.watcher is not None and self.watcher.poll() is None:
            self.watcher.kill()
            self.watcher.wait()

    def watch(self):
        command = [BIN / "hadal", "kb", "add", self.kb, self.folder, "--watch", "--every", "1",
                   "-o", "json", "--data", self.appliance.data]
        self.out = self.folder.with_suffix(".out")
        with self.out.open("w") as out:
            self.watcher = subprocess.Popen([str(part) for part in command], stdout=out,
                                            stderr=subprocess.PIPE, text=True)

    def rows(self):
        return [json.loads(line) for line in self.out.read_text().splitlines()]

    def stop(self):
        self.watcher.send_signal(signal.SIGINT)
        _, errors = self.watcher.communicate(timeout=60)
        self.assertEqual(self.watcher.returncode, 0, errors)
        return errors

    def has(self, document, count=1):
        return [r for r in self.rows() if r.get("document") == document and r.get("accepted")][count - 1:]

    def test_new_changed_and_removed_files(self):
        (self.folder / "a.txt").write_text("The boiler of hall 3 is inspected in May.\n")
        os.mkfifo(self.folder / "pipe")
        self.watch()
        self.assertTrue(eventually(lambda: self.has("a.txt")), self.out.read_text())
        (self.folder / "sub").mkdir()
        (self.folder / "sub/b.txt").write_text("The crane of hall 4 lifts 12 tonnes.\n")
        self.assertTrue(eventually(lambda: self.has("sub/b.txt")))
        (self.folder / "a.txt").write_text("The boiler of hall 3 is inspected in June.\n")
        self.assertTrue(eventually(lambda: self.has("a.txt", 2)))
        self.assertEqual(self.has("a.txt", 2)[0]["version"], 2)
        (self.folder / "a.txt").unlink()
        self.assertTrue(eventually(lambda: any(r.get("gone") for r in self.rows())))
        self.assertIn("3 files sent", self.stop())
        pipes = [r for r in self.rows() if r["file"].endswith("/pipe") and not r.get("gone")]
        self.assertEqual([r["reason_code"] for r in pipes], ["not_a_file"])  # told once
        listed = self.appliance.json("kb", "ls-docs", self.kb)["documents"]
        self.assertEqual({d["id"] for d in listed}, {"a.txt", "sub/b.txt"})  # nothing was removed

    def test_a_second_run_sends_only_what_changed(self):
        for name in ("a", "b", "c"):
            (self.folder / f"{name}.txt").write_text(f"Valve {name} is made of bronze.\n")
        self.watch()
        self.assertTrue(eventually(lambda: len(self.rows()) == 3))
        self.stop()
        (self.folder / "b.txt").write_text("Valve b is made of steel.\n")
        (self.folder / "d.txt").write_text("Valve d is made of brass.\n")
        self.watch()
        self.assertTrue(eventually(lambda: len(self.rows()) == 2), self.out.read_text())
        self.assertEqual({r["document"] for r in self.rows()}, {"b.txt", "d.txt"})
        self.assertIn("2 files sent", self.stop())

    def test_it_waits_for_the_appliance_and_ends_without_it(self):
        self.watch()
        self.appliance.run("down")
        (self.folder / "late.txt").write_text("The gauge of tank 5 shows litres.\n")
        time.sleep(3)
        self.appliance.start()
        self.assertTrue(eventually(lambda: self.has("late.txt")), self.out.read_text())
        self.stop()

    def test_a_base_that_is_not_there_ends_it(self):
        self.appliance.run("kb", "rm", self.kb, "--all")
        self.watch()
        self.assertEqual(self.watcher.wait(timeout=60), 4)


if __name__ == "__main__":
    main()
