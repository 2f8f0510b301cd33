// sigaltstack: which stack handlers run on, what may be changed there, what overflows.
#include "common.h"

static char *stack;
static const size_t size = 65536;
static int on_stack(void *p) { return (char *)p >= stack && (char *)p < stack + size; }

static void where(int signal, siginfo_t *info, void *context) {
    int here;
    stack_t now, other = {.ss_sp = stack, .ss_size = size};
    ucontext_t *saved = context;
    sigaltstack(0, &now);
    say("signal %d: on it %d, flags %x, size %zu, saved flags %x, saved size %zu\n", signal, on_stack(&here), now.ss_flags,
        now.ss_size, saved->uc_stack.ss_flags, saved->uc_stack.ss_size);
    say("  change: %s\n", result(sigaltstack(&other, 0)));
    if (signal == SIGUSR1) raise(SIGUSR2);
}

static sigjmp_buf back;
static void overflowed(int signal, siginfo_t *info, void *context) {
    int here;
    say("overflow: signal %d code %d, on it %d\n", signal, info->si_code, on_stack(&here));
    siglongjmp(back, 1);
}

static int deeper(volatile int depth) {
    volatile char room[4096];
    room[0] = depth;
    return deeper(depth + 1) + room[0];
}

static void recurse(int signal, siginfo_t *info, void *context) {
    volatile char room[3000];
    room[0] = 1;
    raise(SIGUSR1);
}

int main(void) {
    stack = mmap(0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t now;
    sigaltstack(0, &now);
    say("at first: flags %x size %zu\n", now.ss_flags, now.ss_size);
    stack_t small = {.ss_sp = stack, .ss_size = 100};
    say("too small: %s\n", result(sigaltstack(&small, 0)));
    stack_t odd = {.ss_sp = stack, .ss_size = size, .ss_flags = 16};
    say("odd flags: %s\n", result(sigaltstack(&odd, 0)));
    handle(SIGUSR1, SA_ONSTACK, where);
    handle(SIGUSR2, SA_ONSTACK, where);
    say("without a stack\n");
    raise(SIGUSR1);
    stack_t plain = {.ss_sp = stack, .ss_size = size};
    say("set: %s\n", result(sigaltstack(&plain, 0)));
    raise(SIGUSR1);
    handle(SIGUSR1, 0, where);
    say("a handler that does not ask for it, one inside that does\n");
    raise(SIGUSR1);
    handle(SIGUSR1, SA_ONSTACK, where);
    stack_t disarm = {.ss_sp = stack, .ss_size = size, .ss_flags = SS_AUTODISARM};
    say("autodisarm: %s\n", result(sigaltstack(&disarm, 0)));
    raise(SIGUSR2);
    sigaltstack(0, &now);
    say("after: flags %x size %zu\n", now.ss_flags, now.ss_size);
    say("set: %s\n", result(sigaltstack(&plain, 0)));
    handle(SIGSEGV, SA_ONSTACK, overflowed);
    if (sigsetjmp(back, 1) == 0) deeper(0);
    if (sigsetjmp(back, 1) == 0) deeper(0);
    pid_t child = fork();
    if (child == 0) {
        sigaltstack(0, &now);
        say("child: flags %x size %zu\n", now.ss_flags, now.ss_size);
        signal(SIGSEGV, SIG_DFL);
        handle(SIGUSR1, SA_ONSTACK | SA_NODEFER, recurse);
        raise(SIGUSR1);
        _exit(0);
    }
    say("the alternate stack overflows: %s\n", status_text(end_of(child)));
    stack_t off = {.ss_flags = SS_DISABLE};
    say("off: %s\n", result(sigaltstack(&off, &now)));
    say("was: flags %x size %zu\n", now.ss_flags, now.ss_size);
    signal(SIGSEGV, SIG_DFL);
    child = fork();
    if (child == 0) { deeper(0); _exit(0); }
    say("overflow without a stack: %s\n", status_text(end_of(child)));
}
