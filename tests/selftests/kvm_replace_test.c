// SPDX-License-Identifier: GPL-2.0-only
/*
 * A VM's whole map is replaced again and again, while its vCPUs read, execute, write
 * and have emulated what lies there, the owner's page tables change, and a log is
 * harvested. Nothing may be torn, no access may leave KVM, no write may be lost.
 */
#include "effort.h"
#include "kvm_keeper.h"

/* Commits between two looks for what was lost. */
#define LOOK_EVERY	25

struct stage {
	struct kvm_world world;
	struct keeper keeper;
	struct storm storm;
	bool logged;
	__u32 commits;
	__u64 tried;
	__u64 refused;
	__u64 looks;
	__u64 overlapped;	/* commits during which the guest went on reading */
	/* Of KVM, before. */
	long long replaces;
	long long running;
};

/* Epoch 1 is the first map; the vCPUs begin in it. */
static const char *stage_open(struct stage *s, int vcpus, bool logged)
{
	struct kvm_world *w = &s->world;

	*s = (struct stage) { .logged = logged };
	if (world_open(w, vcpus))
		return "no guest";
	w->as = as_create();
	world_stamp(w, 1, 1);
	torture_all(w->sys)->started = 1;
	if (w->as < 0 || commit_whole(w, 1, 0, 0))
		return "no address space";
	w->epoch = 1;
	if (kvm_bind(w->vm.fd, w->as))
		return "the VM cannot be bound";
	if (world_use_tables(w))
		return "other page tables are refused";
	if (logged && keeper_open(&s->keeper, w))
		return "no log";
	s->replaces = kvm_stat(w->vm.fd, "virt_as_replaces");
	s->running = kvm_stat(w->vm.fd, "virt_as_replaces_running");
	if (s->replaces < 0 || s->running < 0)
		return "KVM does not count what it replaces";
	return torture_start(&w->vm, w->sys, world_table(w, ~0U), 8) ?
	       "the vCPUs do not start" : "";
}

/* What the guest has read so far. */
static __u64 reads(const struct stage *s)
{
	__u64 sum = 0;

	for (int i = 0; i < s->world.vm.nr_vcpus; i++)
		sum += __atomic_load_n(&torture_of(s->world.sys, i)->done[READ],
				       __ATOMIC_ACQUIRE);
	return sum;
}

static int tries_in_vain(struct stage *s, __u32 epoch)
{
	int err = 0;

	if (epoch % 7 == 0) {
		err = commit_whole(&s->world, epoch, VIRT_AS_COMMIT_TRY, 0);
		s->tried++;
	}
	if (!err && epoch % 7 == 3) {
		err = commit_in_vain(&s->world, epoch) == -ENXIO ? 0 : -EINVAL;
		s->refused++;
	}
	return err;
}

static int commit_somehow(struct stage *s, __u32 epoch)
{
	struct kvm_world *w = &s->world;
	__u32 flags = epoch % 5 == 2 ? VIRT_AS_COMMIT_NOWAIT : 0;
	int err;

	if (s->logged && epoch % 4 == 1)
		err = keeper_commit_clean(&s->keeper, epoch, flags);
	else if (epoch % 4 == 3)
		err = commit_changes(w, epoch, flags, 0);
	else
		err = commit_whole(w, epoch, flags, 0);
	if (err)
		return err;
	return !flags || EVENTUALLY(!as_drains(w->as)) ? 0 : -ETIMEDOUT;
}

/* From the present epoch to the next. */
static int stage_step(struct stage *s)
{
	struct kvm_world *w = &s->world;
	struct torture_all *all = torture_all(w->sys);
	__u32 epoch = w->epoch + 1;
	int b = epoch % NR_BUFFERS, err;
	__u64 before;

	world_compare(w, b);
	world_stamp(w, b, epoch);
	__atomic_store_n(&all->started, epoch, __ATOMIC_RELEASE);
	err = tries_in_vain(s, epoch);
	before = reads(s);
	if (!err)
		err = commit_somehow(s, epoch);
	if (err)
		return err;
	s->overlapped += reads(s) != before;
	__atomic_store_n(&all->newest, epoch, __ATOMIC_RELEASE);
	world_leave(w, w->epoch % NR_BUFFERS);
	w->epoch = epoch;
	s->commits++;
	return 0;
}

