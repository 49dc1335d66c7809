/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * An owner: this process, or a child that makes an address space, hands it over
 * and commits what it is told to. With the child, the test is the foreign task.
 * Guest memory has to be shared and mapped before.
 */
#ifndef VIRT_AS_SELFTESTS_OWNER_H
#define VIRT_AS_SELFTESTS_OWNER_H

#include "common.h"

#define OWNER_MAX_ENTRIES	32

struct owner_call {
	__u32 flags;
	__u32 nr;
	struct virt_as_entry entries[OWNER_MAX_ENTRIES];
};

struct owner {
	pid_t pid;	/* 0: this process */
	int sock;
	int as;
};

static inline void owner_serve(int sock)
{
	struct owner_call call;
	int as = as_create();
	int rc = as < 0 ? as : send_fd(sock, as);

	while (!rc && recv(sock, &call, sizeof(call), 0) == sizeof(call)) {
		rc = as_commit(as, call.flags, 0, call.entries, call.nr, NULL);
		if (send(sock, &rc, sizeof(rc), MSG_NOSIGNAL) != sizeof(rc))
			break;
		rc = 0;
	}
	_exit(rc ? 1 : 0);
}

static inline int owner_start(struct owner *owner, bool other)
{
	int pair[2];

	*owner = (struct owner) { .sock = -1 };
	if (!other) {
		owner->as = as_create();
		return owner->as < 0 ? owner->as : 0;
	}
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	owner->pid = fork();
	if (owner->pid < 0)
		return -errno;
	if (!owner->pid) {
		close(pair[0]);
		owner_serve(pair[1]);
	}
	close(pair[1]);
	owner->sock = pair[0];
	owner->as = recv_fd(owner->sock);
	return owner->as < 0 ? owner->as : 0;
}

static inline int owner_commit(struct owner *owner, __u32 flags,
			       const struct virt_as_entry *entries, __u32 nr)
{
	struct owner_call call = { .flags = flags, .nr = nr };
	int rc;

	if (!owner->pid)
		return as_commit(owner->as, flags, 0, entries, nr, NULL);
	if (nr > OWNER_MAX_ENTRIES)
		return -E2BIG;
	memcpy(call.entries, entries, nr * sizeof(*entries));
	if (send(owner->sock, &call, sizeof(call), MSG_NOSIGNAL) != sizeof(call) ||
	    recv(owner->sock, &rc, sizeof(rc), 0) != sizeof(rc))
		return -ECHILD;
	return rc;
}

/* 0, or what went wrong in the child. */
static inline int owner_stop(struct owner *owner)
{
	close(owner->as);
	if (!owner->pid)
		return 0;
	close(owner->sock);
	return child_status(owner->pid);
}

#endif /* VIRT_AS_SELFTESTS_OWNER_H */
