/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * What the tests of the user-space interface share.
 *
 * Every helper answers 0 (or a count, or a descriptor) or -errno, so that a
 * failed comparison prints both the errno that was wanted and the one seen.
 */
#ifndef VIRT_AS_SELFTESTS_COMMON_H
#define VIRT_AS_SELFTESTS_COMMON_H

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "kselftest_harness.h"

/* A busy machine is no reason to fail; what hangs is ended after that. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT	120	/* seconds */

#include <linux/virt_as.h>

#include "virt_as.h"

#define DEVICE		"/dev/virt_as"
#define PG		4096ULL
#define RW		(VIRT_AS_PERM_READ | VIRT_AS_PERM_WRITE)
#define RO		VIRT_AS_PERM_READ
#define NOBODY		65534

/* For as_refused(): whatever out_index is. */
#define ANY_INDEX	0xfffffffeU

/* Never reached unless something hangs. */
#define HANG_MS		20000

static inline long sys(long rc)
{
	return rc < 0 ? -errno : rc;
}

/* Into a file of the kernel's. */
static inline int put_text(const char *path, const char *text)
{
	int fd = sys(open(path, O_WRONLY | O_TRUNC | O_CLOEXEC));
	int err;

	if (fd < 0)
		return fd;
	err = write(fd, text, strlen(text)) < 0 ? -errno : 0;
	close(fd);
	return err;
}

static inline long as_ioctl(int fd, unsigned long number, void *arg)
{
	return sys(ioctl(fd, number, arg));
}

/* How this program makes address spaces. */
static enum virt_as_way test_way;

static inline int as_create(void)
{
	return sys(virt_as_create_by(test_way, NULL, NULL));
}

/* What VIRT_AS_WAY says: "syscall" or "device" and nothing else, or "any". */
static void choose_way(void)
{
	static const char * const names[] = {
		[VIRT_AS_WAY_ANY] = "any",
		[VIRT_AS_WAY_SYSCALL] = "syscall",
		[VIRT_AS_WAY_DEVICE] = "device",
	};
	const char *wish = getenv("VIRT_AS_WAY") ?: names[VIRT_AS_WAY_ANY];

	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strcmp(wish, names[i])) {
			test_way = i;
			return;
		}
	}
	printf("Bail out! VIRT_AS_WAY is %s, not any, syscall or device\n", wish);
	exit(KSFT_FAIL);
}

/* Once for a program, before it has children, and not again when it executes itself. */
static void __attribute__((constructor)) say_way(void)
{
	enum virt_as_way used;
	int fd;

	choose_way();
	if (getenv("VIRT_AS_WAY_IS_SAID"))
		return;
	setenv("VIRT_AS_WAY_IS_SAID", "", 1);
	fd = virt_as_create_by(test_way, NULL, &used);
	if (fd < 0) {
		printf("# no address space can be made: %s\n",
		       virt_as_create_hint(errno));
	} else {
		printf("# address spaces are made by %s\n", virt_as_way_name(used));
		close(fd);
	}
	fflush(stdout);
}

static inline int as_info(int fd, struct virt_as_info *info)
{
	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	return as_ioctl(fd, VIRT_AS_INFO, info);
}

/* Note that it is INFO, which also tells this file of the generation. */
static inline __u64 as_generation(int fd)
{
	struct virt_as_info info;

	return as_info(fd, &info) ? 0 : info.out_generation;
}

/* The most general commit; @reply may be NULL. */
static inline int as_commit(int fd, __u32 flags, __u64 expected,
			    const struct virt_as_entry *entries, __u32 nr,
			    struct virt_as_commit *reply)
{
	struct virt_as_commit commit = {
		.size = sizeof(commit),
		.flags = flags,
		.expected_generation = expected,
		.entries = (uintptr_t)entries,
		.nr_entries = nr,
		.out_index = 0xa5a5a5a5,
		.out_generation = ~0ULL,
	};
	int err = as_ioctl(fd, VIRT_AS_COMMIT, &commit);

	if (reply)
		*reply = commit;
	return err;
}

static inline int as_replace(int fd, const struct virt_as_entry *entries,
			     __u32 nr)
{
	return as_commit(fd, VIRT_AS_COMMIT_REPLACE, 0, entries, nr, NULL);
}

static inline int as_change(int fd, const struct virt_as_entry *entries,
			    __u32 nr)
{
	return as_commit(fd, 0, 0, entries, nr, NULL);
}

/* Takes the room in *@nr and leaves the number of regions there. */
static inline int as_get_map(int fd, struct virt_as_entry *entries, __u32 *nr)
{
	struct virt_as_get_map get = {
		.size = sizeof(get),
		.entries = (uintptr_t)entries,
		.nr_entries = *nr,
	};
	int err = as_ioctl(fd, VIRT_AS_GET_MAP, &get);

	*nr = get.nr_entries;
	return err;
}