/* With all vCPUs out of the guest, by a kick or by themselves. */
static int stage_look(struct stage *s)
{
	struct kvm_world *w = &s->world;
	int err = torture_pause(&w->vm, w->sys, ++s->looks & 1);

	if (!err && s->logged)
		err = keeper_compare(&s->keeper);
	torture_go_on(w->sys);
	return err;
}

static int stage_run(struct stage *s, __u32 commits)
{
	int err = 0;

	while (!err && s->commits < commits) {
		/* Time for the vCPUs to have it all mapped, or some of it. */
		nap(s->commits % 7 * 700);
		err = stage_step(s);
		if (!err && s->commits % LOOK_EVERY == 0)
			err = stage_look(s);
	}
	if (err)
		ksft_print_msg("epoch %u ended with errno %d\n", s->world.epoch + 1, -err);
	return err;
}

static void add_up(struct kvm_world *w, struct torture *sum)
{
	*sum = (struct torture) {};
	for (int i = 0; i < w->vm.nr_vcpus; i++) {
		struct torture *t = torture_of(w->sys, i);

		for (enum deed deed = 0; deed < NR_DEEDS; deed++)
			sum->done[deed] += t->done[deed];
		sum->epochs = t->epochs > sum->epochs ? t->epochs : sum->epochs;
		sum->torn += t->torn;
		sum->early += t->early;
		sum->mixed += t->mixed;
		sum->em_mixed += t->em_mixed;
		sum->spurious += t->spurious;
		if (t->bad[0])
			ksft_print_msg("vCPU %d, first: at %llx epoch %llu, not %llu\n",
				       i, t->bad[0], t->bad[1], t->bad[2]);
		if (t->spurious)
			ksft_print_msg("vCPU %d, first exit: at %llx\n", i,
				       t->spurious_gpa);
	}
}

static void print_deeds(const struct torture *sum)
{
	for (enum deed deed = 0; deed < NR_DEEDS; deed++)
		ksft_print_msg("%12llu of %s\n", sum->done[deed], deed_names[deed]);
}

/* What the vCPUs say of themselves, and that it is enough to be believed. */
static void judge_guest(struct __test_metadata *_metadata, struct stage *s)
{
	struct kvm_world *w = &s->world;
	long long replaces, running, retries = 0;
	struct torture sum;

	for (int i = 0; i < w->vm.nr_vcpus; i++) {
		EXPECT_EQ(-EINTR, vcpu_stop(&w->vm.vcpus[i]));
		retries += vcpu_retries(&w->vm.vcpus[i]);
	}
	add_up(w, &sum);
	replaces = kvm_stat(w->vm.fd, "virt_as_replaces") - s->replaces;
	running = kvm_stat(w->vm.fd, "virt_as_replaces_running") - s->running;
	ksft_print_msg("%llu torn, %llu early, %llu + %llu mixed, %llu spurious exits,\n",
		       sum.torn, sum.early, sum.mixed, sum.em_mixed, sum.spurious);
	ksft_print_msg("%llu late writes in %lld replaces; %lld found a running vCPU,\n",
		       w->late, replaces, running);
	ksft_print_msg("during %llu the guest went on reading;\n", s->overlapped);
	ksft_print_msg("%llu epochs seen, %lld faults that retried; %llu tried, %llu refused\n",
		       sum.epochs, retries, s->tried, s->refused);
	print_deeds(&sum);
	EXPECT_EQ(0, sum.torn);
	EXPECT_EQ(0, sum.early);
	EXPECT_EQ(0, sum.mixed);
	EXPECT_EQ(0, sum.em_mixed);
	EXPECT_EQ(0, sum.spurious);
	EXPECT_EQ(0, w->late);
	EXPECT_EQ(s->commits, replaces);
	EXPECT_EQ(s->commits, w->checked);
	EXPECT_LE(s->commits / 10, running);
	EXPECT_LE(s->commits / 10, s->overlapped);
	EXPECT_LE(s->commits / 10, sum.epochs);
	EXPECT_LE(1, retries);
	for (enum deed deed = 0; deed < NR_DEEDS; deed++)
		EXPECT_LE(s->commits / 10, sum.done[deed]);
}

