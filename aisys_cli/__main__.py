"""`python -m aisys_cli` is `aisys`."""

from aisys_cli.app import main

if __name__ == "__main__":
    main()
