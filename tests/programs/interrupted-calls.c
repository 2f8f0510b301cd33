// Calls that wait, when a handler runs with and without SA_RESTART, and when the process is stopped and continued.
#include "common.h"

static volatile int caught;
static void count(int signal, siginfo_t *info, void *context) { caught++; }

static int pipe_ends[2], sockets[2], listener, epoll, lock_fd, child_fd[2];
static pid_t sleeper;

static long read_pipe(void) { char b; return read(pipe_ends[0], &b, 1); }
static long write_pipe(void) {
    static char big[70000];
    return write(pipe_ends[1], big, sizeof big);
}
static long recv_socket(void) { char b; return recv(sockets[0], &b, 1, 0); }
static long accept_socket(void) { return accept(listener, 0, 0); }
static long poll_pipe(void) { struct pollfd p = {pipe_ends[0], POLLIN, 0}; return poll(&p, 1, 400); }
static long ppoll_pipe(void) {
    struct pollfd p = {pipe_ends[0], POLLIN, 0};
    struct timespec t = {0, 400000000};
    return ppoll(&p, 1, &t, 0);
}
static long select_pipe(void) {
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipe_ends[0], &set);
    struct timeval t = {0, 400000};
    return select(pipe_ends[0] + 1, &set, 0, 0, &t);
}
static long epoll_pipe(void) { struct epoll_event e; return epoll_wait(epoll, &e, 1, 400); }
static long sleep_nano(void) {
    struct timespec t = {0, 400000000}, left = {9, 9};
    long r = nanosleep(&t, &left);
    if (r < 0) say("  left %s\n", left.tv_sec == 0 && left.tv_nsec > 0 && left.tv_nsec < 400000000 ? "some" : "wrong");
    return r;
}
static long sleep_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += 400000000;
    if (t.tv_nsec >= 1000000000) { t.tv_sec++; t.tv_nsec -= 1000000000; }
    int r = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, 0);
    errno = r;
    return r ? -1 : 0;
}
static long wait_child(void) { return waitpid(sleeper, 0, 0) > 0 ? 1 : -1; }
static long waitid_child(void) { siginfo_t i; return waitid(P_PID, sleeper, &i, WEXITED); }
static long suspend(void) { sigset_t none; sigemptyset(&none); return sigsuspend(&none); }
static long pause_it(void) { return pause(); }
static long timedwait(void) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    struct timespec t = {0, 400000000};
    return sigtimedwait(&set, 0, &t);
}
static long flock_it(void) { return flock(lock_fd, LOCK_EX); }
static long setlkw(void) {
    struct flock l = {F_WRLCK, SEEK_SET, 0, 0, 0};
    return fcntl(lock_fd, F_SETLKW, &l);
}
static long open_fifo(void) { return open("fifo", O_RDONLY); }
static long futex_wait(void) {
    static int word;
    struct timespec t = {0, 400000000};
    return syscall(SYS_futex, &word, 0, 0, &t, 0, 0);
}

// How the call ends without a signal, where it does not end by its own time.
static void feed(int which) {
    char big[70000];
    switch (which) {
    case 1: if (write(pipe_ends[1], "x", 1)) {} break;
    case 2: if (read(pipe_ends[0], big, sizeof big)) {} break;
    case 3: if (write(sockets[1], "x", 1)) {} break;
    case 4: {
        int s = socket(AF_UNIX, SOCK_STREAM, 0);
        struct sockaddr_un a = {AF_UNIX, "listener"};
        if (connect(s, (void *)&a, sizeof a)) {}
        nap(100);
        close(s);
        break;
    }
    case 5: flock(lock_fd, LOCK_UN); break;
    case 6: { struct flock l = {F_UNLCK, SEEK_SET, 0, 0, 0}; fcntl(lock_fd, F_SETLK, &l); break; }
    case 7: { int f = open("fifo", O_WRONLY | O_NONBLOCK); nap(50); close(f); break; }
    }
}

static const struct { const char *name; long (*call)(void); int feed; } calls[] = {
    {"read", read_pipe, 1}, {"write", write_pipe, 2}, {"recv", recv_socket, 3}, {"accept", accept_socket, 4},
    {"poll", poll_pipe, 0}, {"ppoll", ppoll_pipe, 0}, {"select", select_pipe, 0}, {"epoll_wait", epoll_pipe, 0},
    {"nanosleep", sleep_nano, 0}, {"clock_nanosleep", sleep_clock, 0}, {"waitpid", wait_child, 0},
    {"waitid", waitid_child, 0}, {"sigtimedwait", timedwait, 0}, {"flock", flock_it, 5}, {"F_SETLKW", setlkw, 6},
    {"open fifo", open_fifo, 7}, {"futex", futex_wait, 0}, {"sigsuspend", suspend, 0}, {"pause", pause_it, 0},
};

// The call in a child; what is done to it meanwhile; how it ended.
static void attempt(int at, int flags, int stop) {
    if (pipe(pipe_ends) || socketpair(AF_UNIX, SOCK_STREAM, 0, sockets)) exit(98);
    listener = socket(AF_UNIX, SOCK_STREAM, 0);
    struct sockaddr_un address = {AF_UNIX, "listener"};
    unlink("listener");
    if (bind(listener, (void *)&address, sizeof address) || listen(listener, 1)) exit(98);
    epoll = epoll_create1(0);
    struct epoll_event event = {EPOLLIN};
    epoll_ctl(epoll, EPOLL_CTL_ADD, pipe_ends[0], &event);
    lock_fd = open("lock", O_RDWR | O_CREAT, 0600);
    if (calls[at].feed == 5) flock(lock_fd, LOCK_EX);
    struct flock l = {F_WRLCK, SEEK_SET, 0, 0, 0};
    if (calls[at].feed == 6) fcntl(lock_fd, F_SETLK, &l);
    pid_t child = fork();
    if (child == 0) {
        close(lock_fd);
        lock_fd = open("lock", O_RDWR);
        sleeper = fork();
        if (sleeper == 0) { nap(400); _exit(0); }
        caught = 0;
        handle(SIGUSR1, flags, count);
        long r = calls[at].call();
        const char *text = result(r > 2 ? 3 : r);
        say("  %s, caught %d\n", text, caught);
        kill(sleeper, SIGKILL);
        _exit(0);
    }
    nap(100);
    if (stop) {
        kill(child, SIGSTOP);
        nap(30);
        kill(child, SIGCONT);
    } else {
        kill(child, SIGUSR1);
    }
    nap(50);
    feed(calls[at].feed);
    nap(400);
    kill(child, SIGUSR1);
    say("  %s\n", status_text(end_of(child)));
    close(pipe_ends[0]); close(pipe_ends[1]); close(sockets[0]); close(sockets[1]);
    close(listener); close(epoll); close(lock_fd);
}

int main(void) {
    mkfifo("fifo", 0600);
    for (unsigned at = 0; at < sizeof calls / sizeof *calls; at++) {
        say("%s, a handler:\n", calls[at].name);
        attempt(at, 0, 0);
        say("%s, a handler with SA_RESTART:\n", calls[at].name);
        attempt(at, SA_RESTART, 0);
        say("%s, stopped and continued:\n", calls[at].name);
        attempt(at, 0, 1);
    }
}