static void judge_log(struct __test_metadata *_metadata, struct stage *s)
{
	struct keeper *k = &s->keeper;

	EXPECT_EQ(0, keeper_stop(k));
	EXPECT_EQ(0, keeper_compare(k));
	ksft_print_msg("%llu lost of %llu pages compared; %llu harvests found %llu pages\n",
		       k->lost, k->compared, k->harvests, k->pages);
	EXPECT_EQ(0, k->lost);
	EXPECT_LE(s->commits / 10, k->harvests);
	EXPECT_LE(s->commits, k->pages);
	EXPECT_LE(s->looks * NR_WATCHED, k->compared);
	close(k->log);
}

FIXTURE(replace)
{
	struct stage s;
};

FIXTURE_VARIANT(replace)
{
	int vcpus;
	bool logged;
	bool storm;
	__u32 few, usual, many;
};

FIXTURE_VARIANT_ADD(replace, two) {
	.vcpus = 2, .logged = true, .storm = true,
	.few = 100, .usual = 300, .many = 10000,
};

FIXTURE_VARIANT_ADD(replace, one) {
	.vcpus = 1, .logged = true, .storm = true,
	.few = 30, .usual = 60, .many = 10000,
};

FIXTURE_VARIANT_ADD(replace, four) {
	.vcpus = 4, .logged = true, .storm = true,
	.few = 30, .usual = 60, .many = 10000,
};

FIXTURE_VARIANT_ADD(replace, in_silence) {
	.vcpus = 2, .few = 30, .usual = 60, .many = 2000,
};

FIXTURE_SETUP(replace)
{
	ASSERT_STREQ("", stage_open(&self->s, variant->vcpus, variant->logged));
}

FIXTURE_TEARDOWN(replace)
{
	vm_close(&self->s.world.vm);
	EXPECT_EQ(0, as_bindings(self->s.world.as));
	close(self->s.world.as);
}

TEST_F_TIMEOUT(replace, torture, 3600)
{
	__u32 commits = effort(variant->few, variant->usual, variant->many);
	struct stage *s = &self->s;

	if (variant->logged)
		ASSERT_EQ(0, keeper_start(&s->keeper));
	if (variant->storm)
		ASSERT_EQ(0, storm_start(&s->storm, &s->world));
	EXPECT_EQ(0, stage_run(s, commits));
	EXPECT_EQ(commits, s->commits);
	if (variant->storm) {
		EXPECT_EQ(0, storm_stop(&s->storm));
		for (enum gust kind = 0; kind < NR_GUSTS; kind++) {
			ksft_print_msg("%12llu times %s\n", s->storm.done[kind],
				       gust_names[kind]);
			EXPECT_LE(commits / 50, s->storm.done[kind]);
		}
	}
	judge_guest(_metadata, s);
	if (variant->logged)
		judge_log(_metadata, s);
}

/*
 * That the guest would find out: the same map made of slots, which KVM replaces one by
 * one. It does not execute there, for a guest that loses its code is lost.
 */
FIXTURE(slots) {};
FIXTURE_SETUP(slots) {}
FIXTURE_TEARDOWN(slots) {}

TEST_F_TIMEOUT(slots, are_torn, 300)
{
	const __u32 rounds = effort(5, 10, 100);
	struct kvm_world w;
	struct torture sum;

	ASSERT_EQ(0, world_open(&w, 2));
	ASSERT_EQ(0, vm_slot(w.vm.fd, 0, 0, 0, SYS_LEN, w.sys));
	ASSERT_EQ(0, vm_slot(w.vm.fd, 1, 0, AT(STABLE), STABLE_PAGES * PG, w.stable));
	for (__u32 epoch = 1; epoch <= rounds; epoch++) {
		world_stamp(&w, epoch % NR_BUFFERS, epoch);
		torture_all(w.sys)->started = epoch;
		ASSERT_EQ(0, world_slots(&w, epoch));
		torture_all(w.sys)->newest = epoch;
		w.epoch = epoch;
		if (epoch == 1)
			ASSERT_EQ(0, torture_start(&w.vm, w.sys,
						   world_table(&w, T_READ | T_WRITE), 8));
	}
	for (int i = 0; i < 2; i++)
		EXPECT_EQ(-EINTR, vcpu_stop(&w.vm.vcpus[i]));
	add_up(&w, &sum);
	ksft_print_msg("%llu torn, %llu spurious exits of %llu reads\n", sum.torn,
		       sum.spurious, sum.done[READ]);
	EXPECT_LT(0, sum.torn);
	EXPECT_LT(0, sum.spurious);
	vm_close(&w.vm);
}

TEST_HARNESS_MAIN
