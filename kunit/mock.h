/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * A binding that waits, refuses or naps as it is told, and checks that the core
 * calls it as the contract says. See mock.c.
 */
#ifndef VIRT_AS_KUNIT_MOCK_H
#define VIRT_AS_KUNIT_MOCK_H

#include <linux/spinlock.h>
#include <linux/virt_as.h>

#include "world.h"

enum mock_call {
	MOCK_PREPARE,
	MOCK_COMMIT,
	MOCK_ABORT,
	MOCK_LOG_PREPARE,
	MOCK_LOG_BEGIN,		/* log_commit(true) */
	MOCK_LOG_END,		/* log_commit(false) */
	MOCK_LOG_ABORT,
	MOCK_ARM,
	MOCK_COLLECT,
	MOCK_CALLS,
	MOCK_NEVER = MOCK_CALLS,
};

/* What a mock knows of logging. */
enum mock_logging {
	MOCK_LOG_OFF,
	MOCK_LOG_PREPARED,
	MOCK_LOG_ON,
};

/**
 * struct mock_log - calls of all the mocks of a test, in their order
 * @lock: guards it
 * @text: "pA cA " is prepare and commit of the mock that is named A; a is abort, P, B,
 *	E and A are those of logging and its end, r is arm (again) and k is collect; as
 *	many as there is room for
 * @len: length of @text
 */
struct mock_log {
	spinlock_t lock;	/* the two below */
	char text[64];
	size_t len;
};

/**
 * struct mock - a binding
 * @binding: what the core knows of it
 * @world: its world
 * @log: where its calls are noted, or NULL
 * @name: there
 * @refuse: what prepare returns
 * @refuse_log: what log_prepare returns
 * @refuse_each: if not 0, only each so manieth of these refuses
 * @slow: the call that does not return before @open
 * @naps: calls sleep now and then
 * @entered: the slow call has begun
 * @open: the slow call may return
 * @calls: how often each was called
 * @in_call: a call is in flight
 * @in_drain: and one of arm and collect, which may come beside the others
 * @logging: what it knows of logging
 * @on_begin: called when logging begins, or NULL; each of these
 *	is a part of the mock's own call
 * @on_commit: called by commit, or NULL
 * @on_arm: called by arm, or NULL
 * @on_collect: called by collect, or NULL
 * @context: for these
 * @refused: prepares that refused
 * @violations: calls that the contract does not allow
 * @prepared: the diff that it has prepared
 * @change: the sum of @prepared, as prepare saw it
 * @sum: of all regions of the map that it follows
 * @nr: how many these are
 * @generation: of the map that it follows; 0 when not bound
 * @old_mm: of the last diff
 * @new_mm: of the last diff
 */
struct mock {
	struct virt_as_binding binding;
	struct world *world;
	struct mock_log *log;
	char name;
	int refuse;
	int refuse_log;
	u32 refuse_each;
	enum mock_call slow;
	bool naps;
	bool entered;
	bool open;
	u32 calls[MOCK_CALLS];
	atomic_t in_call;
	atomic_t in_drain;
	enum mock_logging logging;
	void (*on_begin)(struct mock *mock);
	void (*on_commit)(struct mock *mock, const struct virt_as_diff *diff);
	void (*on_arm)(struct mock *mock, const struct virt_as_word *words,
		       unsigned int nr);
	void (*on_collect)(struct mock *mock, u64 gpa, u64 last, bool sync);
	void *context;
	u32 refused;
	atomic_t violations;
	const struct virt_as_diff *prepared;
	u64 change;
	u64 sum;
	u32 nr;
	u64 generation;
	struct mm_struct *old_mm;
	struct mm_struct *new_mm;
};

void mock_init(struct mock *mock, struct world *world, struct mock_log *log,
	       char name);
int mock_bind(struct mock *mock);
void mock_unbind(struct mock *mock);
bool mock_has_map(const struct mock *mock, struct virt_as_binding *reader);

#endif /* VIRT_AS_KUNIT_MOCK_H */
