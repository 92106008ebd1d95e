#!/usr/bin/env python3
"""Creates the users of a users.jsonl (id, clearance, compartments, groups) with one key each.

  python3 ops/eval/make_users.py --hadal build/release/bin/hadal --data DIR deploy/samples/users.jsonl

The keys go to DIR/admin/sample-keys/<id>.key, readable by their owner only. Users that are there
with a key file are left as they are.
"""
import argparse
import sys

from hadal_cli import CallFailed, Hadal, read_jsonl


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hadal", default="build/release/bin/hadal", help="the program")
    parser.add_argument("--data", required=True, help="the appliance's data folder")
    parser.add_argument("users", help="users.jsonl or principals.jsonl")
    arguments = parser.parse_args()
    hadal = Hadal(arguments.hadal, arguments.data)
    users = read_jsonl(arguments.users)
    try:
        for user in users:
            hadal.ensure_user(user)
    except CallFailed as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{len(users)} users, keys in {hadal.key_file('x').parent}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
