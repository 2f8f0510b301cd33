// Filters of system calls: which programs are taken, what they return, what each action does, who inherits them.
#include "common.h"
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/uio.h>

// A call that no kernel has: what it yields is the filters' word.
#define PROBE 700
#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define RET(value) BPF_STMT(BPF_RET | BPF_K, value)
#define LENGTH(list) (sizeof(list) / sizeof *(list))

static long attach_with(int flags, struct sock_filter *insns, int n) {
    struct sock_fprog program = {n, insns};
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &program);
}

static long attach(struct sock_filter *insns, int n) { return attach_with(0, insns, n); }

// A filter that returns a value for one call and allows the others.
static long on_call(int flags, int number, unsigned value) {
    struct sock_filter insns[] = {LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1), RET(value),
                                  RET(SECCOMP_RET_ALLOW)};
    return attach_with(flags, insns, LENGTH(insns));
}

// The lines about filters in a task's status.
static void status_of(const char *path) {
    char text[4096], *line;
    int fd = open(path, O_RDONLY);
    long n = read(fd, text, sizeof text - 1);
    close(fd);
    text[n < 0 ? 0 : n] = 0;
    for (line = strtok(text, "\n"); line; line = strtok(0, "\n"))
        if (!strncmp(line, "NoNewPrivs", 10) || !strncmp(line, "Seccomp", 7)) say("  %s\n", line);
}

// What a child does, and how it ended.
#define CHILD(...) do { \
        pid_t child_ = fork(); \
        if (child_ == 0) { __VA_ARGS__; _exit(0); } \
        int end_ = end_of(child_); \
        say("  %s%s\n", status_text(end_), WIFSIGNALED(end_) && WCOREDUMP(end_) ? ", core" : ""); \
    } while (0)

static void actions(void) {
    unsigned all[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO,
                      SECCOMP_RET_USER_NOTIF, SECCOMP_RET_TRACE, SECCOMP_RET_LOG, SECCOMP_RET_ALLOW,
                      0x00010000, 0x7ffe0000, 0x7fff0001, 0xffff0000, 0x80000007};
    say("actions\n");
    for (unsigned i = 0; i < LENGTH(all); i++) {
        say("  %08x available: %s\n", all[i], result(syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &all[i])));
        CHILD(on_call(0, SYS_getppid, all[i]); say("  %s\n", result(syscall(SYS_getppid) > 0 ? 1 : -1)));
    }
    say("errors\n");
    int numbers[] = {0, 1, EPERM, 133, 134, 4095, 4096, 65535};
    for (unsigned i = 0; i < LENGTH(numbers); i++)
        CHILD(on_call(0, PROBE, SECCOMP_RET_ERRNO | numbers[i]); errno = 0;
              long got = syscall(PROBE); say("  %d: %ld %d\n", numbers[i], got, errno));
    show_file("/proc/sys/kernel/seccomp/actions_avail");
    show_file("/proc/sys/kernel/seccomp/actions_logged");
}

static void priorities(void) {
    unsigned ranks[] = {SECCOMP_RET_ERRNO | 7, SECCOMP_RET_ERRNO | 9, SECCOMP_RET_TRACE, SECCOMP_RET_USER_NOTIF,
                        SECCOMP_RET_LOG, SECCOMP_RET_ALLOW, SECCOMP_RET_TRAP, SECCOMP_RET_KILL_THREAD,
                        SECCOMP_RET_KILL_PROCESS};
    say("priorities\n");
    for (unsigned i = 0; i < LENGTH(ranks); i++)
        for (unsigned j = 0; j < LENGTH(ranks); j++) {
            pid_t child = fork();
            if (child == 0) {
                on_call(0, PROBE, ranks[i]);
                on_call(0, PROBE, ranks[j]);
                syscall(PROBE);
                _exit(errno);
            }
            say("%s%s", j ? "; " : "  ", status_text(end_of(child)));
            if (j + 1 == LENGTH(ranks)) say("\n");
        }
}

