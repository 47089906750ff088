"""The calls of the standard library that block, and what to write in a green function instead."""

from __future__ import annotations

from typing import Dict, Optional, Tuple

__all__ = ["CONSTRUCTORS", "blocking"]

IN_A_THREAD = "yield from tpool.execute({name}, ...)"
SOCKET = "a socket of genlet.green.socket: 'yield from sock.{last}(...)'"
QUEUE = "genlet.Queue: 'yield from queue.{last}(...)'"
LOCK = "genlet.{of}: 'yield from {low}.{last}(...)'"

# (module or class, names, code, what to write); {name} is the full name, {last} its last part, {of}
# the class of a method.
_TABLE: Tuple[Tuple[str, str, str, str], ...] = (
    ("time", "sleep", "GL301", "yield from genlet.sleep(...)"),
    ("builtins", "input", "GL301", IN_A_THREAD),
    ("getpass", "getpass", "GL301", IN_A_THREAD),
    ("fcntl", "flock lockf", "GL301", IN_A_THREAD),
    ("signal", "pause sigwait sigwaitinfo sigtimedwait", "GL301", IN_A_THREAD),
    (
        "socket",
        "create_connection",
        "GL302",
        "a socket of genlet.green.socket: 'yield from sock.connect(...)'",
    ),
    (
        "socket",
        "getaddrinfo gethostbyname gethostbyname_ex gethostbyaddr getnameinfo getfqdn",
        "GL302",
        IN_A_THREAD,
    ),
    (
        "socket.socket",
        "accept connect connect_ex recv recv_into recvfrom recvfrom_into recvmsg send sendall"
        " sendto sendmsg sendfile",
        "GL302",
        SOCKET,
    ),
    (
        "ssl.SSLSocket",
        "accept connect recv recv_into read write send sendall do_handshake unwrap",
        "GL302",
        IN_A_THREAD,
    ),
    ("ssl", "get_server_certificate", "GL302", IN_A_THREAD),
    ("requests", "get post put patch delete head options request", "GL303", IN_A_THREAD),
    (
        "requests.Session",
        "get post put patch delete head options request send",
        "GL303",
        IN_A_THREAD,
    ),
    ("httpx", "get post put patch delete head options request stream", "GL303", IN_A_THREAD),
    ("urllib.request", "urlopen urlretrieve", "GL303", IN_A_THREAD),
    ("http.client.HTTPConnection", "request getresponse connect", "GL303", IN_A_THREAD),
    ("http.client.HTTPSConnection", "request getresponse connect", "GL303", IN_A_THREAD),
    ("ftplib", "FTP FTP_TLS", "GL303", IN_A_THREAD),
    ("smtplib", "SMTP SMTP_SSL", "GL303", IN_A_THREAD),
    ("imaplib", "IMAP4 IMAP4_SSL", "GL303", IN_A_THREAD),
    ("poplib", "POP3 POP3_SSL", "GL303", IN_A_THREAD),
    (
        "subprocess",
        "run call check_call check_output getoutput getstatusoutput",
        "GL304",
        IN_A_THREAD,
    ),
    ("subprocess.Popen", "wait communicate", "GL304", IN_A_THREAD),
    ("os", "system wait wait3 wait4 waitpid waitid spawnv spawnl", "GL304", IN_A_THREAD),
    ("pty", "spawn", "GL304", IN_A_THREAD),
    ("multiprocessing.Process", "join", "GL304", IN_A_THREAD),
    ("threading.Lock", "acquire", "GL305", LOCK),
    ("threading.RLock", "acquire", "GL305", LOCK),
    ("threading.Semaphore", "acquire", "GL305", LOCK),
    ("threading.BoundedSemaphore", "acquire", "GL305", LOCK),
    ("threading.Condition", "acquire wait wait_for", "GL305", LOCK),
    ("threading.Event", "wait", "GL305", LOCK),
    ("threading.Barrier", "wait", "GL305", LOCK),
    ("threading.Thread", "join", "GL305", "yield from tpool.execute(fn, ...)"),
    ("queue.Queue", "get put join", "GL305", QUEUE),
    ("queue.LifoQueue", "get put join", "GL305", QUEUE),
    ("queue.PriorityQueue", "get put join", "GL305", QUEUE),
    ("queue.SimpleQueue", "get", "GL305", QUEUE),
    ("multiprocessing.Queue", "get put", "GL305", IN_A_THREAD),
    (
        "concurrent.futures.Future",
        "result exception",
        "GL305",
        "yield from tpool.execute(fn, ...)",
    ),
    ("concurrent.futures", "wait", "GL305", IN_A_THREAD),
    (
        "select",
        "select",
        "GL306",
        "yield from genlet.trampoline(fd, read=True)",
    ),
    ("select.poll", "poll", "GL306", "yield from genlet.trampoline(fd, read=True)"),
    ("select.epoll", "poll", "GL306", "yield from genlet.trampoline(fd, read=True)"),
    ("select.kqueue", "control", "GL306", "yield from genlet.trampoline(fd, read=True)"),
    (
        "selectors.DefaultSelector",
        "select",
        "GL306",
        "yield from genlet.trampoline(fd, read=True)",
    ),
)

BLOCKING: Dict[str, Tuple[str, str]] = {
    f"{module}.{name}": (code, instead)
    for module, names, code, instead in _TABLE
    for name in names.split()
}

# Calls that give an object of another class than their name says.
CONSTRUCTORS: Dict[str, str] = {
    "socket.create_server": "socket.socket",
    "socket.create_connection": "socket.socket",
    "socket.fromfd": "socket.socket",
    "requests.session": "requests.Session",
    "multiprocessing.JoinableQueue": "multiprocessing.Queue",
    "_thread.allocate_lock": "threading.Lock",
    "select.devpoll": "select.poll",
}


def blocking(name: str) -> Optional[Tuple[str, str]]:
    """Return the code and the advice if the function with the full name *name* blocks, else None."""
    found = BLOCKING.get(name)
    if found is None:
        return None
    code, instead = found
    of, _, last = name.rpartition(".")
    of = of.rpartition(".")[2]
    return code, instead.format(name=name, last=last, of=of, low=of.lower())
