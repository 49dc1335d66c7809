// SPDX-License-Identifier: GPL-2.0-only
/*
 * KVM's binding with a fault in every place that can have one: BIND, UNBIND, commits
 * that a VM follows, and the opening of a log. What fails leaves the VM with what it
 * had, and the guest with what it saw; what goes through is whole.
 */
#include "fail_nth.h"
#include "kvm_bound.h"

#define NEW	AT(0x9000)

struct scene {
	struct sweep sweep;
	struct census census;
	struct bound b;
};

/* RAM has 1000 and up, the spare memory 2000 and up. Answers "" or what is wrong. */
static const char *scene_open(struct scene *s)
{
	const char *wrong = sweep_open(&s->sweep, MAY_NOMEM);

	if (*wrong)
		return wrong;
	if (census_begin(&s->census))
		return "nothing to begin with";
	wrong = bound_open(&s->b, 1);
	for (__u64 i = 0; !*wrong && i < RAM_PAGES; i++) {
		*word_of(s->b.mem, i) = 1000 + i;
		*word_of(s->b.spare, i) = 2000 + i;
	}
	return wrong;
}

static const char *scene_close(struct scene *s)
{
	bound_close(&s->b);
	return census_end(&s->census);
}

/* Whether the guest sees @ram at RAM, and @new at NEW or no memory there. */
static const char *guest_wrong(struct scene *s, long long ram, long long new)
{
	static char text[160];
	struct vcpu *vcpu = s->b.vcpu;
	const long long seen[4] = {
		guest_read(vcpu, RAM), guest_read_emulated(vcpu, RAM + PG),
		guest_read(vcpu, RAM + 63 * PG), guest_read(vcpu, NEW),
	};

	if (seen[0] == ram && seen[1] == ram + 1 && seen[2] == ram + 63 && seen[3] == new)
		return "";
	snprintf(text, sizeof(text), "the guest sees %lld %lld %lld %lld, not %lld %lld",
		 seen[0], seen[1], seen[2], seen[3], ram, new);
	return text;
}

FIXTURE(faults)
{
	struct scene s;
};

FIXTURE_SETUP(faults)
{
	ASSERT_STREQ("", scene_open(&self->s));
}

FIXTURE_TEARDOWN(faults)
{
	EXPECT_STREQ("", scene_close(&self->s));
}

/* A VM that is not bound may have slots of its own, and be bound after all. */
static const char *bind_once(struct scene *s, bool fault)
{
	int vm = s->b.vm.fd, rc;

	if (fault)
		sweep_arm(&s->sweep);
	rc = kvm_bind(vm, s->b.as);
	if (fault) {
		sweep_disarm(&s->sweep);
		sweep_count(&s->sweep, rc);
	}
	if (!rc) {
		const char *wrong = guest_wrong(s, 1000, -ENXIO);

		return *wrong ? wrong : kvm_unbind(vm) ? "it cannot be unbound" : "";
	}
	if (!fault || !sweep_failed(&s->sweep, rc))
		return "another errno";
	if (as_bindings(s->b.as))
		return "refused, but bound";
	if (vm_slot(vm, 0, 0, 0, SYS_LEN, s->b.sys) || vm_slot(vm, 0, 0, 0, 0, NULL))
		return "refused, but there are no slots";
	return "";
}

static void sweep_bind(struct __test_metadata *_metadata, struct scene *s,
		       const char *what)
{
	ASSERT_EQ(0, kvm_unbind(s->b.vm.fd));
	/* For each slot, for the change, for the binding; and the copy of the argument. */
	s->sweep.may = MAY_BOTH;
	sweep_demand(&s->sweep, 30, 20, 0);
	while (sweep_next(&s->sweep)) {
		ASSERT_STREQ("", sweep_tell(&s->sweep, bind_once(s, true)));
		ASSERT_STREQ("", sweep_tell(&s->sweep, bind_once(s, false)));
	}
	EXPECT_STREQ("", sweep_close(&s->sweep, what));
	EXPECT_EQ(0, kvm_bind(s->b.vm.fd, s->b.as));
}

TEST_F_TIMEOUT(faults, bind, SWEEP_TIMEOUT)
{
	sweep_bind(_metadata, &self->s, "bind");
}

TEST_F_TIMEOUT(faults, bind_while_logging, SWEEP_TIMEOUT)
{
	int log = log_open(self->s.b.as);

	ASSERT_LE(0, log);
	sweep_bind(_metadata, &self->s, "bind, logged");
	log_take(log);
	EXPECT_EQ(0, guest_write(self->s.b.vcpu, RAM + 3 * PG, 1003));
	EXPECT_TAKEN("103", log);
	close(log);
}

/* What is refused is still bound, and follows. */
static const char *unbind_once(struct scene *s, bool fault)
{
	int vm = s->b.vm.fd, rc;

	if (fault)
		sweep_arm(&s->sweep);
	rc = kvm_unbind(vm);
	if (fault) {
		sweep_disarm(&s->sweep);
		sweep_count(&s->sweep, rc);
	}
	if (!rc)
		return as_bindings(s->b.as) ? "unbound, but bound" :
		       kvm_bind(vm, s->b.as) ? "it cannot be bound again" : "";
	if (!fault || !sweep_failed(&s->sweep, rc))
		return "another errno";
	return as_bindings(s->b.as) == 1 ? guest_wrong(s, 1000, -ENXIO) : "half unbound";
}

TEST_F_TIMEOUT(faults, unbind, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->s.sweep;

	sweep->may = MAY_BOTH;
	sweep_demand(sweep, 2, 2, 0);
	while (sweep_next(sweep)) {
		ASSERT_STREQ("", sweep_tell(sweep, unbind_once(&self->s, true)));
		ASSERT_STREQ("", sweep_tell(sweep, unbind_once(&self->s, false)));
	}
	EXPECT_STREQ("", sweep_close(sweep, "unbind"));
	EXPECT_STREQ("", guest_wrong(&self->s, 1000, -ENXIO));
}

