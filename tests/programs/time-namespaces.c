// Time namespaces: whose clocks are whose, and how far they may be moved.
#include "common.h"
#include <sched.h>
#include <sys/prctl.h>
#include <sys/sysinfo.h>
#include <sys/timerfd.h>

static double seconds(clockid_t clock) {
    struct timespec time;
    clock_gettime(clock, &time);
    return time.tv_sec + time.tv_nsec / 1e9;
}

static double uptime(void) {
    double up = 0;
    FILE *file = fopen("/proc/uptime", "r");
    if (file) { if (fscanf(file, "%lf", &up) != 1) up = -1; fclose(file); }
    return up;
}

static double before[4];
static void clocks(double *into) {
    struct sysinfo info;
    sysinfo(&info);
    into[0] = seconds(CLOCK_MONOTONIC);
    into[1] = seconds(CLOCK_BOOTTIME);
    into[2] = uptime();
    into[3] = info.uptime;
}

// How far the clocks are from what they were, to the nearest ten seconds.
static void moved(void) {
    double now[4];
    clocks(now);
    for (int at = 0; at < 4; at++) say("  %.0f", (now[at] - before[at]) / 10);
    say("\n");
}

static void same(const char *one, const char *other) {
    char a[64] = {0}, b[64] = {0};
    if (readlink(one, a, 63) < 0 || readlink(other, b, 63) < 0) say("  no link\n");
    say("  %s and %s: %s\n", one, other, strcmp(a, b) ? "differ" : "same");
}

static int later(int ms) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_nsec += ms * 1000000L;
    at.tv_sec += at.tv_nsec / 1000000000L;
    at.tv_nsec %= 1000000000L;
    if (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, 0)) return -1;
    int timer = timerfd_create(CLOCK_BOOTTIME, 0);
    struct itimerspec spec = {0};
    clock_gettime(CLOCK_BOOTTIME, &spec.it_value);
    spec.it_value.tv_sec += 1;
    timerfd_settime(timer, TFD_TIMER_ABSTIME, &spec, 0);
    timerfd_gettime(timer, &spec);
    return spec.it_value.tv_sec <= 1 ? 0 : -2;
}

static void *thread(void *nothing) { return nothing; }

static void inside(void) {
    moved();
    say("  sleeping until a time: %d\n", later(20));
    TRY(put_text("/proc/self/timens_offsets", "monotonic 1 0"));
    show_file("/proc/self/timens_offsets");
}

int main(int argc, char **argv) {
    if (argc > 1) {
        sscanf(argv[1], "%lf,%lf,%lf,%lf", &before[0], &before[1], &before[2], &before[3]);
        say("with the next program\n");
        moved();
        return 0;
    }
    clocks(before);
    show_file("/proc/self/timens_offsets");
    TRY(put_text("/proc/self/timens_offsets", "monotonic 1 0"));
    TRY(unshare(CLONE_NEWTIME));
    same("/proc/self/ns/time", "/proc/self/ns/time_for_children");
    TRY(put_text("/proc/self/timens_offsets", ""));
    TRY(put_text("/proc/self/timens_offsets", "monotonic 1\n"));
    TRY(put_text("/proc/self/timens_offsets", "monotonic 1 1000000000\n"));
    TRY(put_text("/proc/self/timens_offsets", "realtime 1 0\n"));
    TRY(put_text("/proc/self/timens_offsets", "0 1 0\n"));
    TRY(put_text("/proc/self/timens_offsets", "monotonic -1000000000 0\n"));
    TRY(put_text("/proc/self/timens_offsets", "monotonic 9223372036 0\n"));
    TRY(put_text("/proc/self/timens_offsets", "monotonic 9223372037 0\n"));
    TRY(put_text("/proc/self/timens_offsets", "monotonic 4611686018 0\n"));
    TRY(put_text("/proc/self/timens_offsets", "monotonic 1000 0\nboottime 2000 5\nboottime 3000 0\n"));
    TRY(put_text("/proc/self/timens_offsets", "monotonic 1000 0\nboottime 2000 5\n"));
    TRY(put_text("/proc/self/timens_offsets", "7 3000 0\n"));
    show_file("/proc/self/timens_offsets");
    moved();
    pthread_t other;
    say("a thread: %s\n", strerrorname_np(pthread_create(&other, 0, thread, 0)));
    say("a child\n");
    pid_t child = fork();
    if (child == 0) { inside(); _exit(0); }
    end_of(child);
    TRY(put_text("/proc/self/timens_offsets", "monotonic 1 0"));
    moved();
    say("one enters\n");
    int first = open("/proc/self/ns/time", O_RDONLY), ns = open("/proc/self/ns/time_for_children", O_RDONLY);
    child = fork();
    if (child == 0) {
        TRY(setns(first, CLONE_NEWTIME));
        moved();
        TRY(setns(ns, CLONE_NEWTIME));
        moved();
        same("/proc/self/ns/time", "/proc/self/ns/time_for_children");
        TRY(unshare(CLONE_NEWTIME));
        show_file("/proc/self/timens_offsets");
        TRY(put_text("/proc/self/timens_offsets", "monotonic 0 0"));
        if (setresuid(1000, 1000, 1000)) _exit(1);
        TRY(prctl(PR_SET_DUMPABLE, 1));
        TRY(put_text("/proc/self/timens_offsets", "monotonic 1 0"));
        TRY(setns(ns, CLONE_NEWTIME));
        TRY(unshare(CLONE_NEWTIME));
        _exit(0);
    }
    end_of(child);
    char text[128];
    snprintf(text, sizeof text, "%f,%f,%f,%f", before[0], before[1], before[2], before[3]);
    execl("/proc/self/exe", "self", text, (char *)0);
    return 1;
}
