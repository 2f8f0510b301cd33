// Terminals with more typed than they hold: who waits, what is lost, and that nothing else is.
#include "common.h"

// Whole copies of each of the texts.
#define TYPED (LENGTH(LINE) * LENGTH(BYTES) * 350)
#define LENGTH(text) (sizeof text - 1)
#define LINE "a line of the text\n"
#define BYTES "without an end "

static int master, slave;

static void fresh(int canonical) {
    char name[64];
    struct termios t;
    master = posix_openpt(O_RDWR | O_NOCTTY);
    unlockpt(master);
    ptsname_r(master, name, sizeof name);
    slave = open(name, O_RDWR | O_NOCTTY);
    tcgetattr(slave, &t);
    if (canonical) t.c_lflag &= ~ECHO;
    else cfmakeraw(&t);
    tcsetattr(slave, TCSANOW, &t);
}

static void blocking(int fd, int on) { fcntl(fd, F_SETFL, on ? 0 : O_NONBLOCK); }

static int writable(void) {
    struct pollfd p = {master, POLLOUT, 0};
    poll(&p, 1, 0);
    return p.revents;
}

// Types copies of a text without waiting, until for a while there has been no room; how many bytes were taken.
static long fill(const char *text, long most) {
    long taken = 0, length = strlen(text);
    int refused = 0;
    while (taken < most && refused < 10) {
        long n = write(master, text + taken % length, length - taken % length);
        if (n > 0) taken += n, refused = 0;
        else nap(5), refused++;
    }
    return taken;
}

// Reads until for a while nothing comes; counts bytes and what does not go on as copies of a text do.
static void empty(const char *text, long *bytes, long *wrong) {
    static char buffer[8192];
    long length = strlen(text), n;
    *bytes = *wrong = 0;
    for (int silent = 0; silent < 10;) {
        if ((n = read(slave, buffer, sizeof buffer)) <= 0) {
            nap(5), silent++;
            continue;
        }
        silent = 0;
        for (int i = 0; i < n; i++) *wrong += buffer[i] != text[(*bytes + i) % length];
        *bytes += n;
    }
}

static void fill_and_empty(const char *what, int canonical, const char *text) {
    long bytes, wrong;
    fresh(canonical);
    blocking(master, 0);
    blocking(slave, 0);
    long taken = fill(text, TYPED);
    say("%s: %s, poll %x\n", what, taken == TYPED ? "takes all" : "takes what fits", writable());
    say("  more than the discipline's buffer %d, less than 64 KiB %d\n", taken > 4096, taken < 65536);
    if (taken < TYPED) TRY(write(master, "x", 1));
    empty(text, &bytes, &wrong);
    // The beginning of a line is not given out.
    long whole = canonical ? taken - taken % strlen(text) : taken;
    say("  read %s, wrong %ld, poll %x\n", bytes == whole ? "all" : result(bytes), wrong, writable());
}

static void unfinished(void) {
    static char buffer[8192];
    fresh(1);
    blocking(master, 0);
    blocking(slave, 0);
    long taken = fill("0123456789", TYPED);
    say("a line without an end: takes %ld, poll %x\n", taken, writable());
    nap(20);
    TRY(read(slave, buffer, sizeof buffer));
    TRY(write(master, "Z\n", 2));
    nap(20);
    long n = read(slave, buffer, sizeof buffer);
    say("  with its end: %ld, %.4s...%.3s\n", n, buffer, n > 3 ? buffer + n - 3 : "");
    TRY(read(slave, buffer, sizeof buffer));
}

static void pause_for(int signal, siginfo_t *info, void *context) {}

// A writer that waits: its call ends when all was taken, or with a signal.
static void waiting(int canonical, int piece, const char *text) {
    static char typed[TYPED], buffer[8192];
    long length = strlen(text), total = 0, wrong = 0, n;
    for (long i = 0; i < TYPED; i++) typed[i] = text[i % length];
    fresh(canonical);
    pid_t child = fork();
    if (child == 0) {
        n = write(master, typed, TYPED);
        say("  written %s\n", result(n));
        _exit(0);
    }
    nap(50);
    while (total < TYPED && (n = read(slave, buffer, piece)) > 0) {
        for (int i = 0; i < n; i++) wrong += buffer[i] != text[(total + i) % length];
        total += n;
    }
    end_of(child);
    say("  read %ld, wrong %ld\n", total, wrong);
}

static void interrupted(int flags) {
    static char typed[TYPED];
    memset(typed, '\n', TYPED);
    fresh(0);
    pid_t child = fork();
    if (child == 0) {
        handle(SIGUSR1, flags, pause_for);
        long n = write(master, typed, TYPED);
        say("  first %s\n", n > 4096 && n < 65536 ? "what fitted" : result(n));
        n = write(master, typed, TYPED);
        say("  then %s\n", result(n));
        _exit(0);
    }
    nap(100);
    kill(child, SIGUSR1);
    nap(100);
    if (flags & SA_RESTART) kill(child, SIGKILL);
    else kill(child, SIGUSR1);
    say("  %s\n", status_text(end_of(child)));
}

int main(void) {
    fill_and_empty("lines", 1, LINE);
    fill_and_empty("raw lines", 0, LINE);
    fill_and_empty("raw bytes", 0, BYTES);
    unfinished();
    say("a writer waits, lines\n");
    waiting(1, 8192, LINE);
    say("a writer waits, raw, small reads\n");
    waiting(0, 100, BYTES);
    say("interrupted\n");
    interrupted(0);
    say("interrupted, to be restarted\n");
    interrupted(SA_RESTART);
}
