"""The main job in a network namespace that has loopback and no route: nothing needs a network."""

import unittest

from appliance import Appliance, LoopbackNamespace, main


class AirGapTest(unittest.TestCase):
    def setUp(self):
        self.namespace = LoopbackNamespace()
        self.addCleanup(self.namespace.close)

    def test_documents_in_cited_answer_out(self):
        appliance = Appliance(prefix=self.namespace.prefix)
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
