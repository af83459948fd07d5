"""``python -m pj2``."""

from pj2.cli.main import main

if __name__ == "__main__":
    main()
