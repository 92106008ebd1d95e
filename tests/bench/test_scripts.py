"""The measuring scripts in bench/: what they read of other programs' output, what they refuse, and
the cost model against published sizes. Programs are stand-ins that print what real ones print."""

import contextlib
import io
import json
import os
import pathlib
import sys
import tempfile
import unittest
from unittest import mock

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench"))

import busy_core  # noqa: E402
import measuring  # noqa: E402
import roofline  # noqa: E402
import vs_llama_cpp  # noqa: E402

OURS = {"prompts": [{"tokens": 512, "tokens_per_second": 400.0},
                    {"tokens": 2048, "tokens_per_second": 300.0}],
        "generation": {"tokens_per_second": 60.0},
        "streams": [{"streams": 8, "tokens_per_second": 160.0},
                    {"streams": 16, "tokens_per_second": 200.0}]}
LLAMA_BENCH = [{"n_prompt": 512, "n_gen": 0, "avg_ts": 200.0},
               {"n_prompt": 2048, "n_gen": 0, "avg_ts": 200.0},
               {"n_prompt": 0, "n_gen": 64, "avg_ts": 40.0}]
BATCHED_TABLE = """
main: n_kv_max = 768, n_batch = 2048, n_ubatch = 512
|    PP |     TG |    B |   N_KV |   T_PP s | S_PP t/s |   T_TG s | S_TG t/s |      T s |    S t/s |
|-------|--------|------|--------|----------|----------|----------|----------|----------|----------|
|    16 |     32 |    8 |    384 |    0.500 |   256.00 |    3.200 |    80.00 |    3.700 |   103.78 |
|    16 |     32 |   16 |    768 |    0.900 |   284.44 |    5.120 |   100.00 |    6.020 |   127.57 |
"""