static void trapped(int signal, siginfo_t *info, void *context) {
    ucontext_t *c = context;
    greg_t *regs = c->uc_mcontext.gregs;
    say("  signal %d errno %d code %d call %d arch %x, rax %lld rdi %llx, rip %s, is it the address: %d\n", signal,
        info->si_errno, info->si_code, info->si_syscall, info->si_arch, regs[REG_RAX], regs[REG_RDI],
        regs[REG_RCX] == regs[REG_RIP] ? "after" : "elsewhere", (long long)info->si_call_addr == regs[REG_RIP]);
    regs[REG_RAX] = 4242;
}

static void traps(void) {
    say("traps\n");
    CHILD(handle(SIGSYS, 0, trapped); on_call(0, PROBE, SECCOMP_RET_TRAP | 513);
          say("  %s\n", result(syscall(PROBE, 0x1234))));
    say("  by default, ignored and blocked\n");
    CHILD(on_call(0, PROBE, SECCOMP_RET_TRAP); syscall(PROBE));
    CHILD(signal(SIGSYS, SIG_IGN); on_call(0, PROBE, SECCOMP_RET_TRAP); syscall(PROBE));
    CHILD(sigset_t set; sigfillset(&set); sigprocmask(SIG_BLOCK, &set, 0); handle(SIGSYS, 0, trapped);
          on_call(0, PROBE, SECCOMP_RET_TRAP); syscall(PROBE));
    say("  a handler does not see a kill\n");
    CHILD(handle(SIGSYS, 0, trapped); on_call(0, PROBE, SECCOMP_RET_KILL_PROCESS); syscall(PROBE));
    CHILD(handle(SIGSYS, 0, trapped); on_call(0, PROBE, SECCOMP_RET_KILL_THREAD); syscall(PROBE));
}

static void cores(void) {
    unsigned all[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ALLOW};
    struct rlimit none = {0, 1 << 26}, whole = {1 << 26, 1 << 26};
    say("cores\n");
    setrlimit(RLIMIT_CORE, &whole);
    for (unsigned i = 0; i < LENGTH(all); i++) {
        CHILD(on_call(0, PROBE, all[i]); syscall(PROBE));
        CHILD(prctl(PR_SET_DUMPABLE, 0, 0, 0, 0); on_call(0, PROBE, all[i]); syscall(PROBE));
    }
    CHILD(syscall(SYS_seccomp, 0, 0, 0); getppid());
    setrlimit(RLIMIT_CORE, &none);
    unlink("core");
}

static void *probes(void *argument) {
    nap(30);
    syscall(PROBE);
    say("  the thread goes on\n");
    return 0;
}

static void *filters_itself(void *argument) {
    on_call(0, PROBE, (uintptr_t)argument);
    syscall(PROBE);
    say("  the thread goes on: %s\n", result(-1));
    return 0;
}

static void threads(void) {
    pthread_t other;
    say("kills in threads\n");
    CHILD(pthread_create(&other, 0, filters_itself, (void *)(uintptr_t)SECCOMP_RET_KILL_THREAD); nap(60);
          say("  the first thread goes on\n"));
    CHILD(pthread_create(&other, 0, filters_itself, (void *)(uintptr_t)SECCOMP_RET_KILL_PROCESS); nap(60);
          say("  the first thread goes on\n"));
    CHILD(pthread_create(&other, 0, probes, 0); on_call(0, PROBE, SECCOMP_RET_KILL_THREAD); syscall(PROBE));
    CHILD(pthread_create(&other, 0, filters_itself, (void *)(uintptr_t)(SECCOMP_RET_ERRNO | 5)); pthread_join(other, 0);
          say("  the first thread: %s\n", result(syscall(PROBE))));
    CHILD(pthread_create(&other, 0, probes, 0); on_call(0, PROBE, SECCOMP_RET_KILL_THREAD);
          say("  %s\n", result(syscall(SYS_tgkill, getpid(), gettid(), 0))); syscall(SYS_exit, 4));
}

