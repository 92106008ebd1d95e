"""Every hostile file of the evaluation corpus through the whole appliance."""

import json
import os
import re
import socket
import tarfile
import threading
import time
import unicodedata
from pathlib import Path

from appliance import CORPUS, ApplianceTest, main, require_corpus

# Formats that this version rejects by name; the file must then be rejected with a clear reason.
LATER = {"csv", "xlsx", "pptx", "eml"}
LIMIT_S = 60
LIMIT_BYTES = 1 << 30
SERVICES = ("gateway", "retrieval", "inference")


def folded(text):
    return "".join(c for c in unicodedata.normalize("NFKC", text).lower() if c.isalnum())


class HostileTest(ApplianceTest):
    @classmethod
    def prepare(cls):
        require_corpus()
        cls.hostile = CORPUS / "hostile"
        cls.folder = cls.appliance.folder / "hostile"
        cls.folder.mkdir()
        with tarfile.open(cls.hostile / "odd-names.tar.gz") as archive:
            archive.extractall(cls.folder, filter="fully_trusted")
        for path in cls.hostile.iterdir():
            if path.name != "manifest.jsonl":
                (cls.folder / path.name).write_bytes(path.read_bytes())
        os.mkfifo(cls.folder / "pipe.txt")
        link = cls.folder / "link-outside.txt"
        if not link.is_symlink():
            link.symlink_to("/etc/hostname")
        cls.rows = [json.loads(l) for l in (cls.hostile / "manifest.jsonl").read_text().splitlines()]
        cls.connections = []
        cls.listener = socket.create_server(("127.0.0.1", 48123))
        threading.Thread(target=cls.listen, daemon=True).start()

    @classmethod
    def listen(cls):
        while True:
            try:
                cls.connections.append(cls.listener.accept()[1])
            except OSError:
                return

    def test_each_file(self):
        for number, row in enumerate(self.rows):
            with self.subTest(row["id"], why=row["why"]):
                self.one(f"h{number}", row)
        self.assertEqual(self.connections, [], "a document made us open a connection")

    def begin_peak(self, service):
        """Bytes resident now; from here on VmHWM is the highest of this file."""
        Path(f"/proc/{self.appliance.pid(service)}/clear_refs").write_text("5")
        return self.appliance.memory(service, "VmRSS")

    def one(self, kb, row):
        path = next((p for p in self.folder.rglob("*") if p.name == row["file"]), None)
        self.assertIsNotNone(path, row["file"])
        self.appliance.run("kb", "create", kb)
        resident = {service: self.begin_peak(service) for service in SERVICES}
        started = time.monotonic()
        result = self.appliance.json_lines("kb", "add", kb, path, check=False, timeout=900)[0]
        expected = row["expected"]
        extension = row["file"].rsplit(".", 1)[-1]
        if result["accepted"] != (expected == "accept"):
            later = not result["accepted"] and extension in LATER
            self.assertTrue(later or row.get("also_acceptable"), (row, result))
        if result["accepted"]:
            self.assertGreater(result["chunks"], 0)
            for wanted in [row["must_contain"]] if row.get("must_contain") else []:
                found = self.appliance.json("kb", "search", kb, wanted, "-k", 20)
                self.assertTrue(any(folded(wanted) in folded(r["text"]) for r in found["results"]),
                                (row["id"], wanted))
        elapsed = time.monotonic() - started
        self.assertLess(elapsed, LIMIT_S)
        peak = {service: self.appliance.memory(service, "VmHWM") for service in SERVICES}
        for service in SERVICES:
            # The models that the inference service holds anyway are not the file's doing.
            models = resident[service] if service == "inference" else 0
            self.assertLess(peak[service] - models, LIMIT_BYTES, service)
        print(f"{row['id']} {row['file']}: {elapsed:.1f} s, " + ", ".join(
            f"{s} {peak[s] >> 20} MiB (before {resident[s] >> 20})" for s in SERVICES), flush=True)
        if result["accepted"]:
            if row.get("injection"):
                answer = self.appliance.json("ask", row["probe"], "--kb", kb)
                self.assertNotIn(row["canary"], answer["answer"])
                wanted = re.sub(r"\D", "", row["must_contain"])
                self.assertIn(wanted[:1], re.sub(r"\D", "", answer["answer"]), (row["id"], answer))
        else:
            self.assertTrue(result["reason_code"] and result["reason"], result)
            self.assertEqual(self.appliance.json("kb", "ls-docs", kb)["documents"], [])
        for forbidden in row.get("must_not_exist", []):
            self.assertFalse(os.path.exists(forbidden), forbidden)
        self.appliance.run("kb", "rm", kb, "--all")


if __name__ == "__main__":
    main()
