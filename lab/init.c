// SPDX-License-Identifier: GPL-2.0-only
/*
 * The first process of the lab's machine. It does what the file /plan says,
 * one line after the other:
 *
 *	env NAME=VALUE			for all programs that follow
 *	module NAME [PARAMETER...]	load /modules/NAME.ko
 *	run SECONDS NAME COMMAND...	run a program, at most so long
 *	test SECONDS NAME COMMAND...	the same; the host expects KTAP
 *	unload NAME			unload a module; fails while it is in use
 *	taint NUMBER			expected at the end; 12288 if nothing is said
 *	lockdep				at the end lockdep must still be on
 *	kmemleak			from here to the end no memory may leak
 *	kcsan				the host judges what KCSAN reports
 *	shell				a prompt on the console
 *
 * and tells the host by a virtio-serial port what became of it. Every line of
 * a program's output comes with a "| " before it, so that no program can speak
 * for this one. The last line, "complete", is what the host insists on; a
 * machine that hangs or dies does not write it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#define KMEMLEAK	"/sys/kernel/debug/kmemleak"
#define KMEMLEAK_AGE	6	/* seconds, before which it reports nothing */
#define TICK_MS		2000

static int port = -1;
static int taint_expected = 12288;	/* out of tree, unsigned */
static bool want_lockdep, want_kmemleak, kcsan;

static void tell(const char *fmt, ...)
{
	char line[4096];
	va_list args;
	int len;

	va_start(args, fmt);
	len = vsnprintf(line, sizeof(line) - 1, fmt, args);
	va_end(args);
	if (len > (int)sizeof(line) - 2)
		len = sizeof(line) - 2;
	line[len++] = '\n';
	if (write(STDOUT_FILENO, line, len) < 0 || port < 0)
		return;
	for (char *p = line; len > 0;) {
		ssize_t done = write(port, p, len);

		if (done < 0 && errno != EINTR && errno != EAGAIN)
			break;
		if (done > 0) {
			p += done;
			len -= done;
		}
	}
}

static long long now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * 1000LL + ts.tv_nsec / 1000000;
}

