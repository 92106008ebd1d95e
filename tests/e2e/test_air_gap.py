"""The main job in a network namespace that has loopback and no route: nothing needs a network."""

import os
import subprocess
import unittest

from appliance import Appliance, main, require_models

NAMESPACE = f"hadal-e2e-{os.getpid()}"
INSIDE = ("nsenter", f"--net=/run/netns/{NAMESPACE}")  # unlike ip netns exec, it works in a chroot


class AirGapTest(unittest.TestCase):
    def setUp(self):
        require_models()
        if os.geteuid() != 0:
            self.skipTest("making a network namespace needs root")
        made = subprocess.run(["ip", "netns", "add", NAMESPACE], capture_output=True, text=True)
        if made.returncode != 0:
            self.skipTest(f"no network namespaces here: {made.stderr.strip()}")
        self.addCleanup(subprocess.run, ["ip", "netns", "del", NAMESPACE], check=False)
        subprocess.run([*INSIDE, "ip", "link", "set", "lo", "up"], check=True)

    def test_documents_in_cited_answer_out(self):
        appliance = Appliance(prefix=INSIDE)
        self.addCleanup(appliance.stop)
        appliance.start()
        note = appliance.folder / "air.md"
        note.write_text("# Cooling\n\nThe cooling tower is drained when frost below -6 °C is forecast.\n")
        appliance.run("kb", "create", "gap")
        self.assertTrue(appliance.json_lines("kb", "add", "gap", note)[0]["accepted"])
        answer = appliance.json("ask", "When is the cooling tower drained?", "--kb", "gap")
        self.assertIn("-6", answer["answer"])
        self.assertEqual(answer["citations"][0]["document"], "air.md")
        self.assertTrue(appliance.json("audit", "verify")["ok"])


if __name__ == "__main__":
    main()
