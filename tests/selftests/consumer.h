/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * In-kernel users of an address space, by way of /dev/virt_as_test. Helpers
 * answer as those of common.h do.
 */
#ifndef VIRT_AS_SELFTESTS_CONSUMER_H
#define VIRT_AS_SELFTESTS_CONSUMER_H

#include "common.h"
#include "modules.h"
#include "virt_as_test.h"

#define RIGHTS_RW	(VIRT_AS_RIGHT_READ | VIRT_AS_RIGHT_WRITE)

#define TEST_MODULE	"virt_as_test"

static inline int vat_open(void)
{
	return sys(open(VAT_DEVICE, O_RDWR | O_CLOEXEC));
}

static inline int vat_bind_as(int vat, int as, __u32 rights, __u32 flags)
{
	struct vat_bind bind = { .fd = as, .rights = rights, .flags = flags };

	return as_ioctl(vat, VAT_BIND, &bind);
}

static inline int vat_bind(int vat, int as, __u32 rights)
{
	return vat_bind_as(vat, as, rights, 0);
}

/* A new consumer, bound; or -errno. */
static inline int vat_bound(int as, __u32 rights)
{
	int vat = vat_open();
	int err = vat < 0 ? vat : vat_bind(vat, as, rights);

	if (err && vat >= 0)
		close(vat);
	return err ? err : vat;
}

static inline int vat_unbind(int vat)
{
	return sys(ioctl(vat, VAT_UNBIND));
}

static inline int vat_mock(int vat, int error, bool hold)
{
	struct vat_mock mock = { .error = error, .hold = hold };

	return as_ioctl(vat, VAT_MOCK, &mock);
}

static inline struct vat_status vat_status(int vat)
{
	struct vat_status status = {};

	if (as_ioctl(vat, VAT_STATUS, &status))
		status.violations = 1000000;
	return status;
}

static inline int vat_run(int vat, __u32 context, struct vat_op *ops, __u32 nr)
{
	struct vat_run run = {
		.context = context, .nr_ops = nr, .ops = (uintptr_t)ops,
	};

	return as_ioctl(vat, VAT_RUN, &run);
}

static inline struct vat_op vat_op(__u32 code, __u64 gpa, const void *data,
				   __u64 len)
{
	return (struct vat_op) {
		.code = code, .gpa = gpa, .data = (uintptr_t)data, .len = len,
	};
}

#define VAT_BEGIN	vat_op(VAT_OP_BEGIN, 0, NULL, 0)
#define VAT_END		vat_op(VAT_OP_END, 0, NULL, 0)

/* One operation without a section of its own around it. */
static inline long vat_one(int vat, __u32 context, struct vat_op *op)
{
	int err = vat_run(vat, context, op, 1);

	return err ? err : op->ret;
}

/* One operation in a section. */
static inline long vat_in_section(int vat, __u32 context, struct vat_op *op)
{
	struct vat_op ops[] = { VAT_BEGIN, *op, VAT_END };
	int err = vat_run(vat, context, ops, 3);

	*op = ops[1];
	return err ? err : ops[0].ret ? ops[0].ret : ops[1].ret;
}

static inline long vat_copy(int vat, __u32 context, __u32 code, __u64 gpa,
			    const void *data, __u64 len)
{
	struct vat_op op = vat_op(code, gpa, data, len);

	return vat_in_section(vat, context, &op);
}

static inline long vat_read(int vat, __u32 context, __u64 gpa, void *data,
			    __u64 len)
{
	return vat_copy(vat, context, VAT_OP_COPY_FROM, gpa, data, len);
}

static inline long vat_write(int vat, __u32 context, __u64 gpa,
			     const void *data, __u64 len)
{
	return vat_copy(vat, context, VAT_OP_COPY_TO, gpa, data, len);
}

static inline void nap(unsigned int us)
{
	struct timespec ts = { us / 1000000, us % 1000000 * 1000 };

	nanosleep(&ts, NULL);
}

/*
 * Waits for what must come true, however slow the machine; false only if it
 * never does.
 */
