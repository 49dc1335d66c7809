/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An agent does reads and writes on an address space for a test: in the owner's
 * own process, or in a child whose memory is another one. So one test asks both
 * for the same answers.
 *
 * The agent's buffer is shared memory. The child has nothing else of what the
 * owner mapped that could be taken for guest memory: where the guest lies, it
 * unmaps its copy.
 */
#ifndef VIRT_AS_SELFTESTS_AGENT_H
#define VIRT_AS_SELFTESTS_AGENT_H

#include "common.h"

#define AGENT_ROOM	(4UL << 20)

enum agent_op {
	AGENT_PREAD,
	AGENT_PWRITE,
	AGENT_READ,
	AGENT_WRITE,
	AGENT_LSEEK,
	AGENT_PREADV,
	AGENT_PWRITEV,
	AGENT_QUIT,
};

struct agent_call {
	enum agent_op op;
	int fd;
	int whence;
	void *buf;
	size_t len;
	__u64 gpa;
	struct iovec *iov;	/* in the agent's room */
	int iovcnt;
};

struct agent {
	bool foreign;
	unsigned char *room;
	pid_t pid;
	int sock;
};

static inline long agent_perform(const struct agent_call *c)
{
	switch (c->op) {
	case AGENT_PREAD:
		return sys(pread(c->fd, c->buf, c->len, c->gpa));
	case AGENT_PWRITE:
		return sys(pwrite(c->fd, c->buf, c->len, c->gpa));
	case AGENT_READ:
		return sys(read(c->fd, c->buf, c->len));
	case AGENT_WRITE:
		return sys(write(c->fd, c->buf, c->len));
	case AGENT_LSEEK:
		return sys(lseek(c->fd, c->gpa, c->whence));
	case AGENT_PREADV:
		return sys(preadv(c->fd, c->iov, c->iovcnt, c->gpa));
	case AGENT_PWRITEV:
		return sys(pwritev(c->fd, c->iov, c->iovcnt, c->gpa));
	default:
		return -EINVAL;
	}
}

static inline void agent_serve(int sock)
{
	struct agent_call c;
	long rc;

	while (recv(sock, &c, sizeof(c), 0) == sizeof(c) && c.op != AGENT_QUIT) {
		rc = agent_perform(&c);
		if (send(sock, &rc, sizeof(rc), MSG_NOSIGNAL) != sizeof(rc))
			break;
	}
	_exit(0);
}

/* @mem and @len: the guest memory that a foreign agent shall not have. */
static inline int agent_start(struct agent *agent, bool foreign, void *mem,
			      size_t len)
{
	int pair[2];

	agent->foreign = foreign;
	agent->room = shared_alloc(AGENT_ROOM);
	if (!agent->room)
		return -ENOMEM;
	if (!foreign)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair))
		return -errno;
	agent->pid = fork();
	if (agent->pid < 0)
		return -errno;
	if (!agent->pid) {
		close(pair[0]);
		if (munmap(mem, len))
			_exit(1);
		agent_serve(pair[1]);
	}
	close(pair[1]);
	agent->sock = pair[0];
	return 0;
}

static inline long agent_do(struct agent *agent, struct agent_call c)
{
	long rc;

	if (!agent->foreign)
		return agent_perform(&c);
	if (send(agent->sock, &c, sizeof(c), MSG_NOSIGNAL) != sizeof(c) ||
	    recv(agent->sock, &rc, sizeof(rc), 0) != sizeof(rc))
		return -ECHILD;
	return rc;
}

/* 0, or what went wrong in the child. */
static inline int agent_stop(struct agent *agent)
{
	if (!agent->foreign)
		return 0;
	close(agent->sock);
	return child_status(agent->pid);
}

static inline long agent_pread(struct agent *agent, int fd, void *buf,
			       size_t len, __u64 gpa)
{
	return agent_do(agent, (struct agent_call) {
		.op = AGENT_PREAD, .fd = fd, .buf = buf, .len = len, .gpa = gpa,
	});
}

static inline long agent_pwrite(struct agent *agent, int fd, void *buf,
				size_t len, __u64 gpa)
{
	return agent_do(agent, (struct agent_call) {
		.op = AGENT_PWRITE, .fd = fd, .buf = buf, .len = len, .gpa = gpa,
	});
}

#endif /* VIRT_AS_SELFTESTS_AGENT_H */
