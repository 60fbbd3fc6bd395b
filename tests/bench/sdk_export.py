"""`python -m tests.bench.sdk_export HOST:PORT CONTAINER`: an export through the docker SDK's `ssh://`, to stdout."""

import sys


def main() -> None:
    import docker

    client = docker.APIClient(f"ssh://{sys.argv[1]}", version="1.41")
    for piece in client.export(sys.argv[2], chunk_size=1 << 20):
        sys.stdout.buffer.write(piece)
    client.close()


if __name__ == "__main__":
    main()
