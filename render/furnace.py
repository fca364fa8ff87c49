"""MJML and inlining in a process of their own, which can be killed when it takes too long or too much.

The parsers of MJML, HTML and CSS are other people's, and what they are given is an author's. The process has
a limit on its memory, is killed when it does not answer in time, and is started again for the next template;
one process serves many templates, one after the other.
"""

from __future__ import annotations

import atexit
import contextlib
import resource
import selectors
import signal
import subprocess
import sys
import threading
import time
from typing import IO

import orjson

from mailwright.errors import RenderError
from render.kiln import Inliner

MAX_SECONDS = 60.0
"""CPU time that one template may take; a large one takes half a second."""
PATIENCE = 10
"""As many times longer may it take by the clock, on a machine that does something else."""
MAX_BYTES = 2 * 1024**3
"""Address space of the process."""

_lock = threading.Lock()
_process: subprocess.Popen[bytes] | None = None


def fire(source: str, prefix: str, inliner: Inliner, *, seconds: float = MAX_SECONDS) -> str:
    """``kiln.fire`` in the other process. Raises RenderError for what cannot be read, takes too long or too
    much memory."""
    request = orjson.dumps({"source": source, "prefix": prefix, "inliner": inliner, "seconds": seconds})
    with _lock:
        answer = _ask(request, seconds)
    if "error" in answer:
        raise RenderError(answer["error"])
    return answer["html"]


def warm(inliner: Inliner) -> None:
    """Have the process ready, its libraries read, before somebody waits for it: that takes a second."""
    with contextlib.suppress(RenderError):
        fire(_SMALLEST, "x", inliner)


_STYLE = (
    "margin: 0 auto; padding: 0 1px; width: 1px; height: auto; max-width: 1px; display: block; float: none;"
    " color: red; background: #fff; background-color: #fff; border: 0 solid #000; border-radius: 1px;"
    " border-collapse: collapse; font: 1px serif; font-family: serif; font-size: 1px; font-weight: 700;"
    " font-style: normal; line-height: 1; letter-spacing: 0; text-align: left; text-decoration: none;"
    " text-transform: none; vertical-align: top; direction: ltr; overflow: hidden; word-break: normal"
)
"""Every property that MJML writes: premailer makes what it reads each of them with when it first meets it."""
_SMALLEST = (
    f'<mjml><mj-head><mj-style inline="inline">p {{ {_STYLE} }} @media (min-width:1px) {{ p {{ {_STYLE} }} }}'
    "</mj-style></mj-head><mj-body><mj-section><mj-column>"
    f'<mj-text><p style="{_STYLE}">ready</p></mj-text></mj-column></mj-section></mj-body></mjml>'
)


def _ask(request: bytes, seconds: float) -> dict[str, str]:
    process = _running()
    if process.stdin is None or process.stdout is None:
        raise RenderError("the process that compiles templates has no pipes")
    slow = f"compiling this template took more than {seconds:g} seconds"
    try:
        _write(process.stdin, request)
        answer = _read(process.stdout, PATIENCE * seconds)
    except TimeoutError as error:
        _stop()
        raise RenderError(slow, fix="make the template smaller") from error
    except (OSError, EOFError) as error:
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(1)  # for what ended it, before it is ended
        _stop()
        if process.returncode == -signal.SIGXCPU:
            raise RenderError(slow, fix="make the template smaller") from error
        raise RenderError(
            "compiling this template ended its process: it is too deep or needs too much memory",
            fix="make the template smaller",
        ) from error
    found: dict[str, str] = orjson.loads(answer)
    return found


def _running() -> subprocess.Popen[bytes]:
    global _process
    if _process is None or _process.poll() is not None:
        _process = subprocess.Popen(
            [sys.executable, "-m", "render.furnace"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
        )
    return _process


def _environment() -> dict[str, str]:
    """The child finds the same packages as we do, and nothing else of our environment."""
    return {"PYTHONPATH": ":".join(part for part in sys.path if part), "LC_ALL": "C.UTF-8"}


@atexit.register
def _stop() -> None:
    """End the process; the next request starts another."""
    global _process
    if _process is not None:
        _process.kill()
        _process.wait()
        for pipe in (_process.stdin, _process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()
        _process = None


def _write(pipe: IO[bytes], data: bytes) -> None:
    pipe.write(len(data).to_bytes(8, "big") + data)
    pipe.flush()


def _read(pipe: IO[bytes], seconds: float | None = None) -> bytes:
    """One message, its first byte within ``seconds``. Raises EOFError when the other side is gone."""
    if seconds is not None:
        with selectors.DefaultSelector() as waiting:
            waiting.register(pipe, selectors.EVENT_READ)
            if not waiting.select(seconds):
                raise TimeoutError
    head = pipe.read(8)
    if len(head) < 8:
        raise EOFError
    return pipe.read(int.from_bytes(head, "big"))


def _serve() -> None:
    """The other process: one template after the other until the pipe closes."""
    import premailer  # noqa: F401 before the limits, which are of the work

    from render import kiln

    with contextlib.suppress(ValueError, OSError):  # a machine without this limit has the time limit left
        resource.setrlimit(resource.RLIMIT_AS, (MAX_BYTES, MAX_BYTES))
    while True:
        try:
            request = orjson.loads(_read(sys.stdin.buffer))
        except EOFError:
            return
        _allow(request["seconds"])
        try:
            answer = {"html": kiln.fire(request["source"], request["prefix"], request["inliner"])}
        except RenderError as error:
            answer = {"error": error.what}
        except (MemoryError, RecursionError) as error:
            answer = {"error": f"this template is too large to compile ({type(error).__name__})"}
        _write(sys.stdout.buffer, orjson.dumps(answer))


def _allow(seconds: float) -> None:
    """Have the system end this process when it works for longer than that from now on. Time in which it waits
    for a processor is not its own: a busy machine refuses no template."""
    with contextlib.suppress(ValueError, OSError):
        _, most = resource.getrlimit(resource.RLIMIT_CPU)
        until = int(time.process_time() + seconds) + 1
        resource.setrlimit(resource.RLIMIT_CPU, (until, most))


if __name__ == "__main__":
    _serve()
