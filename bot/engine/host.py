"""The web process's side of the engine: supervised worker processes.

Each worker is a spawned process that builds an engine once and then computes turns. One that
hangs for longer than the limit or dies is killed and replaced; its turn fails and is tried
again behind all others (design decision 4). This module never imports Rasa.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any, Protocol

import msgspec
import structlog

from bot.dialogue.turn import TurnRequest, TurnResult
from bot.errors import EngineError
from bot.killpoints import reach

log = structlog.get_logger(__name__)

RESTART_DELAY_SECONDS = 1.0
_built: dict[str, TurnComputer] = {}  # in a worker: the engine it built


class TurnComputer(Protocol):
    """What a worker builds: an engine that computes one turn at a time."""

    model_id: str

    def turn(self, request: TurnRequest) -> TurnResult:
        """Compute one turn; raise on failure."""


@dataclass(order=True)
class _Job:
    attempt: int
    order: int
    payload: bytes = field(compare=False)
    future: asyncio.Future[TurnResult] = field(compare=False)


class EngineHost:
    """Keeps workers alive and gives them turns, first attempts first."""

    def __init__(
        self, factory: str, config: dict[str, Any], *, workers: int, timeout_seconds: float
    ) -> None:
        """Prepare; nothing is started yet.

        Args:
            factory: "module:function"; called in the worker with `config`, returns the engine.
            config: plain values for the factory.
        """
        self._factory = factory
        self._config = config
        self._worker_count = workers
        self._timeout_seconds = timeout_seconds
        self._jobs: asyncio.PriorityQueue[_Job] = asyncio.PriorityQueue()
        self._order = itertools.count()
        self._tasks: list[asyncio.Task[None]] = []
        self._workers: dict[int, _Worker] = {}
        self._is_closed = False

    def start(self) -> None:
        """Start the workers; they become ready by themselves."""
        for slot in range(self._worker_count):
            self._tasks.append(asyncio.create_task(self._serve(slot)))

    def is_ready(self) -> bool:
        """Tell whether at least one worker would compute a turn now."""
        return bool(self._workers)

    async def wait_until_ready(self) -> None:
        """Return when the first worker is ready."""
        while not self._workers:
            await asyncio.sleep(0.05)

    def pids(self) -> list[int]:
        """Return the process ids of the live workers."""
        return [worker.pid for worker in self._workers.values()]

    async def turn(self, request: TurnRequest, attempt: int) -> TurnResult:
        """Compute one turn in a worker.

        Raises:
            EngineError: it failed, hung, died or returned nonsense.
        """
        if self._is_closed:
            raise EngineError("the engine was stopped")
        payload = msgspec.msgpack.encode(request)
        future: asyncio.Future[TurnResult] = asyncio.get_running_loop().create_future()
        self._jobs.put_nowait(_Job(attempt, next(self._order), payload, future))
        return await future

    async def close(self) -> None:
        """End all workers; leave no child behind."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._is_closed = True
        while not self._jobs.empty():
            _fail(self._jobs.get_nowait(), "the engine was stopped")

    async def _serve(self, slot: int) -> None:
        worker = None
        try:
            while True:
                worker = await self._start_worker()
                self._workers[slot] = worker
                await self._feed(worker)
                self._workers.pop(slot, None)
                worker.end()
        finally:
            self._workers.pop(slot, None)
            if worker is not None:
                worker.end()

    async def _start_worker(self) -> _Worker:
        while True:
            worker = _Worker(self._factory, self._config)
            try:
                await worker.start()
            except BrokenProcessPool:
                log.error("engine.worker_did_not_start", factory=self._factory)
                worker.end()
                await asyncio.sleep(RESTART_DELAY_SECONDS)
            except BaseException:
                worker.end()
                raise
            else:
                log.info("engine.worker_ready", pid=worker.pid)
                return worker

    async def _feed(self, worker: _Worker) -> None:
        """Give jobs to a worker until it hangs or dies."""
        while True:
            next_job = asyncio.ensure_future(self._jobs.get())
            died = asyncio.ensure_future(worker.wait_for_death())
            done, _ = await asyncio.wait({next_job, died}, return_when=asyncio.FIRST_COMPLETED)
            died.cancel()
            if next_job not in done:
                next_job.cancel()
                log.error("engine.worker_died", pid=worker.pid)
                return
            if not await self._do(worker, next_job.result()):
                return

    async def _do(self, worker: _Worker, job: _Job) -> bool:
        """Compute one job; return whether the worker lives on."""
        try:
            raw = await asyncio.wait_for(worker.compute(job.payload), self._timeout_seconds)
            result = msgspec.msgpack.decode(raw, type=TurnResult)
        except asyncio.TimeoutError:
            log.error("engine.worker_hung", pid=worker.pid)
            _fail(job, f"no answer within {self._timeout_seconds:g} s")
            return False
        except BrokenProcessPool:
            log.error("engine.worker_died", pid=worker.pid)
            _fail(job, "the worker process died")
            return False
        except (msgspec.MsgspecError, TypeError) as error:
            _fail(job, f"the worker returned nonsense: {error}")
        except asyncio.CancelledError:
            _fail(job, "the engine was stopped")
            raise
        except Exception as error:  # whatever the engine raised in the worker
            _fail(job, f"{type(error).__name__}: {error}")
        else:
            if not job.future.done():
                job.future.set_result(result)
        return True


def _fail(job: _Job, reason: str) -> None:
    if not job.future.done():
        job.future.set_exception(EngineError(reason))


class _Worker:
    """One spawned process that computes turns."""

    def __init__(self, factory: str, config: dict[str, Any]) -> None:
        self._pool = ProcessPoolExecutor(
            1,
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_initialise,
            initargs=(factory, config),
        )
        self.pid = 0
        self.model_id = ""

    async def start(self) -> None:
        """Start the process and build its engine."""
        self.pid, self.model_id = await asyncio.wrap_future(self._pool.submit(_introduce))

    def compute(self, payload: bytes) -> asyncio.Future[Any]:
        return asyncio.wrap_future(self._pool.submit(_compute, payload))

    async def wait_for_death(self) -> None:
        """Return when the process has ended, however that came."""
        process = (self._pool._processes or {}).get(self.pid)
        if process is None:
            return
        loop = asyncio.get_running_loop()
        ended = asyncio.Event()
        loop.add_reader(process.sentinel, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(process.sentinel)

    def end(self) -> None:
        """Kill the process at once."""
        for process in list((self._pool._processes or {}).values()):
            process.kill()
            process.join()
        self._pool.shutdown(wait=False, cancel_futures=True)


def _initialise(factory: str, config: dict[str, Any]) -> None:
    """Build the worker's engine (runs in the worker)."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    if parent is not None:
        threading.Thread(target=_end_with, args=(parent.join,), daemon=True).start()
    module, _, name = factory.partition(":")
    _built["engine"] = getattr(importlib.import_module(module), name)(config)


def _introduce() -> tuple[int, str]:
    """Return this process's id and its model's (runs in the worker)."""
    return os.getpid(), _built["engine"].model_id


def _end_with(wait: Callable[[], None]) -> None:
    """End this process when its parent has ended, however that came."""
    wait()
    os._exit(1)


def _compute(payload: bytes) -> bytes:
    """Compute one turn (runs in the worker)."""
    request = msgspec.msgpack.decode(payload, type=TurnRequest)
    reach("engine_received")
    try:
        result = msgspec.msgpack.encode(_built["engine"].turn(request))
    except Exception as error:  # some exceptions cannot cross the process border
        raise EngineError(f"{type(error).__name__}: {error}") from None
    reach("engine_computed")
    return result
