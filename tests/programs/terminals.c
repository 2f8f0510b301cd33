// Pseudo-terminals as a program makes them: opening, controlling, groups, reading with limits, hanging up.
#include "common.h"

static void tell(int signal, siginfo_t *info, void *context) { say("  signal %d code %d\n", signal, info->si_code); }

static int master, slave;
static char name[64];

static void fresh(void) {
    master = posix_openpt(O_RDWR | O_NOCTTY);
    grantpt(master);
    unlockpt(master);
    ptsname_r(master, name, sizeof name);
    slave = open(name, O_RDWR | O_NOCTTY);
}

static void raw(int min, int time) {
    struct termios t;
    tcgetattr(slave, &t);
    cfmakeraw(&t);
    t.c_cc[VMIN] = min;
    t.c_cc[VTIME] = time;
    tcsetattr(slave, TCSANOW, &t);
}

static const char *read_text(int fd, int max) {
    static char text[300], bytes[64];
    long n = read(fd, bytes, max);
    if (n < 0) return result(n);
    char *out = text + snprintf(text, 300, "%ld \"", n);
    for (int i = 0; i < n; i++) out += snprintf(out, 8, bytes[i] >= ' ' && bytes[i] < 127 ? "%c" : "\\%03o", (unsigned char)bytes[i]);
    *out++ = '"';
    *out = 0;
    return text;
}

static void put(int fd, const char *text) {
    if (write(fd, text, strlen(text)) < 0) say("  write: %s\n", result(-1));
    nap(20);
}

static const char *ready(int fd) {
    static char text[32];
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI, 0};
    poll(&p, 1, 0);
    snprintf(text, 32, "%x", p.revents);
    return text;
}

static void opening(void) {
    say("opening\n");
    master = open("/dev/ptmx", O_RDWR | O_NOCTTY);
    ptsname_r(master, name, sizeof name);
    TRY(open(name, O_RDWR | O_NOCTTY));
    TRY(open("/dev/tty", O_RDWR));
    int lock = 0;
    TRY(ioctl(master, TIOCSPTLCK, &lock));
    slave = open(name, O_RDWR | O_NOCTTY);
    TRY(isatty(master));
    TRY(isatty(slave));
    say("  name %s\n", ttyname(slave) ? ttyname(slave) : "none");
    TRY(tcgetpgrp(slave));
    TRY(tcgetpgrp(master));
    TRY(tcgetsid(slave));
    TRY(tcgetsid(master));
    TRY(tcsetpgrp(slave, getpgrp()));
    struct winsize w = {24, 80, 1, 2}, other;
    TRY(ioctl(master, TIOCSWINSZ, &w));
    TRY(ioctl(slave, TIOCGWINSZ, &other));
    say("  %d %d %d %d\n", other.ws_row, other.ws_col, other.ws_xpixel, other.ws_ypixel);
    unsigned number = 99;
    TRY(ioctl(master, TIOCGPTN, &number));
    TRY(ioctl(slave, TIOCGPTN, &number));
    say("  peer %s\n", ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY) >= 0 ? "opened" : result(-1));
    int value = 5;
    TRY(ioctl(slave, TIOCOUTQ, &value));
    say("  %d\n", value);
    TRY(ioctl(slave, TIOCGETD, &value));
    say("  %d\n", value);
    TRY(ioctl(slave, 0x5499, 0));
    TRY(tcflush(slave, 9));
    TRY(tcflow(slave, 9));
    TRY(lseek(slave, 0, SEEK_SET));
    TRY(tcdrain(slave));
    TRY(tcsendbreak(slave, 0));
}

