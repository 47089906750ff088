"""Three workers take jobs; a soft stop ends the taking in, and what was taken in is done."""

from typing import List

from genlet import END, Channel, Green, Receiver, Sender, Stopper, TaskGroup, run, sleep


def take_in(jobs: Sender[int], taken: List[int], stopper: Stopper) -> Green[None]:
    with jobs, stopper.region():
        number = 0
        while True:
            yield from sleep(0.001)
            yield from jobs.send(number)
            taken.append(number)
            number += 1


def work(jobs: Receiver[int], done: List[int], stopper: Stopper) -> Green[None]:
    while (job := (yield from jobs.next())) is not END:
        yield from sleep(0.003)
        done.append(job)
        if len(done) == 10:
            stopper.stop("that is enough")


def main() -> Green[None]:
    taken: List[int] = []
    done: List[int] = []
    stopper = Stopper()
    sender, receiver = Channel[int](5)
    with TaskGroup() as group:
        group.spawn(take_in, sender, taken, stopper)
        for _ in range(3):
            group.spawn(work, receiver, done, stopper)
        yield from group.join()
    print("at least ten are done:", len(done) >= 10)
    print("all that was taken in is done:", sorted(done) == taken == list(range(len(taken))))


run(main)