class Scripts(unittest.TestCase):
    """With a folder, a model and stand-ins for programs in it."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)
        self.model = self.path("model.gguf")
        pathlib.Path(self.model).touch()

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def program(self, name, output):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\necho \"$@\" >> {path}.args\ncat <<'END'\n{output}\nEND\n"
                       "echo log > program.log\n")
        os.chmod(path, 0o755)
        return path

    def arguments_of(self, name):
        with open(self.path(name + ".args"), encoding="utf-8") as file:
            return file.read()

    def run_main(self, script, arguments):
        with mock.patch.object(sys, "argv", [script.__name__, *arguments]), \
                contextlib.redirect_stdout(io.StringIO()), \
                contextlib.redirect_stderr(io.StringIO()):
            return script.main()


class VsLlamaCpp(Scripts):
    def main(self, *extra, batched=BATCHED_TABLE):
        arguments = ["--model", self.model, "--prompt", "512", "--prompt", "2048",
                     "--streams", "8", "--streams", "16", "--rounds", "2",
                     "--hadal-model", self.program("ours", json.dumps(OURS)),
                     "--llama-bench", self.program("lb", "warm-up\n" + json.dumps(LLAMA_BENCH)),
                     "--llama-bench-args", "-rtr 1 -fa 1",
                     "--batched-bench", self.program("bb", batched), "--peer-name", "peer",
                     "--json", self.path("result.json"), *extra]
        return self.run_main(vs_llama_cpp, arguments)

    def test_ratios_of_every_work(self):
        self.assertEqual(self.main("--max-other-load", "1"), 0)
        with open(self.path("result.json"), encoding="utf-8") as file:
            result = json.load(file)["result"]
        ratios = {work: engines["peer"]["ratio"] for work, engines in result.items()}
        self.assertEqual(ratios, {"prompt 512": 2.0, "prompt 2048": 1.5, "generation": 1.5,
                                  "streams 8": 2.0, "streams 16": 2.0})
        self.assertIn("-p 512,2048 -n 64 -b 2048 -ub 512 -r 1 -o json -rtr 1 -fa 1",
                      self.arguments_of("lb"))

    def test_our_streams_have_the_same_text_on_demand(self):
        self.main("--max-other-load", "1")
        self.assertNotIn("--same-text", self.arguments_of("ours"))
        self.main("--max-other-load", "1", "--same-text")
        self.assertIn("--same-text", self.arguments_of("ours"))

    def test_what_programs_write_where_they_stand_goes(self):
        before = os.getcwd()
        self.addCleanup(os.chdir, before)
        os.chdir(self.folder.name)
        self.model = "model.gguf"  # found from the folder of its own nevertheless
        self.assertEqual(self.main("--max-other-load", "1"), 0)
        self.assertFalse(os.path.exists("program.log"))
        self.assertIn(self.path("model.gguf"), self.arguments_of("ours"))

    def test_an_absent_file_is_wrong_usage(self):
        with self.assertRaises(SystemExit) as ended:
            self.main("--hadal-model", self.path("absent"))
        self.assertEqual(ended.exception.code, 2)

    def test_json_lines_of_batched_bench(self):
        lines = "\n".join(json.dumps({"pp": 16, "tg": 32, "pl": n, "speed_tg": 10.0 * n})
                          for n in (8, 16))
        self.assertEqual(self.main("--max-other-load", "1", batched=lines), 0)
        with open(self.path("result.json"), encoding="utf-8") as file:
            result = json.load(file)["result"]
        self.assertEqual(result["streams 16"]["peer"]["median"], 160.0)

    def test_a_missing_row_is_named(self):
        with self.assertRaisesRegex(SystemExit, "no row for 16 streams"):
            self.main(batched="\n".join(BATCHED_TABLE.splitlines()[:-1]))

    def test_no_verdict_on_a_busy_machine(self):
        with mock.patch.object(measuring, "cpu_seconds", side_effect=[(0, 0), (60, 100)] * 6):
            self.assertEqual(self.main(), 3)
        with open(self.path("result.json"), encoding="utf-8") as file:
            self.assertFalse(json.load(file)["verdict_allowed"])

    def test_a_failure_is_passed_on(self):
        broken = self.path("broken")
        with open(broken, "w", encoding="utf-8") as file:
            file.write("#!/bin/sh\necho no such type >&2\nexit 4\n")
        os.chmod(broken, 0o755)
        with self.assertRaisesRegex(SystemExit, "failed with 4: no such type"):
            self.main("--llama-bench", broken)


class BusyCore(Scripts):
    def main(self, *extra):
        return self.run_main(busy_core, [
            "--model", self.model, "--hadal-model", self.program("ours", json.dumps(OURS)),
            "--core", str(min(os.sched_getaffinity(0))), "--rounds", "1",
            "--max-other-load", "1", "--json", self.path("result.json"), *extra])

    def test_the_ratio_is_judged(self):
        self.assertEqual(self.main("--at-least", "1"), 0)
        with open(self.path("result.json"), encoding="utf-8") as file:
            self.assertEqual(json.load(file)["rounds"]["ours"],
                             [{"idle": 60.0, "busy": 60.0, "ratio": 1.0}])
        self.assertEqual(self.main("--at-least", "1.01"), 1)

    def test_others_give_no_verdict(self):
        self.assertEqual(self.main("--max-other-load", "-1"), 3)


class Measuring(unittest.TestCase):
    def test_the_share_of_others_is_without_our_own(self):
        with mock.patch.object(measuring, "cpu_seconds", side_effect=[(10, 100), (16, 120)]):
            self.assertAlmostEqual(measuring.OtherLoad().share(own=4), 0.1)
        with mock.patch.object(measuring, "cpu_seconds", side_effect=[(10, 100), (16, 120)]):
            self.assertEqual(measuring.OtherLoad().share(own=9), 0)

    def test_a_run_counts_as_its_own(self):
        burn = "import time\nwhile time.process_time() < 0.5: pass"
        seen = []
        share = measuring.OtherLoad.share
        with mock.patch.object(measuring.OtherLoad, "share",
                               lambda load, own: seen.append(own) or share(load, own)):
            measuring.run([sys.executable, "-c", burn])
        self.assertGreaterEqual(seen[0], 0.45)

    def test_half_the_range_in_per_cent(self):
        self.assertAlmostEqual(measuring.spread([9, 10, 12]), 15)


class Roofline(unittest.TestCase):
    def setUp(self):
        with open(ROOT / "tests/golden/configs/deepseek_v3.json", encoding="utf-8") as file:
            self.parts = roofline.deepseek_parts(json.load(file), 8)

    def test_deepseek_v3_has_its_published_size(self):
        # 671 B in all and 37 B a token, the table of 0.93 B included, of which one row is read.
        self.assertAlmostEqual(sum(p.weights for p in self.parts) / 1e9, 671 - 0.93, delta=0.5)
        self.assertAlmostEqual(sum(p.weights * p.chosen for p in self.parts) / 1e9, 37 - 0.4,
                               delta=0.4)

    def test_experts_are_read_once_however_many_rows(self):
        experts = next(p for p in self.parts if p.name == "routed experts")
        self.assertAlmostEqual(experts.bytes(1, 0), experts.weights / 32)
        self.assertLess(experts.bytes(2, 0), 2 * experts.bytes(1, 0))
        self.assertAlmostEqual(experts.bytes(100_000, 0), experts.weights)

    def test_the_slower_of_memory_and_arithmetic_counts(self):
        part = roofline.Part("x", weights=1e9, bits=8)
        device = roofline.Device(gb_per_second=10, gop_per_second=200, float_gop_per_second=100)
        self.assertAlmostEqual(device.seconds(part, 1, 0), 0.1)
        self.assertAlmostEqual(device.seconds(part, 100, 0), 1.0)

    def test_tensors_find_their_kind(self):
        def kind(name, shape=(2, 2)):
            return roofline.family({"name": name, "shape": shape}, 3, has_output=True)
        self.assertEqual(kind("blk.1.ffn_up.7.weight"), "routed experts")
        self.assertEqual(kind("blk.1.ffn_up.weight"), "gate, up")
        self.assertEqual(kind("blk.1.ffn_up_shexp.weight"), "shared experts")
        self.assertEqual(kind("blk.1.attn_q_a.weight"), "latent attention")
        self.assertEqual(kind("output.weight"), "output")
        self.assertIsNone(kind("token_embd.weight"))
        self.assertIsNone(kind("blk.3.ffn_up.weight"))  # of a prediction layer
        self.assertIsNone(kind("blk.1.attn_q.bias", (2,)))


class QualityKl(unittest.TestCase):
    def test_divergence_of_known_distributions(self):
        try:
            import numpy
            import quality_kl
        except ImportError:
            self.skipTest("numpy is absent")
        p, q = numpy.array([[0.5, 0.25, 0.25]]), numpy.array([[0.25, 0.5, 0.25]])
        reference = numpy.repeat(numpy.log(p) + 7, 40, axis=0).astype(numpy.float32)
        other = numpy.repeat(numpy.log(q) - 3, 40, axis=0).astype(numpy.float32)
        divergence, same = quality_kl.compare(reference, other)
        self.assertEqual(divergence.shape, (40,))
        numpy.testing.assert_allclose(divergence, 0.25 * numpy.log(2), rtol=1e-5)
        self.assertFalse(same.any())
        zero, same = quality_kl.compare(reference, reference)
        self.assertEqual(numpy.abs(zero).max(), 0)
        self.assertTrue(same.all())


if __name__ == "__main__":
    unittest.main()
