"""`./hd bench NAME [options]`: measures the product on this machine; correctness stands beside speed."""

import sys

BENCHES = ("ingest", "pages")


def main() -> int:
    if len(sys.argv) < 2 or sys.argv[1] not in BENCHES:
        print(f"./hd bench {{{'|'.join(BENCHES)}}} [--help]")
        return 2
    name = sys.argv.pop(1)
    module = __import__(f"benchmarks.{name}", fromlist=["main"])
    return module.main()


if __name__ == "__main__":
    sys.exit(main())
