/* Load for an echo server: keep ACTIVE of CONNECTIONS busy with one message after the other.
 *
 *   load PORT CONNECTIONS ACTIVE SIZE SECONDS [MESSAGE ANSWER]
 *
 * Without a MESSAGE, SIZE bytes are sent, and must come back; with one, ANSWER bytes of "HTTP/1.1 200".
 *
 * Prints "go" when every connection is open and warm, then, SECONDS later, one line: the requests
 * answered since "go", the seconds that took, and its own CPU seconds.
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

struct connection { int fd; size_t unsent, missing; };

static const char *message;
static size_t size, answer;
static int echo = 1;
static int epoll;

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec + t.tv_nsec * 1e-9;
}

static double cpu(void) {
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_utime.tv_sec + used.ru_stime.tv_sec
        + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) * 1e-6;
}

static void fail(const char *what) { perror(what); exit(1); }

static void watch(struct connection *c, int operation, unsigned events) {
    struct epoll_event event = {.events = events, .data.ptr = c};
    if (epoll_ctl(epoll, operation, c->fd, &event)) fail("epoll_ctl");
}

/* Send what is left of the message; wait for room only if there is none. */
static void push(struct connection *c) {
    while (c->unsent) {
        ssize_t sent = send(c->fd, message + size - c->unsent, c->unsent, MSG_NOSIGNAL);
        if (sent < 0) {
            if (errno != EAGAIN) fail("send");
            watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
            return;
        }
        c->unsent -= sent;
    }
}

static long serve(double seconds) {
    static char buffer[1 << 20];
    struct epoll_event events[1024];
    long answered = 0;
    for (double end = now() + seconds; now() < end;) {
        int count = epoll_wait(epoll, events, 1024, 100);
        for (int i = 0; i < count; i++) {
            struct connection *c = events[i].data.ptr;
            if (events[i].events & EPOLLOUT) {
                watch(c, EPOLL_CTL_MOD, EPOLLIN);
                push(c);
            }
            if (!(events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR))) continue;
            ssize_t got = recv(c->fd, buffer, sizeof buffer, 0);
            if (got < 0 && errno == EAGAIN) continue;
            if (got <= 0 || (size_t)got > c->missing) fail("recv: the server closed or sent too much");
            for (ssize_t k = 0; echo && k < got; k += 4096) if (buffer[k] != 'x') fail("recv: wrong bytes");
            if (!echo && c->missing == answer && strncmp(buffer, "HTTP/1.1 200", got < 12 ? got : 12))
                fail("recv: another answer");
            c->missing -= got;
            if (!c->missing) {
                answered++;
                c->missing = answer;
                c->unsent = size;
                push(c);
            }
        }
    }
    return answered;
}

int main(int argc, char **argv) {
    if (argc != 6 && argc != 8) return 2;
    int port = atoi(argv[1]), connections = atoi(argv[2]), active = atoi(argv[3]);
    size = strtoul(argv[4], NULL, 10);
    double seconds = atof(argv[5]);
    char *text = malloc(size);
    memset(text, 'x', size);
    message = text;
    answer = size;
    if (argc == 8) {
        echo = 0;
        message = argv[6];
        size = strlen(message);
        answer = strtoul(argv[7], NULL, 10);
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    epoll = epoll_create1(0);
    struct sockaddr_in server = {.sin_family = AF_INET, .sin_port = htons(port)};
    server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    struct connection *all = calloc(connections, sizeof *all);
    for (int i = 0; i < connections; i++) {
        struct connection *c = &all[i];
        c->fd = socket(AF_INET, SOCK_STREAM, 0);
        if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&server, sizeof server)) fail("connect");
        int one = 1;
        setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        fcntl(c->fd, F_SETFL, O_NONBLOCK);
        c->missing = answer;
        watch(c, EPOLL_CTL_ADD, EPOLLIN);
    }
    for (int i = 0; i < active; i++) {
        all[i].unsent = size;
        push(&all[i]);
    }
    serve(0.5);
    puts("go");
    fflush(stdout);
    double started = now(), used = cpu();
    long answered = serve(seconds);
    printf("%ld %.6f %.6f\n", answered, now() - started, cpu() - used);
    return 0;
}
