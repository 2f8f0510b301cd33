// Process groups and sessions: who may move where; groups without a parent outside.
#include "common.h"

static void tell(int signal, siginfo_t *info, void *context) { say("  signal %d code %d\n", signal, info->si_code); }

int main(int argc, char **argv) {
    if (argc > 1) { nap(100); return 0; }
    if (getpid() == 1 || getpgrp() == getpid()) {
        pid_t inner = fork();
        if (inner) return WEXITSTATUS(end_of(inner));
    }
    say("setsid %s\n", setsid() == getpid() ? "own" : result(-1));
    TRY(setsid());
    TRY(setpgid(0, 0));
    pid_t child = fork();
    if (child == 0) { for (;;) pause(); }
    TRY(setpgid(child, -1));
    TRY(setpgid(999999, 0));
    TRY(setpgid(child, 999999));
    TRY(setpgid(child, child));
    TRY(setpgid(child, getpid()));
    TRY(setpgid(1, 1));
    TRY(getpgid(999999));
    TRY(getsid(999999));
    TRY(getpgid(child) == getpgrp());
    TRY(getsid(child) == getsid(0));
    kill(child, SIGKILL);
    end_of(child);
    child = fork();
    if (child == 0) { execl("/proc/self/exe", "self", "x", (char *)0); _exit(1); }
    nap(40);
    say("after execve %s\n", result(setpgid(child, child)));
    end_of(child);
    child = fork();
    if (child == 0) { setsid(); nap(100); _exit(0); }
    nap(40);
    say("of another session %s\n", result(setpgid(child, child)));
    end_of(child);

    say("a stopped group is orphaned\n");
    int ends[2];
    if (pipe(ends)) return 1;
    child = fork();
    if (child == 0) {
        pid_t grandchild = fork();
        if (grandchild == 0) {
            setpgid(0, 0);
            handle(SIGHUP, 0, tell);
            handle(SIGCONT, 0, tell);
            raise(SIGSTOP);
            say("  goes on\n");
            nap(30);
            say("  a stop of a group without a parent: ");
            signal(SIGCONT, SIG_DFL);
            raise(SIGTSTP);
            say("nothing\n");
            raise(SIGTTIN);
            raise(SIGTTOU);
            say("  none of them\n");
            _exit(0);
        }
        int status;
        waitpid(grandchild, &status, WUNTRACED);
        say("  %s\n", status_text(status));
        close(ends[0]);
        _exit(0);
    }
    end_of(child);
    close(ends[1]);
    char byte;
    say("  end %s\n", result(read(ends[0], &byte, 1)));

    say("a group that runs is orphaned\n");
    if (pipe(ends)) return 1;
    child = fork();
    if (child == 0) {
        if (fork() == 0) {
            setpgid(0, 0);
            handle(SIGHUP, 0, tell);
            nap(100);
            say("  nothing came, parent %s\n", getppid() == 1 ? "1" : "other");
            _exit(0);
        }
        nap(30);
        close(ends[0]);
        _exit(0);
    }
    end_of(child);
    close(ends[1]);
    say("  end %s\n", result(read(ends[0], &byte, 1)));

    say("to a group\n");
    handle(SIGUSR1, SA_RESTART, tell);
    pid_t first = fork();
    if (first == 0) { pause(); _exit(1); }
    setpgid(first, first);
    pid_t second = fork();
    if (second == 0) { setpgid(0, first); pause(); _exit(2); }
    nap(40);
    signal(SIGUSR1, SIG_IGN);
    TRY(kill(-first, 0));
    TRY(kill(-first, SIGTERM));
    int ended = end_of(first);
    say("  %s\n", status_text(ended));
    say("  %s\n", status_text(end_of(second)));
    TRY(kill(-first, 0));
    handle(SIGUSR1, SA_RESTART, tell);
    say("  own %s\n", result(kill(0, SIGUSR1)));
}
