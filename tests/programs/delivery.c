// Which signals arrive, in which order, with what; masks, flags of handlers, what fork and execve leave of them.
#include "common.h"

static void tell(int signal, siginfo_t *info, void *context) {
    sigset_t mask;
    sigprocmask(SIG_BLOCK, 0, &mask);
    say("  %d code %d value %d from %s, blocked:", signal, info->si_code,
        info->si_code == SI_QUEUE ? info->si_value.sival_int : 0, info->si_pid == getpid() ? "self" : "other");
    for (int i = 1; i < 65; i++) if (sigismember(&mask, i) == 1) say(" %d", i);
    say("\n");
}

static void fault(int signal, siginfo_t *info, void *context);
static sigjmp_buf back;
static char *page;
static void fault(int signal, siginfo_t *info, void *context) {
    ucontext_t *c = context;
    say("  signal %d code %d at %s trap %lld error %lld\n", signal, info->si_code,
        info->si_addr == page ? "page" : info->si_addr == 0 ? "0" : "elsewhere", (long long)c->uc_mcontext.gregs[REG_TRAPNO],
        (long long)c->uc_mcontext.gregs[REG_ERR]);
    siglongjmp(back, 1);
}

static sigset_t set_of(int n, ...) {
    sigset_t set;
    va_list list;
    sigemptyset(&set);
    va_start(list, n);
    while (n-- > 0) sigaddset(&set, va_arg(list, int));
    va_end(list);
    return set;
}

static void *thread(void *argument) {
    sigset_t set = set_of(1, SIGUSR2);
    pthread_sigmask(SIG_SETMASK, &set, 0);
    for (int i = 0; i < 40; i++) nap(10);
    return 0;
}

static void which(int signal, siginfo_t *info, void *context) {
    say("  %d in %s thread, code %d\n", signal, gettid() == getpid() ? "the first" : "another", info->si_code);
}