static void reading_raw(void) {
    say("reading raw\n");
    fresh();
    raw(1, 0);
    put(master, "abc");
    say("  min 1: %s\n", read_text(slave, 10));
    raw(0, 0);
    say("  min 0, nothing: %s\n", read_text(slave, 10));
    put(master, "de");
    say("  min 0: %s\n", read_text(slave, 10));
    raw(0, 1);
    say("  time 1, nothing: %s\n", read_text(slave, 10));
    raw(3, 0);
    put(master, "xy");
    say("  min 3, two there: poll %s\n", ready(slave));
    fcntl(slave, F_SETFL, O_NONBLOCK);
    say("  non-blocking: %s\n", read_text(slave, 10));
    say("  non-blocking, nothing: %s\n", read_text(slave, 10));
    raw(0, 0);
    say("  non-blocking, min 0: %s\n", read_text(slave, 10));
    fcntl(slave, F_SETFL, 0);
    raw(5, 1);
    put(master, "12");
    say("  min 5 time 1: %s\n", read_text(slave, 10));
    raw(2, 0);
    put(master, "1");
    if (fork() == 0) { nap(100); put(master, "2"); _exit(0); }
    say("  min 2, later: %s\n", read_text(slave, 10));
    wait(0);
    put(master, "long line of many bytes");
    say("  a small buffer: %s\n", read_text(slave, 4));
    int queued = 0;
    ioctl(slave, FIONREAD, &queued);
    say("  left %d\n", queued);
    TRY(tcflush(slave, TCIFLUSH));
    ioctl(slave, FIONREAD, &queued);
    say("  left %d\n", queued);
}

static void closing(void) {
    say("closing the slave\n");
    fresh();
    say("  master %s\n", ready(master));
    put(slave, "last words");
    close(slave);
    nap(20);
    say("  closed %s\n", ready(master));
    say("  read %s\n", read_text(master, 60));
    say("  read %s\n", read_text(master, 60));
    TRY(write(master, "x", 1));
    nap(20);
    slave = open(name, O_RDWR | O_NOCTTY);
    say("  open again %s\n", ready(master));
    say("  %s\n", ready(slave));
    say("closing the master\n");
    put(master, "typed\n");
    if (fork() == 0) {
        close(master);
        nap(60);
        say("  other process %s\n", read_text(slave, 9));
        _exit(0);
    }
    nap(20);
    close(master);
    wait(0);
    struct termios t;
    int queued;
    say("  slave %s\n", ready(slave));
    say("  read %s\n", read_text(slave, 9));
    TRY(write(slave, "x", 1));
    TRY(tcgetattr(slave, &t));
    TRY(tcsetpgrp(slave, 1));
    TRY(ioctl(slave, FIONREAD, &queued));
    TRY(ioctl(slave, TIOCSCTTY, 0));
    TRY(open(name, O_RDWR));
    TRY(close(slave));
    say("closing the master under a reader\n");
    fresh();
    pid_t reader = fork();
    if (reader == 0) {
        close(master);
        say("  read %s\n", read_text(slave, 9));
        _exit(0);
    }
    nap(50);
    close(master);
    end_of(reader);
}

static void background(void) {
    struct termios t;
    struct winsize w = {9, 9, 0, 0};
    setpgid(0, 0);
    handle(SIGTTIN, 0, tell);
    handle(SIGTTOU, 0, tell);
    say("  background: read %s\n", read_text(slave, 9));
    TRY(write(slave, "b", 1));
    tcgetattr(slave, &t);
    TRY(tcsetattr(slave, TCSANOW, &t));
    TRY(tcsetattr(master, TCSANOW, &t));
    TRY(tcsetpgrp(slave, getpid()));
    TRY(tcflush(slave, TCIFLUSH));
    TRY(tcdrain(slave));
    TRY(ioctl(slave, TIOCSWINSZ, &w));
    t.c_lflag |= TOSTOP;
    signal(SIGTTOU, SIG_IGN);
    TRY(tcsetattr(slave, TCSANOW, &t));
    TRY(write(slave, "c", 1));
    handle(SIGTTOU, 0, tell);
    TRY(write(slave, "d", 1));
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTTOU);
    sigaddset(&set, SIGTTIN);
    sigprocmask(SIG_BLOCK, &set, 0);
    say("  blocked: read %s\n", read_text(slave, 9));
    TRY(write(slave, "e", 1));
    TRY(tcsetpgrp(slave, getpid()));
    TRY(tcgetpgrp(slave) == getpgrp());
    _exit(0);
}

static void orphan(void) {
    if (fork() == 0) {
        setpgid(0, 0);
        signal(SIGTTOU, SIG_DFL);
        signal(SIGTTIN, SIG_DFL);
        nap(60);
        say("  orphaned: read %s\n", read_text(slave, 9));
        TRY(tcsetpgrp(slave, getpid()));
        TRY(tcflush(slave, TCIFLUSH));
    }
    _exit(0);
}

