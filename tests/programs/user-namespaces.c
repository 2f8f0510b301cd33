// User namespaces: who makes them, who maps whom, over what capabilities count, and what mounts keep.
#include "common.h"
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/sysmacros.h>

static int to_child[2], to_parent[2];
static void let_go(int *ends) { if (write(ends[1], "x", 1) != 1) _exit(98); }
static void await(int *ends) { char byte; if (read(ends[0], &byte, 1) != 1) _exit(97); }

// Lines of a file that begin with a word.
static void show_lines(const char *path, const char *word) {
    char line[512];
    FILE *file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file))
        if (!strncmp(line, word, strlen(word))) say("  %s", line);
    if (file) fclose(file);
}

static void ids(void) {
    uid_t r, e, s;
    gid_t a, b, c;
    getresuid(&r, &e, &s);
    getresgid(&a, &b, &c);
    say("  uids %u %u %u gids %u %u %u\n", r, e, s, a, b, c);
}

static void owner(const char *path) {
    struct stat at;
    if (lstat(path, &at)) say("  %s: %s\n", path, result(-1));
    else say("  %s: %u %u %o\n", path, at.st_uid, at.st_gid, at.st_mode);
}

static void unmapped(void) {
    TRY(unshare(CLONE_NEWUSER));
    ids();
    show_file("/proc/self/uid_map");
    show_file("/proc/self/setgroups");
    show_lines("/proc/self/status", "Cap");
    show_lines("/proc/self/status", "Groups");
    owner("/");
    owner("/proc/self/uid_map");
    TRY(setuid(0));
    TRY(setuid(1000));
    TRY(setgid(0));
    TRY(setgroups(0, 0));
    TRY(sethostname("inside", 6));
    TRY(mount("none", "/tmp", "tmpfs", 0, 0));
    TRY(unshare(CLONE_NEWUSER));
    TRY(chown("/tmp/work", 0, 0));
    TRY(mkdir("/tmp/work/dir", 0755));
    owner("/tmp/work/dir");
    TRY(mknod("/tmp/work/null", S_IFCHR | 0666, makedev(1, 3)));
    TRY(mknod("/tmp/work/fifo", S_IFIFO | 0666, 0));
    TRY(chroot("/tmp"));
    TRY(put_text("/proc/self/oom_score_adj", "-1"));
}

static void own_maps(void) {
    if (setresgid(1000, 1000, 1000) || setresuid(1000, 1000, 1000)) return;
    TRY(prctl(PR_SET_DUMPABLE, 1));
    TRY(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWUTS));
    TRY(put_text("/proc/self/uid_map", "0 0 1\n"));
    TRY(put_text("/proc/self/uid_map", "0 1000 2\n"));
    TRY(put_text("/proc/self/uid_map", "0 1000\n"));
    TRY(put_text("/proc/self/uid_map", "nobody\n"));
    TRY(put_text("/proc/self/gid_map", "0 1000 1\n"));
    TRY(put_text("/proc/self/setgroups", "never"));
    TRY(put_text("/proc/self/setgroups", "deny"));
    TRY(put_text("/proc/self/setgroups", "deny\n"));
    TRY(put_text("/proc/self/setgroups", "allow"));
    TRY(put_text("/proc/self/gid_map", "0 1000 1\n"));
    TRY(put_text("/proc/self/uid_map", "0 1000 1\n"));
    TRY(put_text("/proc/self/uid_map", "0 1000 1\n"));
    TRY(put_text("/proc/self/setgroups", "deny"));
    ids();
    show_file("/proc/self/uid_map");
    show_file("/proc/self/gid_map");
    show_file("/proc/self/setgroups");
    TRY(setgroups(0, 0));
    TRY(setuid(1));
    TRY(setuid(0));
    owner("/");
    owner("/tmp");
    TRY(sethostname("inside", 6));
    TRY(mount("none", "/tmp", "tmpfs", 0, "mode=755"));
    owner("/tmp");
    TRY(mkdir("/tmp/dir", 0700));
    owner("/tmp/dir");
    TRY(chown("/tmp/dir", 1, 0));
    TRY(mount("none", "/tmp/dir", "tmpfs", 0, "uid=1"));
    TRY(mount("none", "/tmp/dir", "tmpfs", 0, "uid=0,gid=0"));
    TRY(mount("none", "/tmp/dir", "devtmpfs", 0, 0));
    TRY(mount("none", "/tmp/dir", "nothing", 0, 0));
    TRY(mount("none", "/tmp/dir", "proc", 0, 0));
    TRY(open("/dev/null", O_RDWR) >= 0);
    TRY(open("/tmp/null", O_CREAT | O_WRONLY, 0666) >= 0);
    TRY(mount("/dev/null", "/tmp/null", 0, MS_BIND, 0));
    TRY(open("/tmp/null", O_RDWR) >= 0);
    TRY(kill(1, 0));
}