int main(int argc, char **argv) {
    if (argc > 1) {
        sigset_t mask, pending;
        struct sigaction a;
        sigprocmask(SIG_BLOCK, 0, &mask);
        sigpending(&pending);
        say("  blocked %d %d, pending %d %d", sigismember(&mask, SIGUSR1), sigismember(&mask, SIGUSR2),
            sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2));
        sigaction(SIGHUP, 0, &a);
        say(", HUP %s", a.sa_handler == SIG_IGN ? "ignored" : "not ignored");
        sigaction(SIGTERM, 0, &a);
        say(", TERM %s\n", a.sa_handler == SIG_DFL ? "default" : "not default");
        return 0;
    }
    say("order after unblocking\n");
    for (int i = 1; i < 65; i++) if (i != SIGKILL && i != SIGSTOP && i != 32 && i != 33) handle(i, 0, tell);
    sigset_t all, old;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, &old);
    union sigval value = {1};
    sigqueue(getpid(), SIGRTMIN + 1, value);
    value.sival_int = 2;
    sigqueue(getpid(), SIGRTMIN + 1, value);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGUSR1);
    raise(SIGHUP);
    raise(SIGUSR2);
    kill(getpid(), SIGSEGV);
    value.sival_int = 3;
    sigqueue(getpid(), SIGRTMIN, value);
    sigprocmask(SIG_SETMASK, &old, 0);
    say("taken one by one\n");
    sigprocmask(SIG_SETMASK, &all, &old);
    kill(getpid(), SIGUSR1);
    raise(SIGUSR2);
    kill(getpid(), SIGHUP);
    raise(SIGTERM);
    siginfo_t info;
    for (int i = 0; i < 4; i++) {
        int taken = sigwaitinfo(&all, &info);
        say("  %d code %d\n", taken, info.si_code);
    }
    struct timespec none = {0, 0};
    say("  %s\n", result(sigtimedwait(&all, &info, &none)));
    int fd = signalfd(-1, &all, SFD_NONBLOCK);
    struct signalfd_siginfo read_info[3];
    kill(getpid(), SIGUSR1);
    raise(SIGTERM);
    long n = read(fd, read_info, sizeof read_info);
    say("  signalfd %ld: %d %d\n", n / (long)sizeof *read_info, read_info[0].ssi_signo, read_info[1].ssi_signo);
    say("  %s\n", result(read(fd, read_info, sizeof read_info)));
    sigprocmask(SIG_SETMASK, &old, 0);
    say("flags\n");
    struct sigaction a = {0};
    handle(SIGUSR1, SA_RESETHAND, tell);
    raise(SIGUSR1);
    sigaction(SIGUSR1, 0, &a);
    say("  after SA_RESETHAND: %s\n", a.sa_handler == SIG_DFL ? "default" : "kept");
    handle(SIGUSR1, SA_NODEFER, tell);
    raise(SIGUSR1);
    a.sa_sigaction = tell;
    a.sa_flags = SA_SIGINFO;
    a.sa_mask = set_of(3, SIGHUP, SIGKILL, SIGTERM);
    sigaction(SIGUSR1, &a, 0);
    raise(SIGUSR1);
    say("ignored while blocked\n");
    sigset_t usr1 = set_of(1, SIGUSR1);
    sigprocmask(SIG_BLOCK, &usr1, 0);
    raise(SIGUSR1);
    signal(SIGUSR1, SIG_IGN);
    sigset_t pending;
    sigpending(&pending);
    say("  pending %d\n", sigismember(&pending, SIGUSR1));
    raise(SIGUSR1);
    sigpending(&pending);
    say("  pending %d\n", sigismember(&pending, SIGUSR1));
    handle(SIGUSR1, 0, tell);
    sigprocmask(SIG_UNBLOCK, &usr1, 0);
    say("errors\n");
    sigset_t *bad = (void *)8;
    TRY(kill(getpid(), 65));
    TRY(kill(getpid(), -1));
    TRY(kill(999999, 0));
    TRY(kill(0, 0));
    TRY(kill(-999999, SIGTERM));
    TRY(sigaction(SIGKILL, &a, 0));
    TRY(sigaction(65, 0, &a));
    TRY(syscall(SYS_rt_sigprocmask, 7, &usr1, 0, 8));
    TRY(syscall(SYS_rt_sigprocmask, 0, bad, 0, 8));
    TRY(syscall(SYS_rt_sigaction, SIGUSR1, 0, 0, 4));
    TRY(syscall(SYS_tgkill, getpid(), 0, 0));
    TRY(syscall(SYS_tgkill, 1, gettid(), 0));
    say("fork and execve\n");
    sigset_t both = set_of(2, SIGUSR1, SIGUSR2);
    signal(SIGHUP, SIG_IGN);
    sigprocmask(SIG_BLOCK, &both, 0);
    raise(SIGUSR1);
    kill(getpid(), SIGUSR2);
    struct itimerval timer = {{0, 0}, {0, 50000}};
    setitimer(ITIMER_REAL, &timer, 0);
    pid_t child = fork();
    if (child == 0) {
        sigpending(&pending);
        getitimer(ITIMER_REAL, &timer);
        say("  child: pending %d %d, timer %ld\n", sigismember(&pending, SIGUSR1), sigismember(&pending, SIGUSR2),
            (long)timer.it_value.tv_usec);
        raise(SIGUSR2);
        execl("/proc/self/exe", "self", "again", (char *)0);
        _exit(1);
    }
    say("  %s\n", status_text(end_of(child)));
    nap(80);
    sigprocmask(SIG_UNBLOCK, &both, 0);
    say("faults\n");
    page = mmap(0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int faults[] = {SIGSEGV, SIGFPE, SIGILL, SIGBUS, SIGTRAP};
    for (int i = 0; i < 5; i++) handle(faults[i], 0, fault);
    if (!sigsetjmp(back, 1)) *(volatile char *)page = 1;
    if (!sigsetjmp(back, 1)) *(volatile char *)0;
    if (!sigsetjmp(back, 1)) *(volatile char *)0 = 1;
    if (!sigsetjmp(back, 1)) *(volatile char *)0xffff800000000000 = 1;
    if (!sigsetjmp(back, 1)) { volatile int seven = 7, zero = 0; seven = seven / zero; }
    if (!sigsetjmp(back, 1)) __asm__ volatile("ud2");
    if (!sigsetjmp(back, 1)) __asm__ volatile("int3");
    if (!sigsetjmp(back, 1)) __asm__ volatile("hlt");
    int file = open("short", O_RDWR | O_CREAT, 0600);
    page = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (!sigsetjmp(back, 1)) *(volatile char *)page = 1;
    child = fork();
    if (child == 0) {
        sigset_t segv = set_of(1, SIGSEGV);
        sigprocmask(SIG_BLOCK, &segv, 0);
        *(volatile char *)0 = 1;
    }
    say("  while blocked: %s\n", status_text(end_of(child)));
    child = fork();
    if (child == 0) { signal(SIGSEGV, SIG_IGN); *(volatile char *)0 = 1; }
    say("  while ignored: %s\n", status_text(end_of(child)));
    say("threads\n");
    handle(SIGUSR1, 0, which);
    handle(SIGUSR2, 0, which);
    pthread_t other;
    pthread_create(&other, 0, thread, 0);
    nap(30);
    sigprocmask(SIG_BLOCK, &usr1, 0);
    kill(getpid(), SIGUSR1);
    nap(30);
    kill(getpid(), SIGUSR2);
    nap(30);
    pthread_kill(other, SIGUSR1);
    nap(30);
    pthread_kill(pthread_self(), SIGUSR1);
    nap(30);
    sigpending(&pending);
    say("  pending %d\n", sigismember(&pending, SIGUSR1));
    pthread_join(other, 0);
}
