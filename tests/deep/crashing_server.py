"""A server that tells each boundary it passes, and kills itself at one of them.

    crashing_server.py nursery SOCKET    imports the server once, and forks one for whoever asks
    crashing_server.py launch SOCKET     what an MCP client starts: has a server forked that uses its standard
                                         input, output and error, and ends after that one

A start of the command takes a second, nearly all of it for imports, and the search for faults starts
thousands. What is forked here has everything else of its own: its process, its ledger, its end.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import selectors
import signal
import socket
import sys
from collections import Counter

REPORT, FATAL = "CRASHING_REPORT", "CRASHING_FATAL"
"""In the environment: the file for the process id and each boundary passed, a line each; where to end."""


def launch(path: str) -> int:
    with socket.socket(socket.AF_UNIX) as nursery:
        nursery.connect(path)
        socket.send_fds(nursery, [json.dumps(dict(os.environ)).encode()], [0, 1, 2])
        # Comes when the server has been reaped: none of its locks and connections is left then.
        status = nursery.recv(1)
    return status[0] if status else 1


def nursery(path: str) -> int:
    # For the children: what the command imports on its way, and what is imported when it is first needed.
    for name in (
        "anyio._backends._asyncio",
        "sendoso_mcp.cli.serve",
        "sendoso_mcp.spending.ledger.postgres",
        "sendoso_mcp.spending.ledger.sqlite",
    ):
        importlib.import_module(name)
    gc.freeze()  # or each child would copy all of it to look for garbage
    children: dict[int, socket.socket] = {}
    woken, waker = os.pipe()
    os.set_blocking(waker, False)
    with socket.socket(socket.AF_UNIX) as door, selectors.DefaultSelector() as selector:
        door.bind(path)
        door.listen(64)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
        for source in (0, woken, door.fileno()):
            selector.register(source, selectors.EVENT_READ)
        print("ready", flush=True)
        while True:
            ready = {key.fd for key, _ in selector.select()}
            if woken in ready:
                os.read(woken, 4096)
                _reap(children)
            if 0 in ready:  # whoever started this is gone, or done
                break
            if door.fileno() in ready:
                asking, _ = door.accept()
                environ, descriptors, *_ = socket.recv_fds(asking, 65_536, 3)
                child = os.fork()
                if child == 0:
                    signal.set_wakeup_fd(-1)
                    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
                    for other in (*children.values(), asking, door):
                        other.close()
                    _serve(json.loads(environ), descriptors)
                children[child] = asking
                for descriptor in descriptors:
                    os.close(descriptor)
    for child in children:
        os.kill(child, signal.SIGKILL)
    return 0


def _reap(children: dict[int, socket.socket]) -> None:
    for child in list(children):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with children.pop(child) as launcher:
                launcher.sendall(bytes([abs(os.waitstatus_to_exitcode(status)) % 256]))


def _serve(environ: dict[str, str], descriptors: list[int]) -> None:
    """Becomes the server. Does not return."""
    status = 70
    try:
        for number, descriptor in enumerate(descriptors):
            os.dup2(descriptor, number)
            os.close(descriptor)
        os.environ.clear()
        os.environ.update(environ)
        _watch(environ[REPORT], environ.get(FATAL, ""))

        from sendoso_mcp.cli import main

        status = main([])
    finally:
        os._exit(status)


def _watch(report: str, fatal: str) -> None:
    import threading

    from sendoso_mcp.spending import boundary

    out = os.open(report, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(out, f"{os.getpid()}\n".encode())
    passed, lock = Counter[str](), threading.Lock()

    def hook(name: str) -> None:
        with lock:
            passed[name] += 1
            point = f"{name} #{passed[name]}"
            os.write(out, f"{point}\n".encode())
            if point == fatal:
                os.kill(os.getpid(), signal.SIGKILL)

    boundary.hook = hook


if __name__ == "__main__":
    sys.exit({"launch": launch, "nursery": nursery}[sys.argv[1]](sys.argv[2]))
