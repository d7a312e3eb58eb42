"""`python -m deepsuper` is `deepsuper`."""

from deepsuper.cli import main

if __name__ == "__main__":
    main()
