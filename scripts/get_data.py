"""Fetches data sets into the cache and prints where each file is, its size, its checksum, its licence and source.

    python scripts/get_data.py                  # all of them
    python scripts/get_data.py mnist kjv        # some
    python scripts/get_data.py --offline        # only what is there already

Ends with 1 if a set could not be had. `TENSORCORE_DATA` or `--folder` says where they are kept.
"""

import argparse

from tensorcore.data import DataError
from tensorcore.data.cache import data_folder
from tensorcore.data.diamonds import DIAMONDS
from tensorcore.data.kjv import KJV
from tensorcore.data.mnist import FASHION_MNIST, MNIST
from tensorcore.data.vader import VADER

COLLECTIONS = {c.name: c for c in (MNIST, FASHION_MNIST, KJV, VADER, DIAMONDS)}


def main() -> int:
    """Fetch what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="name", help=f"any of: {', '.join(COLLECTIONS)} (default: all)")
    parser.add_argument("--folder", help=f"where to keep them (default: {data_folder()})")
    parser.add_argument("--offline", action="store_true", help="check what is there, fetch nothing")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(COLLECTIONS)
    if unknown:
        parser.error(f"no data set {', '.join(sorted(unknown))}; there are {', '.join(COLLECTIONS)}")
    failed = False
    for name in arguments.names or COLLECTIONS:
        collection = COLLECTIONS[name]
        print(f"{collection.title}\n  licence: {collection.licence}\n  source:  {collection.source}")
        for file in collection.files:
            try:
                collection.load(file.name, download=not arguments.offline, folder=arguments.folder)
            except DataError as error:
                print(f"  MISSING: {error}".replace("\n", "\n    "))
                failed = True
                break
            path = collection.folder(arguments.folder) / file.name
            print(f"  {path}  {file.size} bytes  sha256 {file.sha256}")
    return int(failed)


if __name__ == "__main__":
    raise SystemExit(main())
