"""Makes `python -m asyncup` the same program as the `asyncup` console script."""

from asyncup.cli import main

if __name__ == "__main__":
    main()