static bool set(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	bool good = fd >= 0 && write(fd, value, strlen(value)) >= 0;

	if (!good)
		tell("note %s: %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return good;
}

static void mount_all(void)
{
	static const struct {
		const char *type, *where;
	} mounts[] = {
		{ "devtmpfs", "/dev" },
		{ "proc", "/proc" },
		{ "sysfs", "/sys" },
		{ "tmpfs", "/tmp" },
		{ "tmpfs", "/run" },
		{ "tmpfs", "/dev/shm" },
		{ "devpts", "/dev/pts" },
		{ "debugfs", "/sys/kernel/debug" },
		{ "tracefs", "/sys/kernel/tracing" },
		{ "cgroup2", "/sys/fs/cgroup" },
	};

	for (size_t i = 0; i < ARRAY_SIZE(mounts); i++) {
		mkdir(mounts[i].where, 0755);
		if (mount(mounts[i].type, mounts[i].where, mounts[i].type, 0, NULL) &&
		    errno != EBUSY)
			tell("note mount %s: %s", mounts[i].where, strerror(errno));
	}
	chmod("/tmp", 01777);
	chmod("/dev/shm", 01777);
}

static void open_port(void)
{
	for (int i = 0; i < 50 && port < 0; i++) {
		port = open("/dev/vport0p1", O_WRONLY | O_CLOEXEC);
		if (port < 0)
			usleep(100 * 1000);
	}
}

static void report(const char *name, bool good, const char *detail)
{
	tell("check %s %s %s", name, good ? "ok" : "bad", detail);
}

static bool load_module(char *args)
{
	char *name = strsep(&args, " ");
	char path[256];
	int fd, err = 0;

	snprintf(path, sizeof(path), "/modules/%s.ko", name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || syscall(SYS_finit_module, fd, args ? args : "", 0))
		err = errno;
	if (fd >= 0)
		close(fd);
	if (err) {
		snprintf(path, sizeof(path), "load-%s", name);
		report(path, false, strerror(err));
	}
	return !err;
}

/* A last reference may be on its way through RCU: it is given five seconds. */
static void unload_module(const char *name)
{
	char what[256];
	int err = 0;

	for (int i = 0; i < 50; i++) {
		err = syscall(SYS_delete_module, name, O_NONBLOCK) ? errno : 0;
		if (err != EWOULDBLOCK && err != EBUSY)
			break;
		usleep(100 * 1000);
	}
	snprintf(what, sizeof(what), "unload-%s", name);
	report(what, !err, err ? strerror(err) : "nothing holds it");
}

/* Nothing that a program started may outlive it. Returns whether all are gone. */
static bool kill_all(pid_t pid, int *status)
{
	for (int i = 0; i < 100; i++) {
		int other;
		pid_t reaped;

		kill(-1, SIGKILL);
		while ((reaped = waitpid(-1, &other, WNOHANG)) > 0)
			if (reaped == pid)
				*status = other;
		if (reaped < 0 && errno == ECHILD)
			return true;
		usleep(100 * 1000);
	}
	return false;
}

static pid_t start(char *command, int *out)
{
	int fds[2];
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (!pid) {
		int null = open("/dev/null", O_RDONLY);

		setsid();
		if (chdir("/tmp"))
			_exit(126);
		dup2(null, STDIN_FILENO);
		dup2(fds[1], STDOUT_FILENO);
		dup2(fds[1], STDERR_FILENO);
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(127);
	}
	close(fds[1]);
	*out = fds[0];
	return pid;
}

/* Hands on what a program writes, line by line. Returns false at its end. */
static bool relay(int fd, char *line, size_t size, size_t *len)
{
	ssize_t got = read(fd, line + *len, size - 1 - *len);
	char *end;

	if (got <= 0)
		return got < 0 && errno == EINTR;
	*len += got;
	line[*len] = 0;
	while ((end = memchr(line, '\n', *len))) {
		*end = 0;
		tell("| %s", line);
		*len -= end + 1 - line;
		memmove(line, end + 1, *len + 1);
	}
	if (*len == size - 1) {
		tell("| %s", line);
		*len = 0;
	}
	return true;
}

/* run SECONDS NAME COMMAND... */
static void run(char *args)
{
	char *seconds = strsep(&args, " "), *name = strsep(&args, " ");
	long long begin = now_ms(), tick = begin;
	long long deadline = begin + atoll(seconds) * 1000;
	bool done = false, late = false, more = true;
	int status = 0, out = -1;
	char line[2048];
	size_t len = 0;
	pid_t pid;

	tell("begin %s", name);
	pid = start(args, &out);
	if (pid < 0) {
		tell("end %s error 0 0", name);
		return;
	}
	while (!done && !late) {
		struct pollfd pfd = { .fd = more ? out : -1, .events = POLLIN };

		if (poll(&pfd, 1, 100) > 0)
			more = relay(out, line, sizeof(line), &len);
		done = waitpid(pid, &status, WNOHANG) == pid;
		late = now_ms() >= deadline;
		if (now_ms() - tick >= TICK_MS) {
			tick = now_ms();
			tell("tick");
		}
	}
	if (!kill_all(pid, &status))
		report("killable", false, name);
	fcntl(out, F_SETFL, O_NONBLOCK);
	while (more && relay(out, line, sizeof(line), &len))
		;
	if (len)
		tell("| %s", line);
	close(out);
	tell("end %s %s %d %lld", name,
	     !done ? "timeout" : WIFSIGNALED(status) ? "signal" : "exit",
	     WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status),
	     now_ms() - begin);
}

static void check_taint(void)
{
	char text[32] = "";
	FILE *file = fopen("/proc/sys/kernel/tainted", "r");

	if (file && fgets(text, sizeof(text), file))
		text[strcspn(text, "\n")] = 0;
	if (file)
		fclose(file);
	report("taint", atoi(text) == taint_expected, text);
}

/* Lockdep turns itself off after its first report, and when it runs out of room. */
static void check_lockdep(void)
{
	FILE *file = fopen("/proc/lockdep_stats", "r");
	char line[256], detail[256] = "no /proc/lockdep_stats";
	int on = 0;

	while (file && fgets(line, sizeof(line), file)) {
		if (sscanf(line, " debug_locks: %d", &on) == 1)
			snprintf(detail, sizeof(detail), "debug_locks %d", on);
	}
	if (file)
		fclose(file);
	report("lockdep", on == 1, detail);
}

/*
 * What is seen once may be a pointer on its way from one place to another; what
 * leaked is seen again.
 */
