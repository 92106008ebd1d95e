"""Labels, end to end: nobody is shown, told about, or answered from what he may not read."""

import itertools
import json

from appliance import ApplianceTest, main

LEVELS = ["public", "internal", "confidential", "secret"]
# (classification, compartments, groups) of one document each; the codeword names it.
LABELS = [(level, comp, group) for level, comp, group in itertools.product(
    LEVELS, [(), ("grid",)], [(), ("ops",), ("ops", "law")])]
READERS = {
    "r-public": ("public", (), ()),
    "r-internal-ops": ("internal", (), ("ops",)),
    "r-secret": ("secret", (), ()),
    "r-secret-grid-law": ("secret", ("grid", "other"), ("law",)),
    "r-confidential-grid-ops": ("confidential", ("grid",), ("ops",)),
}


def allowed(reader, label):
    clearance, compartments, groups = READERS[reader]
    level, needed, readers = label
    return (LEVELS.index(clearance) >= LEVELS.index(level) and set(needed) <= set(compartments)
            and (not readers or bool(set(readers) & set(groups))))


def codeword(i):
    return f"ZX{1000 + i}Q"


class AccessTest(ApplianceTest):
    @classmethod
    def prepare(cls):
        rows = []
        for i, (level, compartments, groups) in enumerate(LABELS):
            name = f"doc{i}.txt"
            (cls.appliance.folder / name).write_text(
                f"The valve inspection of unit {i} has the codeword {codeword(i)} in the register.\n")
            rows.append({"file": name, "id": f"D{i}", "classification": level,
                         "compartments": list(compartments), "groups": list(groups)})
        manifest = cls.appliance.folder / "manifest.jsonl"
        manifest.write_text("".join(json.dumps(r) + "\n" for r in rows))
        cls.keys = {name: cls.appliance.user(name, c, comp, g)
                    for name, (c, comp, g) in READERS.items()}
        compartments = {"grid"}
        cls.curator = cls.appliance.user("curator.all", "secret", sorted(compartments),
                                         ["ops", "law"], ["curator"])
        cls.appliance.run("kb", "create", "valves")
        added = cls.appliance.json_lines("kb", "add", "valves", "--manifest", manifest,
                                         key=cls.curator)
        assert all(r["accepted"] for r in added), added

    def test_search_shows_exactly_what_the_rule_allows(self):
        for reader, key in self.keys.items():
            found = self.appliance.json("kb", "search", "valves", "valve inspection codeword register",
                                        "-k", 100, key=key)
            self.assertTrue(found["complete"])
            self.assertEqual({r["document"] for r in found["results"]},
                             {f"D{i}" for i, l in enumerate(LABELS) if allowed(reader, l)}, reader)

    def test_listing_shows_the_same(self):
        for reader, key in self.keys.items():
            listed = self.appliance.json("kb", "ls-docs", "valves", key=key)["documents"]
            self.assertEqual({d["id"] for d in listed},
                             {f"D{i}" for i, l in enumerate(LABELS) if allowed(reader, l)}, reader)

    def test_asking_for_a_forbidden_codeword_tells_nothing(self):
        for reader in ("r-public", "r-internal-ops"):
            hidden = [i for i, l in enumerate(LABELS) if not allowed(reader, l)][:2]
            for i in hidden:
                answer = self.appliance.json(
                    "ask", f"What is the codeword of the valve inspection of unit {i}?",
                    "--kb", "valves", key=self.keys[reader])
                self.assertNotIn(codeword(i), json.dumps(answer))

    def test_a_reader_cannot_add_or_delete(self):
        key = self.keys["r-secret"]
        for args in (["kb", "rm", "valves", "D0"], ["kb", "create", "mine"],
                     ["kb", "add", "valves", str(self.appliance.folder / "doc0.txt")]):
            self.assertEqual(self.appliance.run(*args, key=key, check=False).returncode, 3, args)

    def test_what_a_curator_may_not_read_does_not_exist_for_him(self):
        key = self.appliance.user("curator.low", "public", roles=["curator"])
        secret = next(i for i, l in enumerate(LABELS) if l[0] == "secret")
        self.assertEqual(self.appliance.run("kb", "rm", "valves", f"D{secret}", key=key,
                                            check=False).returncode, 4)

    def test_every_refusal_is_recorded(self):
        before = self.appliance.json("audit", "ls")["tree_size"]
        self.appliance.run("kb", "rm", "valves", "D0", key=self.keys["r-public"], check=False)
        entries = self.appliance.json("audit", "ls", "-n", 5)["entries"]
        refused = [e for e in entries if e["index"] >= before and
                   e["record"].get("outcome") == "refused"]
        self.assertEqual(len(refused), 1, entries)
        self.assertEqual(refused[0]["record"]["principal"], "r-public")


if __name__ == "__main__":
    main()
