// What the programs share: short names and a way to say what happened.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

// From <linux/signal.h>, which does not go with <signal.h>.
#define SS_AUTODISARM (1U << 31)

// A line, written at once.
static void say(const char *format, ...) {
    char line[512];
    va_list list;
    va_start(list, format);
    int n = vsnprintf(line, sizeof line, format, list);
    va_end(list);
    if (write(1, line, n) != n) _exit(99);
}

// A call's result, or the name of its error.
static const char *result(long value) {
    static char text[4][32];
    static int next;
    char *out = text[next++ % 4];
    if (value < 0) snprintf(out, 32, "%s", strerrorname_np(errno));
    else snprintf(out, 32, "%ld", value);
    return out;
}

// A call and its result.
#define TRY(call) say("  %s: %s\n", #call, result(call))

// Writes a file at once.
static long put_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    if (fd < 0) return fd;
    long written = write(fd, text, strlen(text));
    int error = errno;
    close(fd);
    errno = error;
    return written;
}

// Shows a short file.
static void show_file(const char *path) {
    char text[4096];
    int fd = open(path, O_RDONLY);
    long n = fd < 0 ? fd : read(fd, text, sizeof text - 1);
    if (n < 0) { say("  %s: %s\n", path, result(n)); return; }
    close(fd);
    text[n] = 0;
    say("  %s:\n%s", path, text);
}

// Waits for what others do meanwhile. Whoever runs the program may grant them a multiple of the time.
static void nap(int ms) {
    const char *patience = getenv("PATIENCE");
    if (patience) ms *= atoi(patience);
    struct timespec left = {ms / 1000, ms % 1000 * 1000000L};
    while (nanosleep(&left, &left) < 0) {}
}

static void handle(int signal, int flags, void (*handler)(int, siginfo_t *, void *)) {
    struct sigaction action = {0};
    action.sa_sigaction = handler;
    action.sa_flags = flags | SA_SIGINFO;
    if (sigaction(signal, &action, 0) < 0) say("sigaction %d: %s\n", signal, result(-1));
}

// A wait status in words.
static const char *status_text(int status) {
    static char text[64];
    if (WIFEXITED(status)) snprintf(text, 64, "exited %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status)) snprintf(text, 64, "killed %d", WTERMSIG(status));
    else if (WIFSTOPPED(status)) snprintf(text, 64, "stopped %d", WSTOPSIG(status));
    else if (WIFCONTINUED(status)) snprintf(text, 64, "continued");
    else snprintf(text, 64, "status %x", status);
    return text;
}

static int end_of(pid_t child) {
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

// Runs a part in a process of its own.
static void apart(const char *what, void (*part)(void)) {
    say("%s\n", what);
    pid_t child = fork();
    if (child == 0) { part(); _exit(0); }
    int status = end_of(child);
    if (status) say("  %s\n", status_text(status));
}