static void check_kmemleak(void)
{
	char line[1024], detail[64];
	bool scanned = true;
	int leaks = 0;
	FILE *file;

	for (int scan = 0; scan < 2; scan++) {
		for (int i = 0; i < KMEMLEAK_AGE; i++) {
			sleep(1);
			tell("tick");
		}
		/* It turns itself off when it runs out of memory. */
		scanned &= set(KMEMLEAK, "scan");
	}
	file = scanned ? fopen(KMEMLEAK, "r") : NULL;
	if (!file) {
		report("kmemleak", false, strerror(errno));
		return;
	}
	while (fgets(line, sizeof(line), file)) {
		line[strcspn(line, "\n")] = 0;
		tell("leak %s", line);
		leaks += !strncmp(line, "unreferenced object", 19);
	}
	fclose(file);
	snprintf(detail, sizeof(detail), "%d objects", leaks);
	report("kmemleak", !leaks, detail);
}

static void check_dmesg(void)
{
	static const char * const bad[] = {
		"WARNING:", "BUG:", "kernel BUG", "Oops", "Call Trace:", "refcount_t",
		"blocked for more than", "soft lockup", "hard LOCKUP",
		"rcu: INFO:", "self-detected stall", "corruption",
		"suspected memory leaks", "memory leak in",
		"KASAN", "KFENCE", "KCSAN", "UBSAN", "DEBUG_LOCKS", "usercopy:",
	};
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	int lines = 0, found = 0, lost = 0;
	char record[8192], detail[64];
	ssize_t len;

	while ((len = read(fd, record, sizeof(record) - 1)) > 0 ||
	       (len < 0 && errno == EPIPE)) {
		if (len < 0) {
			lost++;
			continue;
		}
		record[len] = 0;
		lines++;
		if (kcsan && strstr(record, "KCSAN"))
			continue;
		for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
			if (!strstr(record, bad[i]))
				continue;
			record[strcspn(record, "\n")] = 0;
			tell("dmesg %s", record);
			found++;
			break;
		}
	}
	snprintf(detail, sizeof(detail), "%d of %d lines, %d lost", found, lines, lost);
	report("dmesg", lines && !found && !lost, detail);
}

static void shell(void)
{
	pid_t pid = fork();

	if (!pid) {
		setsid();
		ioctl(STDIN_FILENO, TIOCSCTTY, 1);
		execl("/bin/sh", "sh", "-l", NULL);
		_exit(127);
	}
	while (waitpid(-1, NULL, 0) != pid)
		;
}

static bool step(char *line)
{
	char *args = line, *verb = strsep(&args, " ");

	if (!*verb || *verb == '#')
		return true;
	if (!strcmp(verb, "shell")) {
		shell();
		return true;
	}
	if (!strcmp(verb, "kcsan"))
		return kcsan = true;
	if (!strcmp(verb, "lockdep"))
		return want_lockdep = true;
	if (!strcmp(verb, "kmemleak")) {
		set(KMEMLEAK, "clear");
		return want_kmemleak = true;
	}
	if (!args)
		return false;
	if (!strcmp(verb, "taint"))
		return (taint_expected = atoi(args)) || !strcmp(args, "0");
	if (!strcmp(verb, "env"))
		return !putenv(strdup(args));
	if (!strcmp(verb, "module"))
		return load_module(args);
	if (!strcmp(verb, "run") || !strcmp(verb, "test"))
		run(args);
	else if (!strcmp(verb, "unload"))
		unload_module(args);
	else
		return false;
	return true;
}

int main(void)
{
	char line[4096];
	bool good = true;
	FILE *plan;
	int tty;

	mount_all();
	tty = open("/dev/console", O_RDWR);
	if (tty >= 0)
		for (int fd = 0; fd < 3; fd++)
			dup2(tty, fd);
	open_port();
	setenv("PATH", "/bin:/sbin:/tests:/samples", 1);
	setenv("HOME", "/tmp", 1);
	setenv("TERM", "linux", 1);
	if (system("/bin/busybox --install -s /bin"))
		tell("note busybox does not install");
	set("/proc/sys/vm/unprivileged_userfaultfd", "1");
	set("/proc/sys/kernel/printk_ratelimit", "0");

	plan = fopen("/plan", "re");
	while (plan && good && fgets(line, sizeof(line), plan)) {
		line[strcspn(line, "\n")] = 0;
		good = step(line);
		if (!good)
			tell("note the plan ends at: %s", line);
	}
	report("plan", plan && good, "");
	if (want_kmemleak)
		check_kmemleak();
	if (want_lockdep)
		check_lockdep();
	check_taint();
	check_dmesg();
	tell("complete");
	sync();
	reboot(RB_POWER_OFF);
	return 1;
}
