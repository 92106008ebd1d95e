"""The `hadal` program as these scripts use it. Standard library only."""

import json
import os
import subprocess
from pathlib import Path


class CallFailed(RuntimeError):
    pass


class Hadal:
    """Runs commands against the appliance in `data`, as its administrator or as a key's owner."""

    def __init__(self, program, data):
        self.program, self.data = str(program), Path(data)

    def json(self, *arguments, user=None, timeout=900):
        command = [self.program, *map(str, arguments), "--data", str(self.data), "-o", "json"]
        if user is not None:
            command += ["--key-file", str(self.key_file(user))]
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, check=False)
        if done.returncode != 0:
            raise CallFailed(f"{' '.join(command)}: exit {done.returncode}\n{done.stderr.strip()}")
        return json.loads(done.stdout)

    def key_file(self, user):
        return self.data / "admin" / "sample-keys" / f"{user}.key"

    def ensure_user(self, user):
        """Creates a user of a users.jsonl line and a key of his, unless both are there."""
        known = {entry["id"] for entry in self.json("user", "ls")["users"]}
        if user["id"] not in known:
            arguments = ["user", "create", user["id"], "--clearance", user["clearance"]]
            for flag, values in (("--compartment", user["compartments"]), ("--group", user["groups"])):
                for value in values:
                    arguments += [flag, value]
            self.json(*arguments)
        path = self.key_file(user["id"])
        if user["id"] in known and path.exists():
            return
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = self.json("key", "create", "--user", user["id"])["key"]
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as out:
            out.write(key + "\n")


def read_jsonl(path):
    return [json.loads(line) for line in Path(path).read_text("utf-8").splitlines() if line.strip()]