#define EVENTUALLY(condition) ({					\
	int _left = HANG_MS;						\
									\
	while (!(condition) && _left-- > 0)				\
		nap(1000);						\
	_left >= 0;							\
})

static inline __u32 as_bindings(int fd)
{
	struct virt_as_info info;

	return as_info(fd, &info) ? ~0U : info.out_nr_bindings;
}

static inline bool as_drains(int fd)
{
	struct virt_as_info info;

	return as_info(fd, &info) ||
	       info.out_drained_generation != info.out_generation;
}

/* What poll() tells now of @events. */
static inline int as_poll(int fd, short events, int timeout_ms)
{
	struct pollfd pfd = { .fd = fd, .events = events };
	int rc = sys(poll(&pfd, 1, timeout_ms));

	return rc < 0 ? rc : pfd.revents;
}

/* As /proc has it: 'R' runs, 'S' and 'D' sleep. */
static inline char task_state(pid_t pid, pid_t tid)
{
	char path[64], text[512] = "", *end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) < 0)
		text[0] = 0;
	close(fd);
	end = strrchr(text, ')');
	return end && end[1] ? end[2] : 0;
}

/* A call in a thread of its own, so that the test can look at it. */
struct call {
	pthread_t thread;
	pid_t tid;
	int vat;
	__u32 context;
	struct vat_op ops[8];
	__u32 nr;
	int as;
	__u32 flags;
	const struct virt_as_entry *entries;
	__u32 nr_entries;
	struct virt_as_commit reply;
	void *buf;
	size_t len;
	__u64 gpa;
	long result;
	int done;
};

static inline bool call_done(struct call *call)
{
	return __atomic_load_n(&call->done, __ATOMIC_ACQUIRE);
}

static inline void call_end(struct call *call, long result)
{
	call->result = result;
	__atomic_store_n(&call->done, 1, __ATOMIC_RELEASE);
}

static inline void call_begin(struct call *call)
{
	__atomic_store_n(&call->tid, (pid_t)syscall(SYS_gettid), __ATOMIC_RELEASE);
}

static inline void *call_run(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, vat_run(call->vat, call->context, call->ops, call->nr));
	return NULL;
}

static inline void *call_commit(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, as_commit(call->as, call->flags, 0, call->entries,
				 call->nr_entries, &call->reply));
	return NULL;
}

static inline void *call_pread(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, as_pread(call->as, call->buf, call->len, call->gpa));
	return NULL;
}

static inline void *call_unbind(void *arg)
{
	struct call *call = arg;

	call_begin(call);
	call_end(call, vat_unbind(call->vat));
	return NULL;
}

static inline int call_start(struct call *call, void *(*how)(void *))
{
	call->done = 0;
	call->tid = 0;
	return -pthread_create(&call->thread, NULL, how, call);
}

/* What it returned; -ETIMEDOUT if it hangs, and then it is left to its fate. */
static inline long call_join(struct call *call)
{
	if (!EVENTUALLY(call_done(call)))
		return -ETIMEDOUT;
	pthread_join(call->thread, NULL);
	return call->result;
}

/* Signals until the call has returned: one may come before it waits. */
static inline long call_interrupt(struct call *call)
{
	for (int i = 0; i < HANG_MS / 5 && !call_done(call); i++) {
		pthread_kill(call->thread, SIGUSR1);
		nap(5000);
	}
	return call_join(call);
}

/*
 * It sleeps, and goes on to do so when it is looked at again and again. That a
 * call that must wait would be seen to return takes luck; that one that waits is
 * never taken for one that returns does not.
 */
static inline bool call_waits(struct call *call)
{
	int calm = 0;

	for (int i = 0; i < HANG_MS / 5 && calm < 10; i++) {
		pid_t tid = __atomic_load_n(&call->tid, __ATOMIC_ACQUIRE);
		char state = tid ? task_state(getpid(), tid) : 0;

		nap(5000);
		if (call_done(call))
			return false;
		calm = state == 'S' || state == 'D' ? calm + 1 : 0;
	}
	return calm == 10;
}

#endif /* VIRT_AS_SELFTESTS_CONSUMER_H */
