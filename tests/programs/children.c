// SIGCHLD and waiting: what a parent is told of a child's end, stop and going on.
#include "common.h"

static void told(int signal, siginfo_t *info, void *context) {
    say("  SIGCHLD code %d status %d, %s child, uid %d\n", info->si_code, info->si_status,
        info->si_pid > 0 ? "a" : "no", info->si_uid);
}

static pid_t start(int status) {
    pid_t child = fork();
    if (child == 0) {
        signal(SIGCHLD, SIG_DFL);
        if (status >= 0) { nap(30); _exit(status); }
        setpgid(0, 0);
        for (;;) pause();
    }
    return child;
}

static void wait_for(pid_t child, int flags) {
    int status = 0;
    long r = waitpid(child, &status, flags);
    say("  waitpid %x: %s %s\n", flags, r > 0 ? "child" : result(r), r > 0 ? status_text(status) : "");
}

static void look(pid_t child, int flags) {
    siginfo_t info = {0};
    long r = waitid(P_PID, child, &info, flags);
    say("  waitid %x: %s, code %d status %d pid %s signo %d\n", flags, result(r), info.si_code, info.si_status,
        info.si_pid == child ? "child" : info.si_pid ? "other" : "0", info.si_signo);
}

int main(void) {
    say("a child exits\n");
    handle(SIGCHLD, SA_RESTART, told);
    pid_t child = start(7);
    wait_for(child, WNOHANG);
    look(child, WEXITED | WNOWAIT);
    look(child, WEXITED | WNOWAIT | WNOHANG);
    wait_for(child, 0);
    wait_for(child, 0);
    say("a child is stopped, continued, killed\n");
    child = start(-1);
    kill(child, SIGSTOP);
    nap(50);
    wait_for(child, WNOHANG);
    look(child, WSTOPPED | WNOWAIT);
    wait_for(child, WUNTRACED);
    wait_for(child, WUNTRACED | WNOHANG);
    kill(child, SIGCONT);
    nap(50);
    wait_for(child, WNOHANG | WUNTRACED);
    look(child, WCONTINUED | WNOWAIT | WNOHANG);
    wait_for(child, WCONTINUED);
    wait_for(child, WCONTINUED | WNOHANG);
    kill(child, SIGTSTP);
    nap(50);
    kill(child, SIGCONT);
    nap(50);
    wait_for(child, WUNTRACED | WNOHANG);
    wait_for(child, WCONTINUED | WNOHANG);
    kill(child, SIGTERM);
    wait_for(child, 0);
    say("a stopped child is terminated, continued, and killed\n");
    child = start(-1);
    kill(child, SIGSTOP);
    nap(50);
    kill(child, SIGTERM);
    nap(50);
    wait_for(child, WNOHANG);
    signal(SIGCHLD, SIG_DFL); // Going on and ending may be told as one.
    kill(child, SIGCONT);
    wait_for(child, 0);
    handle(SIGCHLD, SA_RESTART, told);
    child = start(-1);
    kill(child, SIGSTOP);
    nap(50);
    kill(child, SIGKILL);
    wait_for(child, 0);
    say("SA_NOCLDSTOP\n");
    handle(SIGCHLD, SA_RESTART | SA_NOCLDSTOP, told);
    child = start(-1);
    kill(child, SIGSTOP);
    nap(50);
    wait_for(child, WUNTRACED);
    kill(child, SIGCONT);
    nap(50);
    wait_for(child, WCONTINUED);
    kill(child, SIGKILL);
    wait_for(child, 0);
    say("SA_NOCLDWAIT\n");
    handle(SIGCHLD, SA_RESTART | SA_NOCLDWAIT, told);
    child = start(3);
    wait_for(child, 0);
    say("ignored\n");
    signal(SIGCHLD, SIG_IGN);
    child = start(3);
    wait_for(child, 0);
    child = start(-1);
    kill(child, SIGSTOP);
    nap(50);
    wait_for(child, WUNTRACED);
    kill(child, SIGKILL);
    wait_for(child, 0);
    say("ignored, then not: a zombie of before\n");
    signal(SIGCHLD, SIG_DFL);
    child = start(4);
    nap(80);
    signal(SIGCHLD, SIG_IGN);
    wait_for(child, 0);
    signal(SIGCHLD, SIG_DFL);
    say("groups\n");
    pid_t one = start(1), two = start(2);
    setpgid(one, one);
    setpgid(two, one);
    nap(80);
    wait_for(0, WNOHANG);
    int status, sum = 0;
    for (int i = 0; i < 2; i++) { waitpid(-one, &status, 0); sum += WEXITSTATUS(status); }
    say("  both: %d\n", sum);
    wait_for(-one, 0);
    say("errors\n");
    siginfo_t info;
    say("  %s %s %s %s\n", result(waitid(P_ALL, 0, &info, 0)), result(waitid(99, 0, &info, WEXITED)),
        result(waitpid(-1, 0, 0x1000)), result(waitpid(-2147483647 - 1, 0, 0)));
    say("another exit signal\n");
    handle(SIGUSR1, SA_RESTART, told);
    child = syscall(SYS_clone, SIGUSR1, 0, 0, 0, 0);
    if (child == 0) _exit(5);
    nap(50);
    wait_for(child, WNOHANG);
    wait_for(child, __WCLONE);
    child = syscall(SYS_clone, 0, 0, 0, 0, 0);
    if (child == 0) _exit(6);
    nap(50);
    wait_for(child, __WALL);
    say("a core\n");
    child = fork();
    if (child == 0) abort();
    look(child, WEXITED | WNOWAIT);
    waitpid(child, &status, 0);
    say("  %s\n", status_text(status));
}