static void mapped_by_root(void) {
    if (pipe(to_child) || pipe(to_parent)) return;
    pid_t child = fork();
    close(child == 0 ? to_child[1] : to_child[0]);
    close(child == 0 ? to_parent[0] : to_parent[1]);
    if (child == 0) {
        TRY(unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWIPC));
        let_go(to_parent);
        await(to_child);
        ids();
        TRY(setgroups(0, 0));
        TRY(setresgid(0, 0, 0));
        TRY(setresuid(0, 0, 0));
        ids();
        show_file("/proc/self/uid_map");
        show_file("/proc/self/gid_map");
        show_lines("/proc/self/status", "Uid");
        show_lines("/proc/self/status", "Gid");
        show_lines("/proc/self/status", "CapEff");
        let_go(to_parent);
        await(to_child);
        gid_t groups[2] = {5, 70000};
        TRY(setgroups(1, groups));
        TRY(setgroups(2, groups));
        show_lines("/proc/self/status", "Groups");
        TRY(setuid(70000));
        TRY(setresuid(-1, 500, -1));
        ids();
        show_lines("/proc/self/status", "CapEff");
        TRY(setresuid(-1, 0, -1));
        show_lines("/proc/self/status", "CapEff");
        owner("/root");
        owner("/tmp/mine");
        owner("/tmp/theirs");
        TRY(chown("/tmp/theirs", 0, 0));
        TRY(chown("/tmp/mine", 7, 7));
        TRY(chown("/tmp/mine", 70000, 7));
        owner("/tmp/mine");
        TRY(open("/tmp/secret", O_RDONLY) >= 0);
        TRY(open("/tmp/mine", O_RDONLY) >= 0);
        TRY(open("/tmp/made", O_CREAT | O_RDWR, 0640) >= 0);
        owner("/tmp/made");
        TRY(chmod("/tmp/made", 06755));
        TRY(kill(getppid(), 0));
        TRY(sethostname("inside", 6));
        TRY(unshare(CLONE_NEWUTS));
        TRY(sethostname("inside", 6));
        TRY(unshare(CLONE_NEWUSER));
        show_file("/proc/self/uid_map");
        TRY(put_text("/proc/self/uid_map", "0 0 1\n"));
        TRY(prctl(PR_SET_DUMPABLE, 1));
        TRY(put_text("/proc/self/uid_map", "0 0 1\n"));
        TRY(put_text("/proc/self/setgroups", "deny"));
        TRY(put_text("/proc/self/gid_map", "0 0 1\n"));
        show_file("/proc/self/uid_map");
        ids();
        let_go(to_parent);
        await(to_child);
        _exit(0);
    }
    await(to_parent);
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/uid_map", child);
    TRY(put_text(path, "0 200000 65536\n0 300000 1\n"));
    TRY(put_text(path, "0 200000 0\n"));
    TRY(put_text(path, "0 200000 65536\n") == 15);
    snprintf(path, sizeof path, "/proc/%d/gid_map", child);
    TRY(put_text(path, "0 200000 1000\n1000 100 1\n"));
    let_go(to_child);
    await(to_parent);
    close(open("/tmp/mine", O_CREAT | O_WRONLY, 0600));
    close(open("/tmp/theirs", O_CREAT | O_WRONLY, 0600));
    close(open("/tmp/secret", O_CREAT | O_WRONLY, 0600));
    TRY(chown("/tmp/mine", 200000, 200000));
    TRY(chown("/tmp/theirs", 7, 7));
    snprintf(path, sizeof path, "/proc/%d/status", child);
    show_lines(path, "Uid");
    snprintf(path, sizeof path, "/proc/%d/uid_map", child);
    show_file(path);
    let_go(to_child);
    await(to_parent);
    show_lines(path, " ");
    owner("/tmp/made");
    snprintf(path, sizeof path, "/proc/%d/ns/user", child);
    int ns = open(path, O_RDONLY);
    say("  open its namespace %s\n", ns < 0 ? result(ns) : "done");
    TRY(setns(ns, CLONE_NEWNS));
    TRY(setns(ns, CLONE_NEWUSER));
    ids();
    TRY(setns(ns, CLONE_NEWUSER));
    TRY(setuid(0));
    TRY(open("/tmp/secret", O_RDONLY) >= 0);
    let_go(to_child);
    end_of(child);
}

