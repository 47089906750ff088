"""A fixed number of workers, and a stop that lets them finish what is in the queue."""

from __future__ import annotations

from typing import List

from genlet import END, Green, Queue, TaskGroup, run, sleep

done: List[int] = []


def worker(jobs: Queue[int]) -> Green[None]:
    """Take jobs until the queue was shut down and is empty."""
    while (job := (yield from jobs.next())) is not END:
        try:
            yield from sleep(0.001)
            if job == 3:
                raise ValueError("a bad job")
            done.append(job)
        except Exception as exc:  # one bad job is not the end of the worker
            print(f"job {job} failed: {exc}")


def main() -> Green[None]:
    """Put jobs, then let the workers finish."""
    jobs: Queue[int] = Queue(100)  # full: the producer waits
    with TaskGroup() as group:
        for _ in range(4):
            group.spawn(worker, jobs)
        for job in range(20):
            yield from jobs.put(job)
        jobs.shutdown()  # nothing more comes in; what is inside is done
        yield from group.join()
    assert sorted(done) == [job for job in range(20) if job != 3]
    print(f"{len(done)} jobs done")


if __name__ == "__main__":
    run(main)