static int turn;
static void *has_own(void *argument) {
    if (argument) on_call(0, PROBE, SECCOMP_RET_ERRNO | 11);
    __atomic_store_n(&turn, gettid(), __ATOMIC_SEQ_CST);
    while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) != -1) nap(5);
    say("  the other thread: %s\n", result(syscall(PROBE)));
    status_of("/proc/thread-self/status");
    return 0;
}

static int other_thread(pthread_t *other, void *argument) {
    turn = 0;
    pthread_create(other, 0, has_own, argument);
    while (__atomic_load_n(&turn, __ATOMIC_SEQ_CST) == 0) nap(5);
    return turn;
}

static void synchronised(int flags, int early, void *own) {
    pthread_t other;
    if (early) on_call(0, PROBE, SECCOMP_RET_ERRNO | 3);
    int tid = other_thread(&other, own);
    if (early) prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    long got = on_call(flags, PROBE, SECCOMP_RET_ERRNO | 9);
    say("  flags %d, a filter before %d, its own %d: %s\n", flags, early, own != 0, got == tid ? "the thread" : result(got));
    turn = -1;
    pthread_join(other, 0);
    say("  the first thread: %s\n", result(syscall(PROBE)));
}

static void synchronisation(void) {
    int flags[] = {0, SECCOMP_FILTER_FLAG_TSYNC, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH};
    say("threads and TSYNC\n");
    for (int early = 0; early < 2; early++)
        for (int own = 0; own < 2; own++)
            for (int i = 0; i < 3; i++) CHILD(synchronised(flags[i], early, own ? &turn : 0));
}

static void inheritance(void) {
    say("inheritance\n");
    CHILD(on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | ENOTTY); on_call(0, PROBE, SECCOMP_RET_ERRNO | EDOM);
          status_of("/proc/self/status");
          CHILD(say("  child: %s\n", result(syscall(SYS_getppid))); on_call(0, SYS_getppid, SECCOMP_RET_ERRNO | EXDEV);
                status_of("/proc/self/status"); execl("/proc/self/exe", "self", "again", (char *)0));
          say("  parent: %s\n", result(syscall(SYS_getppid)));
          pid_t child = vfork();
          if (child == 0) { on_call(0, SYS_getuid, SECCOMP_RET_ERRNO | EBUSY); _exit(0); }
          end_of(child); say("  after vfork: %d\n", getuid()); status_of("/proc/self/status"));
    CHILD(on_call(0, SYS_execve, SECCOMP_RET_ERRNO | EACCES); say("  %s\n", result(execl("/proc/self/exe", "self", (char *)0))));
    CHILD(on_call(0, SYS_exit_group, SECCOMP_RET_ERRNO | EACCES); on_call(0, SYS_exit, SECCOMP_RET_KILL_PROCESS);
          syscall(SYS_exit_group, 3); say("  goes on\n"); syscall(SYS_exit, 3));
}