static void locked_mounts(void) {
    mkdir("/tmp/base", 0755);
    TRY(mount("none", "/tmp/base", "tmpfs", MS_NOSUID | MS_NOEXEC, 0));
    mkdir("/tmp/base/low", 0755);
    mkdir("/tmp/base/low/dir", 0755);
    TRY(mount("none", "/tmp/base/low", "tmpfs", 0, 0));
    mkdir("/tmp/other", 0777);
    chmod("/tmp/other", 0777);
    TRY(mount(0, "/tmp/base", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID, 0));
    TRY(unshare(CLONE_NEWUSER | CLONE_NEWNS));
    TRY(umount2("/tmp/base/low", 0));
    TRY(umount2("/tmp/base/low", MNT_DETACH));
    TRY(umount2("/tmp/base", MNT_DETACH));
    TRY(mount("/tmp/base", "/tmp/other", 0, MS_BIND, 0));
    TRY(mount("/tmp/base", "/tmp/other", 0, MS_BIND | MS_REC, 0));
    TRY(mount(0, "/tmp/other", 0, MS_REMOUNT | MS_BIND, 0));
    TRY(mount(0, "/tmp/other", 0, MS_REMOUNT | MS_BIND | MS_NOSUID, 0));
    TRY(mount(0, "/tmp/other", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NOATIME, 0));
    TRY(mount(0, "/tmp/other", 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, 0));
    TRY(mount(0, "/tmp/other", 0, MS_REMOUNT | MS_RDONLY | MS_NOSUID, 0));
    TRY(umount2("/tmp/other/low", MNT_DETACH));
    TRY(umount2("/tmp/other", 0));
    TRY(umount2("/tmp/other", MNT_DETACH));
    TRY(mount("/tmp/base/low", "/tmp/other", 0, MS_MOVE, 0));
    TRY(mount(0, "/tmp/base", 0, MS_SHARED, 0));
}

static void trees(void) {
    mkdir("/tmp/a", 0755);
    mkdir("/tmp/b", 0755);
    TRY(mount("none", "/tmp/a", "tmpfs", 0, 0));
    mkdir("/tmp/a/sub", 0755);
    TRY(mount("none", "/tmp/a/sub", "tmpfs", 0, 0));
    close(open("/tmp/a/sub/file", O_CREAT | O_WRONLY, 0644));
    TRY(syscall(SYS_open_tree, AT_FDCWD, "/tmp/a", AT_RECURSIVE));
    TRY(syscall(SYS_open_tree, AT_FDCWD, "/tmp/a", 2));
    TRY(syscall(SYS_open_tree, AT_FDCWD, "/nowhere", 1));
    int one = syscall(SYS_open_tree, AT_FDCWD, "/tmp/a", 1);
    int all = syscall(SYS_open_tree, AT_FDCWD, "/tmp/a", 1 | AT_RECURSIVE | O_CLOEXEC);
    int plain = syscall(SYS_open_tree, AT_FDCWD, "/tmp/a", 0);
    TRY(one >= 0);
    TRY(all >= 0);
    TRY(faccessat(one, "sub/file", F_OK, 0));
    TRY(faccessat(all, "sub/file", F_OK, 0));
    TRY(fcntl(all, F_GETFD));
    TRY(fcntl(one, F_GETFL) & O_PATH);
    TRY(umount2("/tmp/a", MNT_DETACH));
    TRY(faccessat(all, "sub/file", F_OK, 0));
    TRY(syscall(SYS_move_mount, all, "", AT_FDCWD, "/tmp/b", 0));
    TRY(syscall(SYS_move_mount, all, "", AT_FDCWD, "/nowhere", 4));
    TRY(syscall(SYS_move_mount, all, "sub", AT_FDCWD, "/tmp/b", 0));
    TRY(syscall(SYS_move_mount, all, "", all, "", 0x44));
    TRY(syscall(SYS_move_mount, all, "", AT_FDCWD, "/program", 4));
    TRY(syscall(SYS_move_mount, plain, "", AT_FDCWD, "/tmp/b", 4));
    TRY(syscall(SYS_move_mount, all, "", AT_FDCWD, "/tmp/b", 0x1004));
    TRY(syscall(SYS_move_mount, all, "", AT_FDCWD, "/tmp/b", 4));
    TRY(access("/tmp/b/sub/file", F_OK));
    TRY(syscall(SYS_move_mount, all, "", AT_FDCWD, "/tmp/a", 4));
    TRY(access("/tmp/a/sub/file", F_OK));
    TRY(umount2("/tmp/a", 0));
    TRY(close(all));
    TRY(umount2("/tmp/a/sub", 0));
    TRY(umount2("/tmp/a", 0));
    if (setresuid(1000, 1000, 1000)) return;
    TRY(syscall(SYS_open_tree, AT_FDCWD, "/tmp", 1));
    TRY(syscall(SYS_open_tree, AT_FDCWD, "/tmp", 0) >= 0);
    TRY(syscall(SYS_move_mount, one, "", AT_FDCWD, "/tmp/b", 4));
}

static void in_a_changed_root(void) {
    TRY(chroot("/tmp"));
    TRY(unshare(CLONE_NEWUSER));
}

static void threads_and_places(void) {
    TRY(unshare(CLONE_NEWUSER | CLONE_FS));
    int depth = 0;
    put_text("/proc/self/setgroups", "deny");
    while (put_text("/proc/self/uid_map", "0 0 1") > 0 && put_text("/proc/self/gid_map", "0 0 1") > 0
           && unshare(CLONE_NEWUSER) == 0 && depth < 100) depth++;
    say("  %d deep: %s\n", depth, result(-1));
}

int main(void) {
    apart("without maps", unmapped);
    apart("an ordinary user maps himself", own_maps);
    apart("root maps another", mapped_by_root);
    apart("mounts stay what they were", locked_mounts);
    apart("trees of mounts", trees);
    apart("in a changed root", in_a_changed_root);
    apart("each in the one before", threads_and_places);
    return 0;
}
