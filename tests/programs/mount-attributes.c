// mount_setattr(2) without maps: what it refuses, one mount and whole trees, access times, propagation, locked flags.
#include "common.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

struct words { uint64_t set, clear, propagation, userns, more; };

static long change(int dir, const char *path, unsigned flags, struct words words, size_t size) {
    return syscall(SYS_mount_setattr, dir, path, flags, &words, size);
}

#define SET(path, flags, ...) do { \
    long changed = change(AT_FDCWD, path, flags, (struct words){__VA_ARGS__}, 32); \
    say("  %s %#x {%s}: %s\n", path, flags, #__VA_ARGS__, result(changed)); \
} while (0)

// Options and propagation of the mounts here, without what differs from kernel to kernel.
static void show(void) {
    char line[1024];
    FILE *file = fopen("/proc/self/mountinfo", "r");
    while (file && fgets(line, sizeof line, file)) {
        char place[256], options[256], optional[256] = "";
        if (sscanf(line, "%*d %*d %*s %*s %255s %255s %255s", place, options, optional) < 2) continue;
        if (strncmp(place, "/tmp/", 5)) continue;
        optional[strcspn(optional, ":")] = 0;
        say("    %s %s %s\n", place, options, strcmp(optional, "-") ? optional : "");
    }
    if (file) fclose(file);
}

static void tree(void) {
    mkdir("/tmp/a", 0755);
    TRY(mount("none", "/tmp/a", "tmpfs", MS_NOEXEC, 0));
    mkdir("/tmp/a/sub", 0755);
    TRY(mount("none", "/tmp/a/sub", "tmpfs", MS_NOSUID, 0));
    mkdir("/tmp/a/dir", 0755);
}

static void refused(void) {
    tree();
    struct words none = {0};
    for (int size = 0; size <= 40; size += 8) say("  %d bytes: %s\n", size, result(change(AT_FDCWD, "/tmp/a", 0, none, size)));
    TRY(change(AT_FDCWD, "/tmp/a", 0, none, 4097));
    TRY(change(AT_FDCWD, "/tmp/a", 0, (struct words){.more = 1}, 40));
    TRY(syscall(SYS_mount_setattr, AT_FDCWD, "/tmp/a", 0, (void *)8, 32));
    SET("/nowhere", 0, 0);
    SET("/nowhere", 0, 1);
    SET("/tmp/a/dir", 0, 1);
    SET("/tmp/a", 0x200, 1);
    SET("/tmp/a", 1, 1);
    SET("/tmp/a", 0, 0x100);
    SET("/tmp/a", 0, 0x40, 0x70);
    SET("/tmp/a", 0, 0x30, 0x70);
    SET("/tmp/a", 0, 0x10);
    SET("/tmp/a", 0, 0, 0x10);
    SET("/tmp/a", 0, 0, 0, 1);
    SET("/tmp/a", 0, 0, 0, MS_SHARED | MS_PRIVATE);
    SET("/tmp/a", 0, 0, 0, MS_SHARED | MS_REC);
    SET("/tmp/a", 0, 0, 0x100000);
    SET("", 0, 1);
    TRY(change(-1, "", AT_EMPTY_PATH, (struct words){1}, 32));
    show();
    int file = open("/tmp/a/sub/file", O_CREAT | O_WRONLY, 0644);
    SET("/tmp/a", AT_RECURSIVE, 1);
    show();
    close(file);
    if (setresuid(1000, 1000, 1000)) return;
    SET("/tmp/a", 0, 1);
    SET("/tmp/a", 0, 0);
    SET("/tmp/a", 1, 0);
}

static void changes(void) {
    tree();
    SET("/tmp/a", 0, 1);
    show();
    TRY(mkdir("/tmp/a/new", 0755));
    TRY(mkdir("/tmp/a/sub/new", 0755));
    SET("/tmp/a", AT_RECURSIVE, 1 | 2 | 4);
    TRY(mkdir("/tmp/a/sub/newer", 0755));
    show();
    SET("/tmp/a", AT_RECURSIVE, 8, 1 | 4);
    show();
    SET("/tmp/a/sub", 0, 2, 2);
    SET("/tmp/a", AT_RECURSIVE, 0x10, 0x70);
    show();
    SET("/tmp/a", 0, 0x20, 0x70);
    SET("/tmp/a/sub", 0, 0x80 | 0x200000);
    show();
    SET("/tmp/a", AT_RECURSIVE, 0, 0x70 | 0x80);
    SET("/tmp/a", 0, 0, 0, MS_SHARED);
    show();
    SET("/tmp/a", AT_RECURSIVE, 1, 0, MS_SHARED);
    SET("/tmp/a", AT_RECURSIVE, 0, 0, MS_SLAVE);
    SET("/tmp/a/sub", 0, 0, 0, MS_UNBINDABLE);
    show();
    mkdir("/tmp/b", 0755);
    int plain = syscall(SYS_open_tree, AT_FDCWD, "/tmp/a", O_CLOEXEC);
    int copy = syscall(SYS_open_tree, AT_FDCWD, "/tmp/a", 1 | O_CLOEXEC);
    TRY(change(plain, "", 0, (struct words){2}, 32));
    TRY(change(plain, "", AT_EMPTY_PATH, (struct words){2}, 32));
    TRY(change(copy, "", AT_EMPTY_PATH, (struct words){4, 1, MS_PRIVATE}, 32));
    TRY(syscall(SYS_move_mount, copy, "", AT_FDCWD, "/tmp/b", 4));
    show();
}

static void locked(void) {
    tree();
    TRY(mount(0, "/tmp/a", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NODEV | MS_NOATIME, 0));
    TRY(unshare(CLONE_NEWUSER | CLONE_NEWNS));
    SET("/tmp/a", 0, 0, 1);
    SET("/tmp/a", 0, 0, 4);
    SET("/tmp/a", 0, 0, 0x70);
    SET("/tmp/a", 0, 0x10, 0x70);
    SET("/tmp/a", 0, 2);
    SET("/tmp/a", AT_RECURSIVE, 1);
    SET("/tmp/a", AT_RECURSIVE, 4, 2);
    SET("/tmp/a/sub", 0, 0, 1);
    show();
}

int main(void) {
    apart("locked flags", locked);
    apart("refused", refused);
    apart("changes", changes);
    return 0;
}