static void modes(void) {
    unsigned char sizes[6];
    struct sock_filter allow[] = {RET(SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {1, allow};
    struct sock_fprog none = {0, allow}, many = {4097, allow}, nowhere = {1, 0}, bad = {1, (void *)8};
    say("modes\n");
    TRY(prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
    TRY(prctl(PR_SET_SECCOMP, 0, 0, 0, 0));
    TRY(prctl(PR_SET_SECCOMP, 3, 0, 0, 0));
    TRY(prctl(PR_SET_SECCOMP, 2, 0, 0, 0));
    TRY(prctl(PR_SET_SECCOMP, 2, 8, 0, 0));
    TRY(syscall(SYS_seccomp, 0, 1, 0));
    TRY(syscall(SYS_seccomp, 0, 0, &program));
    TRY(syscall(SYS_seccomp, 1, 0, 0));
    TRY(syscall(SYS_seccomp, 1, 64, &program));
    TRY(syscall(SYS_seccomp, 1, 1 << 31, 0));
    TRY(syscall(SYS_seccomp, 1, 32, &program));
    TRY(syscall(SYS_seccomp, 1, 9, &program));
    TRY(syscall(SYS_seccomp, 1, 0, &none));
    TRY(syscall(SYS_seccomp, 1, 0, &many));
    TRY(syscall(SYS_seccomp, 1, 0, &nowhere));
    TRY(syscall(SYS_seccomp, 1, 0, &bad));
    TRY(syscall(SYS_seccomp, 2, 0, 0));
    TRY(syscall(SYS_seccomp, 2, 1, &program));
    TRY(syscall(SYS_seccomp, 3, 0, 0));
    TRY(syscall(SYS_seccomp, 3, 1, sizes));
    TRY(syscall(SYS_seccomp, 3, 0, sizes));
    say("  sizes %d %d %d\n", sizes[0], sizes[2], sizes[4]);
    TRY(syscall(SYS_seccomp, 4, 0, 0));
    TRY(syscall(SYS_seccomp, 1L << 32 | 4, 0, 0));
    TRY(syscall(SYS_seccomp, 1L << 32 | 1, 1L << 32, &none));
    status_of("/proc/self/status");
    say("  with prctl\n");
    CHILD(TRY(prctl(PR_SET_SECCOMP, 2, &program, 7, 7)); TRY(prctl(PR_GET_SECCOMP, 5, 6, 7, 8));
          TRY(prctl(PR_SET_SECCOMP, 1, 0, 0, 0)); TRY(syscall(SYS_seccomp, 0, 0, 0)); TRY(prctl(PR_SET_SECCOMP, 2, &program, 0, 0));
          TRY(syscall(SYS_seccomp, 1, 6, &program)); status_of("/proc/self/status"));
    say("  without privileges\n");
    CHILD(if (setresuid(7, 7, 7)) say("  not another\n"); TRY(syscall(SYS_seccomp, 1, 0, &program));
          TRY(syscall(SYS_seccomp, 1, 0, &bad)); TRY(syscall(SYS_seccomp, 1, 0, 8)); TRY(syscall(SYS_seccomp, 1, 0, &none));
          TRY(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)); TRY(syscall(SYS_seccomp, 1, 0, &program)); status_of("/proc/self/status"));
    say("  strict\n");
    CHILD(TRY(prctl(PR_SET_SECCOMP, 1, 8, 0, 0)); say("  left: write\n"); char c; read(-1, &c, 1); syscall(SYS_exit, 5));
    CHILD(syscall(SYS_seccomp, 0, 0, 0); getppid());
    CHILD(syscall(SYS_seccomp, 0, 0, 0); prctl(PR_GET_SECCOMP, 0, 0, 0, 0));
    CHILD(handle(SIGUSR1, 0, 0); signal(SIGUSR1, (void (*)(int))_exit); syscall(SYS_seccomp, 0, 0, 0); _exit(0));
    pthread_t other;
    CHILD(pthread_create(&other, 0, probes, 0); syscall(SYS_seccomp, 0, 0, 0); getppid());
}

static long limit_of(struct sock_filter *insns, int n) {
    long count = 0;
    while (count < 20000 && attach(insns, n) == 0) count++;
    return count;
}

static void limits(void) {
    struct sock_filter ret[] = {RET(SECCOMP_RET_ALLOW)};
    // What comes after the return is counted as well.
    struct sock_filter jumps[] = {
        RET(SECCOMP_RET_ALLOW), LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 1, 0, 1), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0x80000001, 1, 1),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, 1, 0, 0), BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 1, 0, 1),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_X, 0x80000001, 1, 0), BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x80000001, 0, 1), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
        RET(SECCOMP_RET_ALLOW), BPF_STMT(BPF_RET | BPF_A, 0)};
    static struct sock_filter longest[4096];
    for (int i = 0; i < 4096; i++) longest[i] = (struct sock_filter)RET(SECCOMP_RET_ALLOW);
    say("limits\n");
    CHILD(say("  one return: %ld", limit_of(ret, 1)); say(", then %s\n", result(attach(ret, 1))));
    CHILD(say("  jumps: %ld\n", limit_of(jumps, LENGTH(jumps))));
    CHILD(say("  longest: %ld", limit_of(longest, 4096)); say(", then %ld\n", limit_of(ret, 1)));
}