static void lead(void) {
    TRY(ioctl(slave, TIOCSCTTY, 0));
    setsid();
    TRY(tcsetpgrp(slave, getpid()));
    TRY(ioctl(slave, TIOCSCTTY, 0));
    TRY(ioctl(slave, TIOCSCTTY, 0));
    say("  /dev/tty %s\n", open("/dev/tty", O_RDWR) >= 0 ? "opens" : result(-1));
    TRY(tcgetpgrp(slave) == getpid());
    TRY(tcgetsid(slave) == getpid());
    TRY(tcgetpgrp(master) == getpid());
    TRY(tcsetpgrp(slave, -1));
    TRY(tcsetpgrp(slave, 999999));
    TRY(tcsetpgrp(slave, 1));
    pid_t child = fork();
    if (child == 0) background();
    say("  %s\n", status_text(end_of(child)));
    handle(SIGTTOU, 0, tell);
    TRY(tcsetpgrp(slave, getpid()));
    signal(SIGTTOU, SIG_IGN);
    TRY(tcsetpgrp(slave, getpid()));
    handle(SIGINT, 0, tell);
    handle(SIGWINCH, 0, tell);
    put(master, "\003");
    struct winsize w = {50, 9, 0, 0};
    ioctl(master, TIOCSWINSZ, &w);
    nap(20);
    say("  shown %s\n", read_text(master, 60));
    char byte = 'S';
    TRY(ioctl(slave, TIOCSTI, &byte));
    byte = '\n';
    ioctl(slave, TIOCSTI, &byte);
    nap(20);
    say("  read %s\n", read_text(slave, 9));
    child = fork();
    if (child == 0) orphan();
    end_of(child);
    nap(150);
    handle(SIGHUP, 0, tell);
    handle(SIGCONT, 0, tell);
    TRY(ioctl(slave, TIOCNOTTY));
    TRY(ioctl(slave, TIOCNOTTY));
    TRY(open("/dev/tty", O_RDWR));
    TRY(tcgetpgrp(slave));
    say("  open takes it\n");
    open(name, O_RDWR);
    TRY(tcgetpgrp(slave) == getpid());
    _exit(0);
}

// Waits until all who have the pipe's other end have ended.
static void wait_for_all(int ends[2]) {
    char byte;
    close(ends[1]);
    if (read(ends[0], &byte, 1)) {}
    close(ends[0]);
}

static void job(int first, int second) {
    setpgid(0, 0);
    handle(SIGHUP, SA_RESTART, tell);
    handle(SIGCONT, SA_RESTART, tell);
    nap(first);
    TRY(open("/dev/tty", O_RDWR));
    nap(second);
    TRY(write(slave, "x", 1));
    _exit(0);
}

static pid_t put_in_foreground(int first, int second) {
    pid_t child = fork();
    if (child == 0) job(first, second);
    setpgid(child, child);
    signal(SIGTTOU, SIG_IGN);
    tcsetpgrp(slave, child);
    return child;
}

int main(void) {
    signal(SIGHUP, SIG_DFL);
    opening();
    reading_raw();
    closing();
    say("a session of its own\n");
    fresh();
    pid_t leader = fork();
    if (leader == 0) lead();
    say("  %s\n", status_text(end_of(leader)));
    TRY(tcgetsid(master));

    say("a leader that ends, its group in the foreground\n");
    int ends[2];
    if (pipe(ends)) return 1;
    leader = fork();
    if (leader == 0) {
        setsid();
        ioctl(slave, TIOCSCTTY, 0);
        put_in_foreground(150, 0);
        nap(50);
        _exit(0);
    }
    end_of(leader);
    wait_for_all(ends);

    say("a master that is closed under a session\n");
    fresh();
    if (pipe(ends)) return 1;
    leader = fork();
    if (leader == 0) {
        close(master);
        setsid();
        ioctl(slave, TIOCSCTTY, 0);
        put_in_foreground(250, 300);
        handle(SIGHUP, SA_RESTART, tell);
        handle(SIGCONT, SA_RESTART, tell);
        nap(350);
        say("  leader ends\n");
        _exit(0);
    }
    nap(80);
    close(master);
    end_of(leader);
    wait_for_all(ends);
}