/* The first log, for which KVM has to make something of each of its slots. */
static const char *log_once(struct scene *s, bool fault)
{
	int log;
	const char *wrong = "";

	if (fault)
		sweep_arm(&s->sweep);
	log = log_open(s->b.as);
	if (fault) {
		sweep_disarm(&s->sweep);
		sweep_count(&s->sweep, log);
	}
	if (log < 0)
		return !fault || !sweep_failed(&s->sweep, log) ? "another errno" :
		       as_logs(s->b.as) ? "refused, but open" :
		       guest_write(s->b.vcpu, RAM + 3 * PG, 1003) ? "no writes" : "";
	for (int i = 0; !*wrong && i < 2; i++) {
		if (guest_write(s->b.vcpu, RAM + 3 * PG, 1003) ||
		    guest_write_emulated(s->b.vcpu, RAM + 5 * PG, 1005))
			wrong = "no writes";
		else if (strcmp("103 105", log_take(log)))
			wrong = "a log that does not hear";
	}
	close(log);
	/* The next one is to be the first one again, or nearly: it may come before. */
	nap(10000);
	return wrong;
}

TEST_F_TIMEOUT(faults, log, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->s.sweep;

	sweep->may = MAY_BOTH;
	sweep_demand(sweep, 16, 12, 0);
	while (sweep_next(sweep)) {
		ASSERT_STREQ("", sweep_tell(sweep, log_once(&self->s, true)));
		ASSERT_STREQ("", sweep_tell(sweep, log_once(&self->s, false)));
	}
	EXPECT_STREQ("", sweep_close(sweep, "log, the first, of a VM"));
	EXPECT_STREQ("", guest_wrong(&self->s, 1000, -ENXIO));
}

/* A commit of a few changes: one region goes and comes with other memory, one comes. */
FIXTURE(commit)
{
	struct scene s;
	struct virt_as_entry list[3];
	struct virt_as_entry back[3];
	int log;
};

FIXTURE_VARIANT(commit)
{
	const char *what;
	bool logged;
	__u32 flags;
};

FIXTURE_VARIANT_ADD(commit, silent) {
	.what = "commit, followed by a VM",
};

FIXTURE_VARIANT_ADD(commit, logged) {
	.what = "commit, followed by a VM, logged", .logged = true,
};

FIXTURE_VARIANT_ADD(commit, nowait) {
	.what = "commit, followed by a VM, NOWAIT", .flags = VIRT_AS_COMMIT_NOWAIT,
};

FIXTURE_SETUP(commit)
{
	struct bound *b = &self->s.b;

	ASSERT_STREQ("", scene_open(&self->s));
	self->list[0] = as_remove(RAM, RAM_PAGES * PG);
	self->list[1] = as_ram(RAM, RAM_PAGES * PG, b->spare);
	self->list[2] = as_ram(NEW, PG, b->mem);
	self->back[0] = as_remove(RAM, RAM_PAGES * PG);
	self->back[1] = as_ram(RAM, RAM_PAGES * PG, b->mem);
	self->back[2] = as_remove(NEW, PG);
	self->log = variant->logged ? log_open(b->as) : -1;
	ASSERT_TRUE(!variant->logged || self->log >= 0);
}

FIXTURE_TEARDOWN(commit)
{
	if (self->log >= 0)
		close(self->log);
	EXPECT_STREQ("", scene_close(&self->s));
}

static const char *commit_once(struct _test_data_commit *self, __u32 flags, bool fault)
{
	struct scene *s = &self->s;
	struct as_state was = as_state(s->b.as), is;
	const char *wrong = guest_wrong(s, 1000, -ENXIO);
	int rc;

	if (*wrong)
		return wrong;
	if (fault)
		sweep_arm(&s->sweep);
	rc = as_commit(s->b.as, flags, 0, self->list, 3, NULL);
	if (fault) {
		sweep_disarm(&s->sweep);
		sweep_count(&s->sweep, rc);
	}
	if (!EVENTUALLY(!as_drains(s->b.as)))
		return "the old map does not drain";
	if (rc) {
		is = as_state(s->b.as);
		if (!fault || !sweep_failed(&s->sweep, rc))
			return "another errno";
		if (!same_state(&was, &is))
			return "refused, but something has changed";
		return guest_wrong(s, 1000, -ENXIO);
	}
	wrong = guest_wrong(s, 2000, 1000);
	if (*wrong)
		return wrong;
	if (self->log >= 0) {
		log_take(self->log);
		if (guest_write(s->b.vcpu, RAM + 3 * PG, 2003) ||
		    guest_write(s->b.vcpu, NEW + 8, 1))
			return "no writes";
		if (strcmp("103 9000", log_take(self->log)))
			return "a log that does not hear";
	}
	return as_change(s->b.as, self->back, 3) ? "no way back" : "";
}

TEST_F_TIMEOUT(commit, commit, SWEEP_TIMEOUT)
{
	struct sweep *sweep = &self->s.sweep;

	sweep->may = MAY_BOTH;
	/* Two slots, of each what is accounted in it, and what the core makes. */
	sweep_demand(sweep, 30, 18, 0);
	while (sweep_next(sweep)) {
		ASSERT_STREQ("", sweep_tell(sweep, commit_once(self, variant->flags, true)));
		ASSERT_STREQ("", sweep_tell(sweep, commit_once(self, variant->flags, false)));
	}
	EXPECT_STREQ("", sweep_close(sweep, variant->what));
}

TEST_HARNESS_MAIN
