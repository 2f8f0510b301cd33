/* The least that a container costs: the calls that a runtime must make for busybox's `true`, without anything that decides on them.
 * Arguments: the root file system, and directories of control groups that exist. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

static void must(int result, const char *what)
{
	if (result < 0) {
		perror(what);
		_exit(1);
	}
}

static void put(const char *dir, const char *name, const char *value)
{
	char path[4096];
	snprintf(path, sizeof path, "%s/%s", dir, name);
	int file = open(path, O_WRONLY | O_CLOEXEC);
	must(file, path);
	must(write(file, value, strlen(value)), path);
	close(file);
}

static void node(const char *path, unsigned major, unsigned minor)
{
	must(mknod(path, S_IFCHR | 0666, makedev(major, minor)), path);
}

static void child(const char *root, char **groups, int count)
{
	for (int at = 0; at < count; at++)
		put(groups[at], "tasks", "0");
	must(unshare(CLONE_NEWCGROUP), "unshare");
	setsid();
	must(mount("", "/", "", MS_REC | MS_SLAVE, ""), "/");
	must(mount(root, root, "", MS_BIND | MS_REC, ""), root);
	must(chdir(root), root);
	must(mount("proc", "proc", "proc", MS_NOSUID | MS_NOEXEC | MS_NODEV, ""), "proc");
	must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"), "dev");
	must(mkdir("dev/pts", 0755) | mkdir("dev/shm", 0755) | mkdir("dev/mqueue", 0755), "mkdir");
	must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"), "pts");
	must(mount("shm", "dev/shm", "tmpfs", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=1777,size=65536k"), "shm");
	must(mount("mqueue", "dev/mqueue", "mqueue", MS_NOSUID | MS_NOEXEC | MS_NODEV, ""), "mqueue");
	must(mount("sysfs", "sys", "sysfs", MS_NOSUID | MS_NOEXEC | MS_NODEV | MS_RDONLY, ""), "sys");
	node("dev/null", 1, 3);
	node("dev/zero", 1, 5);
	node("dev/full", 1, 7);
	node("dev/tty", 5, 0);
	node("dev/random", 1, 8);
	node("dev/urandom", 1, 9);
	must(symlink("/proc/self/fd", "dev/fd"), "fd");
	must(symlink("pts/ptmx", "dev/ptmx"), "ptmx");
	must(mount("/dev/null", "proc/keys", "", MS_BIND, ""), "keys");
	must(mount("proc/sys", "proc/sys", "", MS_BIND | MS_REC, ""), "sys");
	must(mount("", "proc/sys", "", MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NOEXEC | MS_NODEV, ""), "sys");
	must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	must(umount2(".", MNT_DETACH), "umount");
	must(chdir("/"), "/");
	must(sethostname("floor", 5), "hostname");
	for (int cap = 0; cap <= 40; cap++)
		prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	char *argv[] = { "true", NULL };
	execv("/bin/true", argv);
	must(-1, "/bin/true");
}

int main(int argc, char **argv)
{
	(void)argc;
	const char *root = argv[1];
	char **groups = argv + 2;
	int count = 0;
	while (groups[count])
		must(mkdir(groups[count++], 0755), "a control group");
	struct clone_args args = {
		.flags = CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET,
		.exit_signal = SIGCHLD,
	};
	for (int at = 0; at < count; at++)
		if (strstr(groups[at], "/cpuset/")) {
			put(groups[at], "cpuset.cpus", "0");
			put(groups[at], "cpuset.mems", "0");
		}
	long pid = syscall(SYS_clone3, &args, sizeof args);
	must(pid, "clone3");
	if (pid == 0)
		child(root, groups, count);
	int status;
	must(waitpid(pid, &status, 0), "waitpid");
	for (int at = 0; at < count; at++)
		must(rmdir(groups[at]), groups[at]);
	return status != 0;
}
