#!/usr/bin/env python3
"""The core has no I/O, clock, thread, environment, randomness or log: its undefined symbols are looked at.

    purity_test.py CORE_LIBRARY OFFENDER_LIBRARY

The second library does all that the first must not; the test fails unless each kind is found there.
"""
import re
import subprocess
import sys

# What a line of `nm -uC` may not name. fprintf and abort are allowed: a broken invariant says so before it ends.
FORBIDDEN = {
    "a socket": r"socket|socketpair|bind|connect|accept4?|listen|sendto|sendm?msg|send|recvfrom|recvm?msg|recv|"
                r"getaddrinfo|gethostby\w+|getifaddrs|setsockopt|zmq_\w+|ares_\w+",
    "waiting": r"p?poll|p?select|epoll_\w+|eventfd|sleep|usleep|nanosleep|clock_nanosleep|timerfd_\w+",
    "a clock": r"clock_gettime|gettimeofday|time|clock|localtime(_r)?|gmtime(_r)?|"
               r"std::chrono::(_V2::)?(steady|system)_clock::now",
    "the environment": r"(secure_)?getenv|setenv|putenv|environ|gethostname|uname",
    "randomness": r"s?rand|s?random|rand_r|[dlm]rand48|getrandom|getentropy|arc4random\w*|std::random_device",
    "a thread": r"pthread_(create|join|mutex|cond|rwlock|detach)\w*|sem_\w+|std::thread|std::condition_variable|"
                r"std::__basic_future|std::this_thread",
    "a file": r"open(at)?(64)?|creat|f(re|d)?open(64)?|read|write|fread|close|mkstemp|unlink|"
              r"std::(__cxx11::)?basic_([io]?fstream|filebuf)|std::filesystem",
    "a log": r"v?printf|puts|putchar|fputs|fwrite|v?syslog|std::cout|std::cerr|std::clog|std::basic_ostream",
    "a process": r"fork|vfork|exec\w+|posix_spawn\w*|system|kill|raise|signal|sigaction|getpid",
}


def offences(library):
    """[(kind, object file, symbol)]. Symbols without a definition that the linker would have to find elsewhere."""
    listed = subprocess.run(["nm", "-uCA", library], check=True, capture_output=True, text=True).stdout
    found = []
    for line in listed.splitlines():
        match = re.match(r"[^:]*:([^:]+):\s+U (.+)$", line)
        if not match:
            continue
        where, symbol = match[1], match[2].split("@")[0]
        for kind, pattern in FORBIDDEN.items():
            # A whole C name, or a C++ name with its members and arguments after it.
            if re.match(rf"({pattern})($|[(<:])", symbol):
                found.append((kind, where, symbol))
    return found


def main(core, offender):
    kinds = {kind for kind, _, _ in offences(offender)}
    blind = sorted(set(FORBIDDEN) - kinds)
    if blind:
        print("purity: the planted offender was not caught at: " + ", ".join(blind))
        return 1
    bad = offences(core)
    for kind, where, symbol in bad:
        print(f"purity: {where} uses {kind}: {symbol}. The core takes it as an argument and hands back an action.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