static inline int as_restrict(int fd, __u32 rights)
{
	struct virt_as_restrict restricted = {
		.size = sizeof(restricted),
		.rights = rights,
	};

	return as_ioctl(fd, VIRT_AS_RESTRICT, &restricted);
}

static inline struct virt_as_entry as_add(__u64 gpa, __u64 len,
					  const void *hva, __u32 type,
					  __u32 perms)
{
	return (struct virt_as_entry) {
		.op = VIRT_AS_OP_ADD, .type = type, .perms = perms,
		.gpa = gpa, .len = len, .hva = (uintptr_t)hva,
	};
}

static inline struct virt_as_entry as_ram(__u64 gpa, __u64 len, const void *hva)
{
	return as_add(gpa, len, hva, VIRT_AS_TYPE_RAM, RW);
}

static inline struct virt_as_entry as_remove(__u64 gpa, __u64 len)
{
	return (struct virt_as_entry) {
		.op = VIRT_AS_OP_REMOVE, .gpa = gpa, .len = len,
	};
}

static inline struct virt_as_entry as_move(__u64 gpa, __u64 len, __u64 new_gpa)
{
	return (struct virt_as_entry) {
		.op = VIRT_AS_OP_MOVE, .gpa = gpa, .len = len,
		.new_gpa = new_gpa,
	};
}

static inline struct virt_as_entry as_protect(__u64 gpa, __u64 len, __u32 perms)
{
	return (struct virt_as_entry) {
		.op = VIRT_AS_OP_PROTECT, .gpa = gpa, .len = len,
		.perms = perms,
	};
}

static inline bool same_region(const struct virt_as_entry *a,
			       const struct virt_as_entry *b)
{
	return a->op == b->op && a->type == b->type && a->perms == b->perms &&
	       a->gpa == b->gpa && a->len == b->len && a->hva == b->hva &&
	       a->new_gpa == b->new_gpa;
}

static inline long as_pread(int fd, void *buf, size_t len, __u64 gpa)
{
	return sys(pread(fd, buf, len, gpa));
}

static inline long as_pwrite(int fd, const void *buf, size_t len, __u64 gpa)
{
	return sys(pwrite(fd, buf, len, gpa));
}

/* The byte at @gpa, or -errno. */
static inline long as_peek(int fd, __u64 gpa)
{
	unsigned char byte;
	long rc = as_pread(fd, &byte, 1, gpa);

	return rc == 1 ? byte : rc ? rc : -ENODATA;
}

