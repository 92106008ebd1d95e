"""Several models at once: import, load, drain, unload and remove beside running streams; kills,
damage, a full disk and a full memory budget."""

import json
import os
import ssl
import subprocess
import threading
import time
import unittest
import urllib.error
import urllib.request

from appliance import BIN, CHAT_MODEL, EMBEDDING_MODEL, MODELS, Appliance, ApplianceTest, main

QWEN = MODELS / "qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"
SMOL = MODELS / "smollm2-135m-instruct-q4_1.gguf"
SMOL_SHA256 = "b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53"
MIB = 1 << 20


class OwnModelsAppliance(Appliance):
    """Its models folder is its own, with links to the default models; `mount` gives it a small disk."""

    def __init__(self, config="", disk=None):
        super().__init__()
        if not SMOL.is_file():
            raise unittest.SkipTest(f"no model {SMOL}: run ops/models.sh fetch")
        self.models = self.folder / "models"
        self.models.mkdir()
        self.mounted = disk is not None
        if self.mounted:
            made = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={disk}", "none", self.models],
                                  capture_output=True, text=True)
            if made.returncode != 0:
                self.mounted = False
                raise unittest.SkipTest(f"mounting a small disk needs root: {made.stderr.strip()}")
        for model in (QWEN, MODELS / "multilingual-e5-small-q4_0.gguf"):
            (self.models / model.name).symlink_to(model)
        file = self.folder / "hadal.toml"
        file.write_text("[inference]\nkv_cache_mib = 64\n" + config)
        self.options = ("--config", file)

    def stop(self):
        if self.mounted:
            self.run("down", check=False, timeout=60)
            subprocess.run(["umount", self.models], check=False)
        super().stop()

    def model(self, name):
        return {m["id"]: m for m in self.json("model", "ls")["models"]}.get(name)

    def chat(self, model, prompt, max_tokens=24):
        """Streams; the text, or raises HTTPError. An error in mid-stream is a RuntimeError."""
        body = {"model": model, "max_tokens": max_tokens, "temperature": 0, "stream": True,
                "messages": [{"role": "user", "content": prompt}]}
        request = urllib.request.Request(
            self.https + "/v1/chat/completions", json.dumps(body).encode(),
            {"Authorization": "Bearer " + self.admin_key, "Content-Type": "application/json"})
        trust = ssl.create_default_context(cafile=str(self.ca))
        text = ""
        with urllib.request.urlopen(request, context=trust, timeout=300) as answer:
            for line in answer:
                if not line.startswith(b"data: ") or b"[DONE]" in line:
                    continue
                event = json.loads(line[6:])
                if "error" in event:
                    raise RuntimeError(event["error"]["message"])
                text += event["choices"][0]["delta"].get("content") or "" if event["choices"] else ""
        return text

    def leftovers(self):
        return sorted(p.name for p in self.models.iterdir() if not p.is_symlink())


class Streaming:
    """Asks the same over and over while it is open; every answer must be the same."""

    def __init__(self, appliance, model, prompt, max_tokens):
        self.ask = lambda: appliance.chat(model, prompt, max_tokens)
        self.expected = self.ask()
        self.answers, self.error, self.stopping = 0, None, False
        self.thread = threading.Thread(target=self.run)

    def run(self):
        try:
            while not self.stopping:
                found = self.ask()
                assert found == self.expected, f"{found!r} instead of {self.expected!r}"
                self.answers += 1
        except Exception as error:
            self.error = error

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping = True
        self.thread.join()


