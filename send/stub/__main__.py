"""The stub ESP as a process: prints its URL on the first line and listens until it is ended."""

import sys

from send.stub.esp import StubEsp


def main(port: str, keep: str, seed: str) -> None:
    esp = StubEsp(port=int(port), keep="digests" if keep == "digests" else "all", seed=int(seed))
    sys.stdout.write(esp.start() + "\n")
    sys.stdout.flush()
    esp.wait()


if __name__ == "__main__":
    main(*sys.argv[1:4])
