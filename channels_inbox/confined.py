"""Decides how much a single message may cost: parsing has a CPU and memory cap, and a second try runs apart.

Small first attempts run in this process under a CPU timer and a memory limit that ends with them. Large messages,
and any message whose earlier attempt did not come back, are parsed in a forked child with hard limits, so that the
queue behind goes on (A22).
"""

import json
import multiprocessing
import os
import pickle  # only between this process and its own fork, never from outside
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from multiprocessing.connection import Connection

from django.conf import settings

from channels_inbox.adapters.base import Adapter, DeliveryReceipt, ParsedMessage
from channels_inbox.whole_mail import WholeMail

CPU_SECONDS = 5
MEMORY_BYTES = 512 * 1024 * 1024
ISOLATE_ABOVE_BYTES = 3 * 1024 * 1024
Parsed = ParsedMessage | DeliveryReceipt
_places = threading.BoundedSemaphore(2)


class ParseTooExpensive(BaseException):
    """The message needed more CPU time or memory than one message may have.

    Not an `Exception`: a parser that lives with every oddity (`except Exception`) must not live with this one.
    """


def parse_confined(adapter: Adapter, payload: bytes, *, isolated: bool = False) -> Parsed:
    """Return `adapter.parse(payload)` within 5 s of CPU and 512 MB of extra memory.

    Raises `ParseTooExpensive` when a cap bites, else whatever the parser raises.
    """
    if isolated or len(payload) > ISOLATE_ABOVE_BYTES:
        return _parse_in_child(adapter, payload)
    with cpu_limit(CPU_SECONDS), memory_limit(MEMORY_BYTES):
        return adapter.parse(payload)


def look_apart(raw: bytes, *, cid_urls: Mapping[str, str]) -> WholeMail:
    """Return what is shown of a whole mail, read by a program of its own within the same caps (A22).

    For the web server: its threads have no timer, and may not fork. At most two run at once. Raises
    `ParseTooExpensive` when a cap bites, or no place came free in time.
    """
    limits = {"cpu": CPU_SECONDS, "memory": MEMORY_BYTES, "cid_urls": dict(cid_urls)}
    if not _places.acquire(timeout=CPU_SECONDS * 2):
        raise ParseTooExpensive("other mails are being read")
    try:
        done = subprocess.run(  # our own interpreter and module; the mail comes by the pipe
            [sys.executable, "-m", "channels_inbox.whole_mail"],
            input=json.dumps(limits).encode() + b"\n" + raw,
            cwd=settings.BASE_DIR,
            env={"PATH": os.defpath, "PYTHONUTF8": "1"},
            capture_output=True,
            timeout=CPU_SECONDS * 4,
            check=True,
        )
    except subprocess.SubprocessError as error:
        raise ParseTooExpensive(f"not read within the limits: {type(error).__name__}") from None
    finally:
        _places.release()
    return WholeMail(**json.loads(done.stdout))


@contextmanager
def cpu_limit(seconds: float) -> Iterator[None]:
    """Interrupt the block after `seconds` of CPU time (main thread only; elsewhere the task limit holds)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise ParseTooExpensive(f"more than {seconds} s of CPU time")

    previous = signal.signal(signal.SIGVTALRM, stop)
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, previous)


@contextmanager
def memory_limit(extra: int) -> Iterator[None]:
    """Refuse the block more than `extra` bytes of address space beyond what is in use (main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    wanted = _address_space() + extra
    resource.setrlimit(resource.RLIMIT_AS, (wanted if soft < 0 else min(wanted, soft), hard))
    try:
        yield
    except MemoryError as error:
        raise ParseTooExpensive(f"more than {extra} bytes of memory") from error
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def _parse_in_child(adapter: Adapter, payload: bytes) -> Parsed:
    context = multiprocessing.get_context("fork")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(theirs, adapter, payload))
    # A Celery worker's children are daemonic and may not have children of their own; this one is bounded.
    process._config = {**getattr(process, "_config", {}), "daemon": False}  # type: ignore[attr-defined]  # multiprocessing names no public way
    with _may_fork():
        process.start()
    theirs.close()
    try:
        answer = ours.recv_bytes() if ours.poll(CPU_SECONDS * 4) else b""
    except EOFError:
        answer = b""
    finally:
        process.kill()
        process.join()
        ours.close()
    if not answer:
        raise ParseTooExpensive("stopped at the CPU or memory limit")
    result = pickle.loads(answer)  # noqa: S301
    if isinstance(result, BaseException):
        raise result
    return result


@contextmanager
def _may_fork() -> Iterator[None]:
    current = multiprocessing.current_process()
    was_daemon = current._config.get("daemon")  # type: ignore[attr-defined]  # multiprocessing names no public way
    current._config["daemon"] = False  # type: ignore[attr-defined]  # multiprocessing names no public way
    try:
        yield
    finally:
        current._config["daemon"] = was_daemon  # type: ignore[attr-defined]  # multiprocessing names no public way


def _child(pipe: Connection, adapter: Adapter, payload: bytes) -> None:
    used = _address_space()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY_BYTES, used + MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS + 1))
    try:
        answer = pickle.dumps(adapter.parse(payload))
    except MemoryError:
        answer = b""
    except Exception as error:
        answer = pickle.dumps(RuntimeError(f"{type(error).__name__}: {error}"))
    pipe.send_bytes(answer)
    pipe.close()


def _address_space() -> int:
    with open("/proc/self/statm", "rb", buffering=0) as statm:  # asked for every message
        return int(statm.read().split()[0]) * resource.getpagesize()
