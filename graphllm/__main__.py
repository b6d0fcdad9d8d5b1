"""``python -m graphllm`` is the command line."""

from graphllm.cli import main

if __name__ == "__main__":
    main()