// The same numbers on every kernel.
static uint32_t seed = 1;
static uint32_t next(void) { return seed = seed * 1664525 + 1013904223; }
static uint32_t below(uint32_t end) { return (next() >> 8) % end; }

static struct sock_filter random_insn(int left) {
    static const unsigned short codes[] = {0x00, 0x20, 0x60, 0x80, 0x01, 0x61, 0x81, 0x02, 0x03, 0x07, 0x87, 0x02, 0x03, 0x20, 0x01, 0x01};
    static const unsigned odd[] = {0x06, 0x16, 0x28, 0x30, 0x40, 0xa1, 0xb1, 0x94, 0x9c, 0xe, 0x85, 0x8c, 0x105, 0x1020, 0x0d};
    struct sock_filter insn = {0};
    switch (below(24)) {
        case 0: insn.code = odd[below(LENGTH(odd))]; break;
        case 1: insn.code = BPF_JMP | BPF_JA; break;
        case 2: case 3: case 4: case 5: case 6: case 7:
            insn.code = BPF_JMP | (1 + below(4)) << 4 | below(2) << 3;
            break;
        case 8: case 9: case 10: case 11: case 12: case 13: case 14: case 15:
            insn.code = BPF_ALU | below(9) << 4 | below(2) << 3;
            if (below(9) == 0) insn.code = BPF_ALU | BPF_XOR | below(2) << 3;
            break;
        default: insn.code = codes[below(LENGTH(codes))];
    }
    insn.jt = below(3);
    insn.jf = below(3);
    insn.k = below(8) ? below(16) * (below(2) ? 4 : 1) : next();
    if (insn.code == (BPF_JMP | BPF_JA)) insn.k = below(3);
    if (insn.code == 0x60 || insn.code == 0x61 || insn.code == 2 || insn.code == 3) insn.k = below(17) % 17 / 4;
    return insn;
}

static void random_programs(void) {
    say("random programs\n");
    for (int i = 0; i < 1500; i++) {
        struct sock_filter p[40] = {LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROBE, 1, 0), RET(SECCOMP_RET_ALLOW)};
        int n = 3, length = 1 + below(below(4) ? 8 : 30);
        while (length-- > 0) p[n++] = random_insn(length);
        p[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xfff);
        p[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO);
        p[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_A, 0);
        p[n++] = (struct sock_filter)RET(SECCOMP_RET_ERRNO | 4001);
        p[n++] = (struct sock_filter)RET(SECCOMP_RET_ERRNO | 4002);
        long args[6];
        for (int j = 0; j < 6; j++) args[j] = below(3) ? (long)below(70) : (long)next() << 32 | next();
        int told[2] = {0, 0}, ends[2];
        if (pipe(ends)) _exit(98);
        pid_t child = fork();
        if (child == 0) {
            told[0] = attach(p, n) ? errno : 0;
            errno = 0;
            if (syscall(PROBE, args[0], args[1], args[2], args[3], args[4], args[5])) told[1] = errno;
            _exit(write(ends[1], told, sizeof told) != sizeof told);
        }
        close(ends[1]);
        long got = read(ends[0], told, sizeof told);
        close(ends[0]);
        int end = end_of(child);
        if (got == 0) say("  %d: %s\n", i, status_text(end));
        else if (told[0] == 0) say("  %d: %d\n", i, told[1]);
        else if (told[0] != EINVAL) say("  %d: not taken, %d\n", i, told[0]);
    }
}

