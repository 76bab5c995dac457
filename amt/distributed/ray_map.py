"""A map over many items on Ray Data, which survives the death of its processes."""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, TypeVar

from amt.data.workers import CrashError
from amt.distributed.cluster import Cluster, connected
from amt.distributed.tries import Tries
from amt.distributed.worker import Alive, Batch, Worker, current_folder, error_text
from amt.errors import FileWarning

T = TypeVar("T")
R = TypeVar("R")

# Called with the number of all items, once it is known.
OnTotal = Callable[[int], object]


def ray_map(
    plan: Callable[[], Sequence[Sequence[T]]],
    make: Callable[[Alive], Callable[[T], R]],
    cluster: Cluster,
    on_total: OnTotal | None = None,
) -> Generator[tuple[T, R | CrashError], None, None]:
    """Each item with its result or a CrashError, in the order of completion.

    plan: lists batches of items; it is called in a process of the cluster, so that this one keeps
    nothing of them. make: is called once in each worker process. A batch is repeated when its
    process dies, until one of its items has had all its tries: so `make`'s function may be called
    more than once for an item. Items and results are pickled by Ray. Raises ValueError for what
    `plan`, `make` or its function raise, and for errors of Ray.

    Back-pressure is that of Ray Data: few batches are read ahead of the workers.
    """
    with connected(cluster) as workers:
        import ray

        actor: Any = ray.remote(Tries)
        # Where its machine is lost, it is started anew on another and begins to count anew.
        durable = actor.options(num_cpus=0, max_restarts=-1, max_task_retries=-1)
        counter = durable.remote(cluster.timeout)
        dataset = _dataset(plan, make, cluster, counter, workers)
        results = dataset.iter_batches(batch_size=None, batch_format="pandas", prefetch_batches=1)
        announced = False
        try:
            for block in results:
                _forget_statistics(dataset)
                announced = announced or _announce(ray.get(counter.planned.remote()), on_total)
                for done in block["results"]:
                    if done.error:
                        raise ValueError(done.error)
                    yield from done.pairs
            if not announced:  # There was no item.
                _announce(ray.get(counter.planned.remote()), on_total)
        except ray.exceptions.RayError as error:
            last = str(error).strip().rpartition("\n")[2]
            raise ValueError(f"Ray ended: {type(error).__name__}: {last[:300]}") from error


def _forget_statistics(dataset: Any) -> None:
    """Drop what Ray Data notes about each batch for a report that nobody reads.

    It would take 2 kB of this process for each of perhaps millions. Ray has no setting for it.
    """
    executor = getattr(dataset, "_current_executor", None)
    for operator in list(getattr(executor, "_topology", ())):
        getattr(operator, "_output_blocks_stats", []).clear()


def _announce(planned: tuple[int | None, list[str]], on_total: OnTotal | None) -> bool:
    """Tell the number of items, and show the warnings of `plan`, once it has ended."""
    items, remarks = planned
    if items is None:
        return False
    for remark in remarks:
        warnings.warn(FileWarning(remark), stacklevel=2)
    if on_total:
        on_total(items)
    return True


def _dataset(
    plan: Callable[[], Sequence[Sequence[T]]],
    make: Callable[[Alive], Callable[[T], R]],
    cluster: Cluster,
    counter: Any,
    workers: int,
) -> Any:
    """The results, computed while they are iterated over: each row the `Results` of a batch."""
    import ray.data

    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = False
    context.print_on_execution_start = False
    # Each batch is passed on as soon as it is there.
    context.target_max_block_size = 1
    # A process may be killed while it starts, too.
    context.max_consecutive_actor_init_deaths = 10
    batches = ray.data.read_datasource(
        _datasource(plan, counter, current_folder()), override_num_blocks=1, num_cpus=0
    )
    return batches.map_batches(
        Worker,
        batch_size=None,
        batch_format="pandas",
        compute=ray.data.ActorPoolStrategy(size=workers),
        num_cpus=1,
        num_gpus=cluster.gpus,
        fn_constructor_args=(make, counter, cluster.tries, cluster.timeout, current_folder()),
    )


def _datasource(plan: Callable[[], Sequence[Sequence[T]]], counter: Any, folder: str) -> Any:
    """Ray Data's form of `plan`: one task that yields a batch when the workers want one."""
    from ray.data import Datasource, ReadTask
    from ray.data.block import BlockMetadata

    class Plan(Datasource):
        def estimate_inmemory_data_size(self) -> None:
            return None

        def get_read_tasks(self, *_: Any, **__: Any) -> list[ReadTask]:
            unknown = BlockMetadata(None, None, None, None)
            return [ReadTask(partial(_read, plan, counter, folder), unknown)]

    return Plan()


def _read(plan: Callable[[], Sequence[Sequence[T]]], counter: Any, folder: str) -> Iterator[Any]:
    """Batches as tables of one row. Ray repeats this if its process dies."""
    import pandas as pd
    import ray

    with suppress(OSError):
        os.chdir(folder)
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", FileWarning)
            batches = plan()
    except Exception as error:
        yield pd.DataFrame({"batch": [Batch(0, [], error_text(error))]})
        return
    remarks = [str(one.message) for one in caught if issubclass(one.category, FileWarning)]
    ray.get(counter.plan.remote(sum(map(len, batches)), remarks))
    for number, items in enumerate(batches):
        yield pd.DataFrame({"batch": [Batch(number, items)]})