class ModelsTest(ApplianceTest):
    @classmethod
    def make(cls):
        return OwnModelsAppliance()

    def tearDown(self):
        for model in self.appliance.json("model", "ls")["models"]:
            if model["id"] in (CHAT_MODEL, EMBEDDING_MODEL):
                continue
            if model["state"] == "serving":
                self.appliance.run("model", "unload", model["id"], "--grace", 0)
            self.appliance.run("model", "rm", model["id"])
        self.assertEqual(self.appliance.leftovers(), [])

    def refused(self, *args, code=1, key=None):
        completed = self.appliance.run(*args, check=False, key=key)
        self.assertEqual(completed.returncode, code, completed.stdout + completed.stderr)
        return completed.stderr

    def anonymous_memory(self):
        return self.appliance.memory("inference", "RssAnon")

    def test_a_life_beside_a_stream(self):
        a = self.appliance
        with Streaming(a, CHAT_MODEL, "Count from one to thirty in words.", 60) as stream:
            imported = a.json("model", "import", SMOL, "--id", "smol")
            self.assertEqual(imported["sha256"], SMOL_SHA256)
            self.assertEqual(imported["copied_bytes"], SMOL.stat().st_size)
            self.assertEqual(a.model("smol")["state"], "imported")
            self.assertTrue(a.json("model", "verify", "smol")["ok"])
            a.run("model", "load", "smol")  # once before anything is measured
            a.run("model", "unload", "smol")
            before = self.anonymous_memory()
            loaded = a.json("model", "load", "smol")
            self.assertEqual(loaded["state"], "serving")
            answer = a.chat("smol", "What is the sea?")
            self.assertTrue(answer.strip())
            with_smol = self.anonymous_memory()
            a.run("model", "unload", "smol")
            after = self.anonymous_memory()
            with self.assertRaises(urllib.error.HTTPError) as unknown:
                a.chat("smol", "Hello?")
            self.assertEqual(unknown.exception.code, 404)
            self.assertEqual(json.load(unknown.exception)["error"]["code"], "model_not_found")
            a.run("model", "rm", "smol")
        self.assertIsNone(stream.error)
        self.assertGreater(stream.answers, 0)
        print(f"anonymous memory of the service: {before >> 20} MiB, with smol {with_smol >> 20}, "
              f"after {after >> 20}; planned {loaded['memory_bytes'] >> 20}")
        self.assertGreater(with_smol - before, 80 * MIB)
        self.assertLess(with_smol - before, loaded["memory_bytes"] + 32 * MIB)  # its tokenizer
        self.assertLess(after - before, (with_smol - before) // 4)
        self.assertIsNone(a.model("smol"))
        methods = [entry["record"]["method"] for entry in a.json("audit", "ls", "-n", 100)["entries"]]
        for method in ("ImportModel", "VerifyModel", "LoadModel", "UnloadModel", "RemoveModel"):
            self.assertIn("hadal.v1.Models/" + method, methods)

    def test_a_stream_of_the_unloaded_model_ends_with_its_name(self):
        a = self.appliance
        a.run("model", "import", SMOL, "--id", "smol")
        a.run("model", "load", "smol")
        ended = []

        def ask():
            try:
                a.chat("smol", "Write a very long story about the sea.", 1500)
                ended.append("completed")
            except (RuntimeError, urllib.error.HTTPError) as error:
                ended.append(str(error))

        asking = threading.Thread(target=ask)
        asking.start()
        time.sleep(1)
        a.run("model", "unload", "smol", "--grace", 0)
        asking.join()
        self.assertIn("smol was unloaded", ended[0])

    def test_loaded_models_come_back_after_a_crash(self):
        a = self.appliance
        a.run("model", "import", SMOL, "--id", "smol")
        a.run("model", "load", "smol")
        pid = a.pid("inference")
        a.kill("inference")
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            time.sleep(0.2)
            listed = a.run("model", "ls", "-o", "json", check=False)
            if listed.returncode == 0 and a.pid("inference") != pid and any(
                    m["id"] == "smol" and m["state"] == "serving"
                    for m in json.loads(listed.stdout)["models"]):
                break
        self.assertTrue(a.chat("smol", "What is the sea?").strip())

    def test_a_killed_import_is_continued(self):
        a = self.appliance
        staged = a.models / ".import-copy" / QWEN.name
        for _ in range(5):
            pid = a.pid("inference")
            importing = subprocess.Popen(
                [BIN / "hadal", "model", "import", QWEN, "--id", "copy", "--data", a.data],
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while importing.poll() is None and not (
                    staged.exists() and staged.stat().st_size > 100 * MIB):
                time.sleep(0.002)
            if importing.poll() is None:
                os.kill(pid, 9)
            if importing.wait() != 0:
                break
            a.run("model", "rm", "copy")  # it was faster than the kill
        else:
            self.fail("no import could be killed")
        deadline = time.monotonic() + 60
        while a.run("status", check=False).returncode != 0 and time.monotonic() < deadline:
            time.sleep(0.2)
        self.assertEqual(a.leftovers(), [".import-copy"])
        self.assertEqual(a.model("copy")["state"], "interrupted")
        imported = a.json("model", "import", QWEN, "--id", "copy")
        self.assertGreater(imported["resumed_bytes"], 50 * MIB)
        self.assertEqual(imported["resumed_bytes"] + imported["copied_bytes"], QWEN.stat().st_size)
        self.assertTrue(a.json("model", "verify", "copy")["ok"])

    def test_a_changed_byte_is_found(self):
        a = self.appliance
        a.run("model", "import", SMOL, "--id", "smol")
        with open(a.models / "smol" / SMOL.name, "r+b") as file:
            file.seek(50 * MIB)
            byte = file.read(1)
            file.seek(50 * MIB)
            file.write(bytes([byte[0] ^ 1]))
        said = self.refused("model", "load", "smol")
        self.assertIn(SMOL.name + " of the model smol", said)
        self.assertIn(SMOL_SHA256, said)
        self.assertEqual(a.model("smol")["state"], "failed")
        verified = a.run("model", "verify", "smol", "-o", "json", check=False)
        self.assertEqual(verified.returncode, 1)
        self.assertIn(SMOL_SHA256, json.loads(verified.stdout)["files"][0]["problem"])
        self.assertIn("Paris", a.chat(CHAT_MODEL, "What is the capital of France?"))

    def test_a_folder_of_an_embedding_model(self):
        a = self.appliance
        source = MODELS / "all-minilm-l6-v2"
        if not source.is_dir():
            self.skipTest(f"no model {source}: run ops/models.sh fetch")
        imported = a.json("model", "import", source, "--id", "minilm")
        self.assertEqual(imported["kind"], "embedding")
        self.assertIn("model.safetensors", [file["name"] for file in imported["files"]])
        self.assertEqual(list((a.data / "import").iterdir()), [])  # nothing of what was handed over
        self.assertEqual(a.json("model", "load", "minilm")["embedding_dim"], 384)
        self.assertEqual(a.json("model", "inspect", "minilm")["state"], "serving")

    def test_only_administrators(self):
        key = self.appliance.user("models.user", roles=("curator",))
        for command in (("import", SMOL), ("load", CHAT_MODEL), ("unload", CHAT_MODEL),
                        ("verify", CHAT_MODEL), ("rm", CHAT_MODEL)):
            self.refused("model", *command, code=3, key=key)
        listed = self.appliance.json("model", "ls", key=key)["models"]
        self.assertEqual({m["state"] for m in listed}, {"serving"})

    def test_refusals_say_what_to_do(self):
        a = self.appliance
        broken = a.folder / "broken.gguf"
        broken.write_bytes(b"GGUF" + bytes(1000))
        self.assertIn("broken.gguf", self.refused("model", "import", broken))
        self.assertIn("Hugging Face", self.refused("model", "import", a.folder))
        self.refused("model", "load", "nobody", code=4)
        self.refused("model", "rm", "nobody", code=4)
        self.assertIn("configuration", self.refused("model", "rm", CHAT_MODEL))
        self.assertIn("knowledge bases", self.refused("model", "unload", EMBEDDING_MODEL))
        a.run("model", "import", SMOL, "--id", "smol")
        self.assertIn("cannot draft", self.refused("model", "load", "smol", "--draft", CHAT_MODEL))


class SmallMachineTest(ApplianceTest):
    """A disk and a budget that hold the default models and no more."""

    @classmethod
    def make(cls):
        return OwnModelsAppliance(config="memory_budget_mib = 750\n", disk="120m")

    def test_a_full_disk_leaves_nothing(self):
        a = self.appliance
        completed = a.run("model", "import", QWEN, "--id", "copy", check=False)
        self.assertEqual(completed.returncode, 1)
        self.assertIn("MiB are free", completed.stderr)
        self.assertEqual(a.leftovers(), [])
        self.assertIsNone(a.model("copy"))

    def test_a_full_budget_is_refused_with_numbers(self):
        a = self.appliance
        a.run("model", "import", SMOL, "--id", "smol")
        completed = a.run("model", "load", "smol", check=False)
        self.assertEqual(completed.returncode, 1)
        for part in ("weights", "KV cache 63 MiB", "of 750 MiB", CHAT_MODEL):
            self.assertIn(part, completed.stderr)
        # Without the other one it fits.
        a.run("model", "unload", CHAT_MODEL)
        a.run("model", "load", "smol")
        self.assertTrue(a.chat("smol", "What is the sea?").strip())
        a.run("model", "unload", "smol")
        a.run("model", "load", CHAT_MODEL)
        a.run("model", "rm", "smol")


if __name__ == "__main__":
    main()
