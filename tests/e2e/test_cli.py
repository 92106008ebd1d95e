"""The administrator's first day: every CLI command against a running appliance."""

import json
import os
from pathlib import Path

from appliance import Appliance, ApplianceTest, Failed, main

FACTS = {
    "pump.md": "# Pump P-17\n\nThe seal of pump P-17 is replaced every 4,200 operating hours by the "
               "mechanical group. Its bearing temperature must stay below 82 °C.\n",
    "装维.txt": "家庭宽带装维服务规范\n\n第一条 装机应在受理后48小时内完成。\n第二条 用户遗失光猫的，按每台120元赔偿。\n",
}


class CliTest(ApplianceTest):
    @classmethod
    def prepare(cls):
        cls.files = cls.appliance.folder / "files"
        cls.files.mkdir()
        for name, text in FACTS.items():
            (cls.files / name).write_text(text, "utf-8")
        cls.appliance.run("kb", "create", "plant")
        cls.added = cls.appliance.json_lines("kb", "add", "plant", cls.files)

    def test_status_has_the_documented_shape(self):
        status = self.appliance.json("status")
        self.assertTrue(status["ready"])
        self.assertTrue(status["endpoints"]["https"].startswith("https://"))
        self.assertEqual({s["name"] for s in status["services"]},
                         {"gateway", "retrieval", "inference"})
        self.assertIn("qwen2.5-coder-0.5b-instruct", status["models"])

    def test_add_reports_each_file_and_search_finds_it(self):
        self.assertEqual(len(self.added), 2)
        self.assertTrue(all(row["accepted"] for row in self.added), self.added)
        found = self.appliance.json("kb", "search", "plant", "密封 更换 P-17", "-k", 3)
        self.assertTrue(found["complete"])
        top = found["results"][0]
        self.assertEqual(top["document"], "pump.md")
        self.assertEqual(set(top), {"chunk_id", "document", "title", "page", "start", "end", "score",
                                    "text"})

    def test_search_explains_itself(self):
        query = ("kb", "search", "plant", "密封 更换 P-17", "--explain")
        found = self.appliance.json(*query)
        best = found["results"][0]
        self.assertGreater(best["scores"]["cosine"], 0)
        self.assertGreater(best["scores"]["bm25"], 0)
        self.assertTrue(0 < best["scores"]["coverage"] <= 1, best)
        self.assertEqual(best["version"], 1)
        self.assertEqual(best["classification"], "internal")
        self.assertEqual(found["filter"]["clearance"], "secret")
        self.assertEqual(found["filter"]["chunks_allowed"],
                         found["chunks_examined"] + found["chunks_pending"])
        shown = self.appliance.run(*query).stdout
        self.assertIn(f"BM25 {best['scores']['bm25']:.2f}", shown)
        self.assertIn("complete", shown)

    def test_search_by_field_and_day(self):
        query = ("kb", "search", "plant", "seal of pump P-17")
        self.assertNotEqual(self.appliance.json(*query, "--as-of", "2999-12-31")["results"], [])
        self.assertEqual(self.appliance.json(*query, "--as-of", "2001-01-01")["results"], [])
        self.assertEqual(self.appliance.json(*query, "--field", "document_number=none")["results"],
                         [])
        for wrong in (("--as-of", "yesterday"), ("--field", "none")):
            self.assertEqual(self.appliance.run(*query, *wrong, check=False).returncode, 2, wrong)

    def test_ask_answers_in_both_languages_with_citations(self):
        answer = self.appliance.json("ask", "光猫丢失要赔多少钱？", "--kb", "plant")
        self.assertFalse(answer["refused"], answer)
        self.assertIn("120元", answer["answer"])
        self.assertEqual(answer["citations"][0]["document"], "装维.txt")
        self.assertIn("120元", answer["citations"][0]["quote"])
        english = self.appliance.json("ask", "After how many operating hours is the seal of pump "
                                      "P-17 replaced?", "--kb", "plant")
        self.assertFalse(english["refused"], english)
        self.assertIn("4,200", english["answer"])
        self.assertGreater(english["usage"]["prompt_tokens"], 0)
        self.assertEqual(len(english["audit"]["leaf_hash"]), 64)

    def test_citation_offsets_point_at_the_quote(self):
        answer = self.appliance.json("ask", "Who replaces the seal of pump P-17?", "--kb", "plant")
        found = self.appliance.json("kb", "search", "plant", "seal of pump P-17")
        chunks = {r["chunk_id"]: r for r in found["results"]}
        for citation in answer["citations"]:
            chunk = chunks[citation["chunk_id"]]
            begin = citation["start"] - chunk["start"]
            self.assertEqual(chunk["text"][begin:begin + citation["end"] - citation["start"]],
                             citation["quote"])

    def test_question_about_nothing_in_the_documents_is_refused(self):
        answer = self.appliance.json("ask", "Who won the football world cup in 1998?", "--kb", "plant")
        self.assertTrue(answer["refused"], answer)
        self.assertEqual(answer["citations"], [])

    def test_delete_removes_from_the_next_search(self):
        (self.appliance.folder / "gone.txt").write_text("The spare rotor is stored in hall Xi-9.\n")
        self.appliance.run("kb", "add", "plant", self.appliance.folder / "gone.txt")
        self.assertIn("Xi-9", json.dumps(self.appliance.json("kb", "search", "plant", "spare rotor")))
        self.appliance.run("kb", "rm", "plant", "gone.txt")
        self.assertNotIn("Xi-9", json.dumps(self.appliance.json("kb", "search", "plant",
                                                                 "spare rotor")))

    def test_links_that_leave_and_pipes_are_rejected_at_once(self):
        folder = self.appliance.folder / "odd"
        folder.mkdir()
        (folder / "link.txt").symlink_to("/etc/hostname")
        os.mkfifo(folder / "pipe.txt")
        (folder / "名称带\n换行.txt").write_text("三号会议室的投影仪型号为KX-40。\n", "utf-8")
        rows = {Path(r["file"]).name: r for r in
                self.appliance.json_lines("kb", "add", "plant", folder, timeout=60)}
        self.assertEqual(rows["link.txt"]["reason_code"], "outside_folder")
        self.assertEqual(rows["pipe.txt"]["reason_code"], "not_a_file")
        self.assertTrue(rows["名称带\n换行.txt"]["accepted"])

    def test_unchanged_file_is_recognised(self):
        again = self.appliance.json_lines("kb", "add", "plant", self.files)
        self.assertTrue(all(row["unchanged"] for row in again), again)

    def test_exit_codes(self):
        for code, args in ((2, ["kb", "add"]), (4, ["kb", "search", "nowhere", "x"]),
                           (2, ["user", "create", "x", "--clearance", "high"])):
            self.assertEqual(self.appliance.run(*args, check=False).returncode, code, args)
        denied = self.appliance.run("kb", "ls", key="hadal_nonsense", check=False)
        self.assertEqual(denied.returncode, 3, denied.stderr)
        away = self.appliance.run("status", "--data", "/nonexistent", user_data=False, check=False)
        self.assertEqual(away.returncode, 5, away.stderr)

    def test_revoked_key_and_user_hold_at_the_next_request(self):
        key = self.appliance.user("temp.worker")
        self.appliance.run("kb", "search", "plant", "pump", key=key)
        key_id = self.appliance.json("key", "ls", "--user", "temp.worker")["keys"][0]["id"]
        self.appliance.run("key", "revoke", key_id)
        self.assertEqual(self.appliance.run("kb", "search", "plant", "pump", key=key,
                                            check=False).returncode, 3)
        second = self.appliance.json("key", "create", "--user", "temp.worker")["key"]
        self.appliance.run("user", "revoke", "temp.worker")
        self.assertEqual(self.appliance.run("kb", "search", "plant", "pump", key=second,
                                            check=False).returncode, 3)

    def test_roles(self):
        self.appliance.run("role", "create", "searcher", "--permission", "knowledge.search")
        key = self.appliance.user("only.search", roles=["searcher"])
        self.appliance.run("kb", "search", "plant", "pump", key=key)
        refused = self.appliance.run("ask", "x", "--kb", "plant", key=key, check=False)
        self.assertEqual(refused.returncode, 3)
        self.appliance.run("role", "revoke", "searcher")
        self.assertEqual(self.appliance.run("kb", "search", "plant", "pump", key=key,
                                            check=False).returncode, 3)

    def test_models_audit_and_doctor(self):
        model = self.appliance.json("model", "inspect", "qwen2.5-coder-0.5b-instruct")
        self.assertEqual(model["sha256"],
                         "1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32")
        before = self.appliance.json("audit", "ls")["tree_size"]
        self.appliance.run("kb", "search", "plant", "pump", key="hadal_wrong", check=False)
        listing = self.appliance.json("audit", "ls", "-n", 20)
        self.assertGreater(listing["tree_size"], before)
        outcomes = [e["record"].get("outcome") for e in listing["entries"]]
        self.assertIn("refused", outcomes)
        self.assertTrue(self.appliance.json("audit", "verify")["ok"])
        self.appliance.run("audit", "verify", "--offline")
        exported = self.appliance.run("audit", "export").stdout.splitlines()
        self.assertGreaterEqual(len(exported), listing["tree_size"])
        self.assertTrue(self.appliance.json("doctor", "--models",
                                            os.environ.get("HADAL_MODELS", "models"),
                                            check=False)["checks"])


class RestartTest(ApplianceTest):
    def test_restart_keeps_everything_and_tampering_is_found(self):
        appliance = self.appliance
        note = appliance.folder / "note.txt"
        note.write_text("The emergency diesel of block 3 starts within 11 seconds.\n")
        appliance.run("kb", "create", "notes")
        appliance.run("kb", "add", "notes", note)
        first = appliance.json("kb", "search", "notes", "emergency diesel")
        appliance.run("down")
        appliance.run("audit", "verify", "--offline")
        appliance.start()
        self.assertEqual(appliance.json("kb", "search", "notes", "emergency diesel"), first)
        appliance.run("down")
        log = max((p for p in (appliance.data / "audit").rglob("*") if p.is_file()),
                  key=lambda p: p.stat().st_size)
        content = bytearray(log.read_bytes())
        content[len(content) // 2] ^= 1
        log.write_bytes(content)
        with self.assertRaises(Failed):
            appliance.run("audit", "verify", "--offline")


if __name__ == "__main__":
    main()
