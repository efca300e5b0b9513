"""Forks and the locks of the compiler: the child can use them, and no Ctrl-C is lost."""

import os
import sys

import pytest
from processes import run

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")

SCRIPT = """
import os, signal, threading, time, warnings
from nbtrain.compiler import locks
warnings.simplefilter("ignore")  # Python warns of forks with threads


class Noting:
    def __init__(self):
        self.lock, self.asked = threading.Lock(), 0

    def acquire(self, timeout=-1):
        self.asked += 1
        return self.lock.acquire(timeout=timeout)

    def release(self):
        self.lock.release()

    def _at_fork_reinit(self):
        self.lock._at_fork_reinit()


lock, held, end = Noting(), threading.Event(), threading.Event()
locks.held_across_forks(lock)


def hold():
    with lock.lock:
        held.set()
        end.wait()


def until_asked(times):
    while lock.asked < times:
        time.sleep(0.001)


holder = threading.Thread(target=hold)
holder.start()
held.wait()
CASE
"""

INTERRUPTED = """
def interrupt():
    until_asked(1)
    os.kill(os.getpid(), signal.SIGINT)
    until_asked(lock.asked + 3)  # the fork goes on waiting
    end.set()

threading.Thread(target=interrupt).start()
try:
    child = os.fork()
    if child == 0:
        os._exit(not lock.lock.acquire(timeout=1))
    while True:
        time.sleep(0.01)
except KeyboardInterrupt:
    holder.join()
    print("interrupted", os.waitpid(child, 0)[1], lock.lock.acquire(blocking=False))
"""

TOO_LONG = """
locks.PATIENCE = 0.2
child = os.fork()
if child == 0:
    os._exit(not lock.lock.acquire(timeout=1))
print(os.waitpid(child, 0)[1], lock.lock.locked())
end.set()
holder.join()
"""


def test_a_ctrl_c_while_a_fork_waits_is_raised_after_it_and_the_child_has_a_free_lock():
    done = run([sys.executable, "-c", SCRIPT.replace("CASE", INTERRUPTED)])
    assert (done.stdout, done.stderr) == ("interrupted 0 True\n", "")


def test_a_fork_does_not_wait_for_ever_and_the_child_has_a_free_lock():
    done = run([sys.executable, "-c", SCRIPT.replace("CASE", TOO_LONG)])
    assert (done.stdout, done.stderr) == ("0 True\n", "")