/* Guest memory: zeroed, private to this process. */
static inline void *guest_alloc(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* Memory that stays visible on both sides of a fork. */
static inline void *shared_alloc(size_t len)
{
	void *mem = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	return mem == MAP_FAILED ? NULL : mem;
}

/* Bytes that differ from page to page and from seed to seed. */
static inline unsigned char pattern(size_t i, unsigned int seed)
{
	return (i * 31 + (i >> 8) * 17 + (i >> 16) * 7 + seed * 101) & 0xff;
}

static inline void fill(void *mem, size_t len, unsigned int seed)
{
	unsigned char *p = mem;

	for (size_t i = 0; i < len; i++)
		p[i] = pattern(i, seed);
}

static inline __u64 hash(__u64 h, const void *mem, size_t len)
{
	const unsigned char *p = mem;

	for (size_t i = 0; i < len; i++)
		h = (h ^ p[i]) * 0x100000001b3ULL;
	return h;
}

/* All that a refused commit must leave alone. */
struct as_state {
	__u64 generation;
	__u64 drained;
	__u64 map;
	__u64 memory;
	int err;
};

static inline struct as_state as_state(int fd)
{
	struct as_state state = { .map = 1, .memory = 1 };
	struct virt_as_entry *map;
	struct virt_as_info info;
	unsigned char buf[64];
	__u32 nr;

	state.err = as_info(fd, &info);
	if (state.err)
		return state;
	state.generation = info.out_generation;
	state.drained = info.out_drained_generation;
	nr = info.out_nr_regions;
	map = calloc(nr + 1, sizeof(*map));
	state.err = as_get_map(fd, map, &nr);
	if (!state.err)
		state.map = hash(nr, map, nr * sizeof(*map));
	for (__u32 i = 0; !state.err && i < nr && i < 64; i++) {
		__u64 at[2] = { map[i].gpa, map[i].gpa + map[i].len - PG };

		for (int j = 0; j < 2; j++) {
			long rc = as_pread(fd, buf, sizeof(buf), at[j]);

			state.memory = hash(state.memory, &rc, sizeof(rc));
			if (rc > 0)
				state.memory = hash(state.memory, buf, rc);
		}
	}
	free(map);
	return state;
}

static inline bool same_state(const struct as_state *a,
			      const struct as_state *b)
{
	return !a->err && !b->err && a->generation == b->generation &&
	       a->drained == b->drained && a->map == b->map &&
	       a->memory == b->memory;
}

/*
 * Commits what must be refused with @error because of entry @index, and looks
 * whether anything has changed. Answers "" or what is wrong.
 */
static inline const char *as_refused(int fd, int error, __u32 index,
				     __u32 flags, __u64 expected,
				     const struct virt_as_entry *entries,
				     __u32 nr)
{
	static char text[160];
	struct virt_as_commit reply;
	struct as_state before, after;
	int err;

	before = as_state(fd);
	err = as_commit(fd, flags, expected, entries, nr, &reply);
	after = as_state(fd);

	if (before.err || after.err)
		snprintf(text, sizeof(text), "no state: %d, %d", before.err,
			 after.err);
	else if (err != -error)
		snprintf(text, sizeof(text),
			 "errno %d, not %d; flags %#x index %#x", -err, error,
			 flags, reply.out_index);
	else if (index != ANY_INDEX && reply.out_index != index)
		snprintf(text, sizeof(text), "out_index %#x, not %#x",
			 reply.out_index, index);
	else if (reply.out_generation != before.generation)
		snprintf(text, sizeof(text), "out_generation %llu, not %llu",
			 reply.out_generation, before.generation);
	else if (after.generation != before.generation ||
		 after.drained != before.drained)
		snprintf(text, sizeof(text), "generation %llu, was %llu",
			 after.generation, before.generation);
	else if (after.map != before.map)
		snprintf(text, sizeof(text), "the map has changed");
	else if (after.memory != before.memory)
		snprintf(text, sizeof(text), "the memory has changed");
	else
		text[0] = 0;
	return text;
}

#define EXPECT_REFUSED(error, index, fd, flags, expected, entries, nr)	\
	EXPECT_STREQ("", as_refused(fd, error, index, flags, expected,	\
				    entries, nr))

/* One fd over a socket of a pair, as processes pass them. */
static inline int send_fd(int sock, int fd)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	struct iovec iov = { .iov_base = (char[]) { 'f' }, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	return sendmsg(sock, &msg, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static inline int recv_fd(int sock)
{
	char control[CMSG_SPACE(sizeof(int))] = {};
	char byte;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t rc;
	int fd;

	rc = recvmsg(sock, &msg, 0);
	if (rc != 1)
		return rc < 0 ? -errno : -EPIPE;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS)
		return -ENOMSG;
	memcpy(&fd, CMSG_DATA(cmsg), sizeof(fd));
	return fd;
}

/* Steps of two processes: one posts a byte, the other waits for it. */
static inline int post(int sock)
{
	return send(sock, "x", 1, MSG_NOSIGNAL) == 1 ? 0 : -errno;
}

static inline int await(int sock)
{
	char byte;
	ssize_t rc = recv(sock, &byte, 1, 0);

	return rc == 1 ? 0 : rc < 0 ? -errno : -EPIPE;
}

/* The exit code of a child; 1000 + signal if one killed it. */
static inline int child_status(pid_t pid)
{
	int status;

	if (waitpid(pid, &status, 0) != pid)
		return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) :
				   1000 + WTERMSIG(status);
}

/*
 * Until a task is in a state ('S': asleep, 'Z': a zombie). A task that posts and
 * then sleeps in one thing only is known to be in it.
 */
static inline int await_state(pid_t pid, char want)
{
	char path[64], text[256], *state;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/stat", pid);
	for (;;) {
		f = fopen(path, "r");
		if (!f)
			return -errno;
		state = fgets(text, sizeof(text), f) ? strrchr(text, ')') : NULL;
		fclose(f);
		if (!state)
			return -ESRCH;
		if (state[2] == want)
			return 0;
		if (state[2] == 'Z')
			return -ESRCH;
		sched_yield();
	}
}

#define FDINFO_LINE	256

/* The value behind @key ("virt_as-owner") in fdinfo of @fd; 0 or -ENOENT. */
static inline int fdinfo_text(int fd, const char *key, char value[FDINFO_LINE])
{
	char path[64], line[FDINFO_LINE];
	size_t len = strlen(key);
	int err = -ENOENT;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	if (!f)
		return -errno;
	while (err && fgets(line, sizeof(line), f)) {
		if (strncmp(line, key, len) || line[len] != ':' ||
		    line[len + 1] != '\t')
			continue;
		line[strcspn(line, "\n")] = 0;
		memcpy(value, line + len + 2, strlen(line + len + 2) + 1);
		err = 0;
	}
	fclose(f);
	return err;
}

static inline long long fdinfo_number(int fd, const char *key)
{
	char value[FDINFO_LINE], *end;
	long long number;
	int err = fdinfo_text(fd, key, value);

	if (err)
		return err;
	number = strtoll(value, &end, 10);
	return *end || end == value ? -EINVAL : number;
}

#endif /* VIRT_AS_SELFTESTS_COMMON_H */