static struct sock_filter programs[][4] = {
    {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), RET(0)},
    {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 60), RET(0)},
    {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 2), RET(0)},
    {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, SKF_AD_OFF + SKF_AD_CPU), RET(0)},
    {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), RET(0)},
    {BPF_STMT(BPF_LD | BPF_W | BPF_IND, 0), RET(0)},
    {BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 5), RET(0)},
    {BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), RET(0)},
    {BPF_STMT(BPF_LD | BPF_MEM, 0), RET(0)},
    {BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LD | BPF_MEM, 3), RET(0)},
    {BPF_STMT(BPF_ST, 15), BPF_STMT(BPF_LDX | BPF_MEM, 15), RET(0)},
    {BPF_STMT(BPF_STX, 16), RET(0)},
    {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), BPF_STMT(BPF_ST, 1), BPF_STMT(BPF_LD | BPF_MEM, 1), RET(0)},
    {BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0), RET(0)},
    {BPF_JUMP(BPF_JMP | BPF_JA, 1, 0, 0), RET(0)},
    {BPF_JUMP(BPF_JMP | BPF_JA, -1, 0, 0), RET(0)},
    {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), RET(0)},
    {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 0, 1), RET(0)},
    {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), RET(0)},
    {BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 3), RET(0)},
    {BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), RET(0)},
    {BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 31), RET(0)},
    {BPF_STMT(BPF_ALU | BPF_NEG, 9), RET(0)},
    {BPF_STMT(BPF_ALU | BPF_NEG | BPF_X, 0), RET(0)},
    {BPF_STMT(BPF_RET | BPF_X, 0), RET(0)},
    {BPF_STMT(0xffff, 0), RET(0)},
    {RET(0), BPF_STMT(BPF_LD | BPF_IMM, 0)},
};

static void looked_at(void) {
    say("programs\n");
    for (unsigned i = 0; i < LENGTH(programs); i++) {
        // All but the last one end with their only return.
        int n = 1;
        while (programs[i][n - 1].code != (BPF_RET | BPF_K) && n < 4) n++;
        if (i + 1 == LENGTH(programs)) n = 2;
        say("  %u:", i);
        CHILD(say(" %s,", result(attach(programs[i], n))));
    }
}

static void arguments(void) {
    say("what is seen\n");
    for (unsigned offset = 0; offset < sizeof(struct seccomp_data); offset += 4) {
        if (offset == 8 || offset == 12) continue;
        for (int shift = 0; shift < 32; shift += 8) {
            struct sock_filter insns[] = {
                LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROBE, 1, 0), RET(SECCOMP_RET_ALLOW),
                BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offset), BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, shift),
                BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff), BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO),
                BPF_STMT(BPF_RET | BPF_A, 0)};
            pid_t child = fork();
            if (child == 0) {
                attach(insns, LENGTH(insns));
                errno = 0;
                syscall(PROBE, 0x0102030405060708, 0x1112131415161718, 0x2122232425262728, 0x3132333435363738,
                        0x4142434445464748, 0x5152535455565758);
                _exit(errno);
            }
            say("%s%02x", shift ? " " : "  ", WEXITSTATUS(end_of(child)));
        }
        say("\n");
    }
    say("  numbers\n");
    CHILD(struct sock_filter insns[] = {LOAD(nr), BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1),
                                        RET(SECCOMP_RET_ERRNO | 77), RET(SECCOMP_RET_ALLOW)};
          attach(insns, 4);
          say("  %s", result(syscall(0x40000000 | SYS_getpid)));
          say(" %s", result(syscall(-1)));
          say(" %s", result(syscall(600)));
          say(" %s\n", result(syscall(1L << 32 | PROBE))));
    CHILD(on_call(0, SYS_read, SECCOMP_RET_ERRNO | EDOM); char c; int ends[2]; (void)!pipe(ends); (void)!write(ends[1], "x", 1);
          say("  %s", result(read(ends[0], &c, 1))); say(" %s\n", result(readv(ends[0], &(struct iovec){&c, 1}, 1))));
}

int main(int argc, char **argv) {
    if (argc > 1) {
        say("  again: %s", result(syscall(SYS_getppid)));
        say(" %s\n", result(syscall(PROBE)));
        status_of("/proc/self/status");
        return 0;
    }
    modes();
    looked_at();
    arguments();
    actions();
    priorities();
    traps();
    cores();
    threads();
    synchronisation();
    inheritance();
    limits();
    random_programs();
}
