// SPDX-License-Identifier: GPL-2.0-only
/*
 * Accesses to guest memory with a fault in every place that can have one: as many
 * bytes are moved as the access says, and no other.
 */
#include "fail_nth.h"
#include "owner.h"

/* How guest memory is reached. */
enum way {
	FILE_,		/* pread and pwrite */
	CALLER,		/* a section in this process */
	THREAD,		/* a section in a kernel thread */
};

#define GUEST		(96 * PG)
#define FIRST		(8 * PG + PG / 2)	/* where accesses begin */

FIXTURE(access)
{
	struct sweep sweep;
	struct census census;
	struct owner owner;
	int memfd;
	int vat;
	unsigned char *mem, *model, *buf;
	unsigned char *patterns[2];
};

FIXTURE_VARIANT(access)
{
	const char *what;
	enum way way;
	bool foreign;		/* the owner is another process */
	__u32 type;
	__u32 codes[2];		/* of a section, to read and to write */
	__u32 iter;
	size_t len;
	unsigned int may;
	unsigned int refused;	/* at least */
};

#define COPY	{ VAT_OP_COPY_FROM, VAT_OP_COPY_TO }
#define ITER	{ VAT_OP_ITER_TO, VAT_OP_ITER_FROM }
#define SINGLE	{ VAT_OP_READ, VAT_OP_WRITE }
#define WORD	{ VAT_OP_LOAD, VAT_OP_STORE }
#define SWAP	{ VAT_OP_LOAD, VAT_OP_CMPXCHG }
#define ZEROES	{ VAT_OP_COPY_FROM, VAT_OP_ZERO }
/* Two pages, and as much as may be allocated without a second try. */
#define SMALL	PG
/* More than one buffer of pread(), and more than one job. */
#define LARGE	(80 * PG)

FIXTURE_VARIANT_ADD(access, file) {
	.what = "file", .len = SMALL, .may = MAY_BOTH, .refused = 3,
};

FIXTURE_VARIANT_ADD(access, file_large) {
	.what = "file, 320 KiB", .len = LARGE, .may = MAY_FAULT, .refused = 2,
};

FIXTURE_VARIANT_ADD(access, file_foreign) {
	.what = "file, foreign", .foreign = true, .len = SMALL,
	.may = MAY_BOTH, .refused = 2,
};

FIXTURE_VARIANT_ADD(access, file_large_foreign) {
	.what = "file, foreign, 320 KiB", .foreign = true, .len = LARGE,
	.may = MAY_FAULT, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, caller) {
	.what = "section", .way = CALLER, .codes = COPY, .len = SMALL,
	.may = MAY_FAULT, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, caller_large) {
	.what = "section, 320 KiB", .way = CALLER, .codes = COPY, .len = LARGE,
	.may = MAY_FAULT, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, caller_foreign) {
	.what = "section, foreign", .way = CALLER, .foreign = true,
	.codes = COPY, .len = SMALL, .may = MAY_NOMEM, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, caller_large_foreign) {
	.what = "section, foreign, 320 KiB", .way = CALLER, .foreign = true,
	.codes = COPY, .len = LARGE,
};

FIXTURE_VARIANT_ADD(access, caller_device_foreign) {
	.what = "section, foreign, hardware", .way = CALLER, .foreign = true,
	.type = VIRT_AS_TYPE_DEVICE, .codes = COPY, .len = SMALL,
	.may = MAY_NOMEM, .refused = 4,
};

FIXTURE_VARIANT_ADD(access, caller_word) {
	.what = "section, a word", .way = CALLER, .codes = WORD, .len = 8,
	.may = MAY_FAULT, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, caller_word_foreign) {
	.what = "section, foreign, a word", .way = CALLER, .foreign = true,
	.codes = WORD, .len = 8, .may = MAY_NOMEM, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, thread) {
	.what = "thread", .way = THREAD, .codes = COPY, .len = SMALL,
	.may = MAY_FAULT, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, thread_large) {
	.what = "thread, 320 KiB", .way = THREAD, .codes = COPY, .len = LARGE,
	.may = MAY_FAULT, .refused = 1,
};

/* What clear_user() did not reach, it tries once more, byte by byte. */
FIXTURE_VARIANT_ADD(access, thread_zero) {
	.what = "thread, zeroes", .way = THREAD, .codes = ZEROES, .len = LARGE,
	.may = MAY_FAULT,
};

FIXTURE_VARIANT_ADD(access, thread_word) {
	.what = "thread, a word", .way = THREAD, .codes = WORD, .len = 8,
	.may = MAY_FAULT, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, thread_swap) {
	.what = "thread, compare-exchange", .way = THREAD, .codes = SWAP,
	.len = 8, .may = MAY_FAULT, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, thread_iter) {
	.what = "thread, iterator", .way = THREAD, .codes = ITER,
	.iter = VAT_ITER_BVEC, .len = LARGE, .may = MAY_BOTH, .refused = 1,
};

FIXTURE_VARIANT_ADD(access, thread_single) {
	.what = "thread, a section of its own", .way = THREAD, .codes = SINGLE,
	.len = SMALL, .may = MAY_FAULT, .refused = 1,
};

FIXTURE_SETUP(access)
{
	ASSERT_STREQ("", sweep_open(&self->sweep, variant->may));
	ASSERT_EQ(0, census_begin(&self->census));
	self->memfd = memfd_create("guest", MFD_CLOEXEC);
	ASSERT_LE(0, self->memfd);
	ASSERT_EQ(0, ftruncate(self->memfd, GUEST));
	self->mem = mmap(NULL, GUEST, PROT_READ | PROT_WRITE, MAP_SHARED,
			 self->memfd, 0);
	ASSERT_NE(MAP_FAILED, self->mem);
	self->model = guest_alloc(GUEST);
	self->buf = guest_alloc(GUEST);
	ASSERT_TRUE(self->model && self->buf);
	for (int i = 0; i < 2; i++) {
		self->patterns[i] = guest_alloc(GUEST);
		ASSERT_NE(NULL, self->patterns[i]);
		fill(self->patterns[i], GUEST, i);
	}
	self->owner.as = -1;
	self->vat = -1;
}

/* A job leaves things behind that the next one uses, so all is made anew. */
static const char *access_begin(struct _test_data_access *self,
				const struct _fixture_variant_access *variant)
{
	struct virt_as_entry map = as_add(0, GUEST, self->mem, variant->type, RW);

	if (owner_start(&self->owner, variant->foreign) ||
	    owner_commit(&self->owner, VIRT_AS_COMMIT_REPLACE, &map, 1))
		return "no address space";
	if (variant->way == FILE_)
		return "";
	self->vat = vat_bound(self->owner.as, RIGHTS_RW);
	return self->vat < 0 ? "not bound" : "";
}

static const char *access_end(struct _test_data_access *self)
{
	if (self->vat >= 0)
		close(self->vat);
	self->vat = -1;
	return owner_stop(&self->owner) ? "the owner has died" : "";
}

FIXTURE_TEARDOWN(access)
{
	close(self->memfd);
	EXPECT_STREQ("", census_end(&self->census));
}

/* Some pages are not there; who touches them has to allocate them. */
static const char *guest_reset(struct _test_data_access *self)
{
	static const struct {
		off_t at;
		off_t len;
	} holes[] = { { 8 * PG, 2 * PG }, { 20 * PG, PG } };

	memcpy(self->mem, self->patterns[0], GUEST);
	memcpy(self->model, self->patterns[0], GUEST);
	for (size_t i = 0; i < ARRAY_SIZE(holes); i++) {
		memset(self->model + holes[i].at, 0, holes[i].len);
		if (fallocate(self->memfd,
			      FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
			      holes[i].at, holes[i].len))
			return "no hole";
	}
	return "";
}

static bool is_word(__u32 code)
{
	return code == VAT_OP_LOAD || code == VAT_OP_STORE ||
	       code == VAT_OP_CMPXCHG;
}

/* A word goes by value: from a hole, whose content is 0, or into it. */
static long run_op(struct _test_data_access *self, __u32 context, struct vat_op *op,
		   bool fault)
{
	bool single = op->code == VAT_OP_READ || op->code == VAT_OP_WRITE;
	struct vat_op ops[3] = { VAT_BEGIN, *op, VAT_END };
	struct vat_run run = {
		.context = context, .nr_ops = single ? 1 : 3,
		.ops = (uintptr_t)(single ? ops + 1 : ops),
		.fail_nth = fault ? self->sweep.n : 0,
	};
	long err;

	if (is_word(op->code))
		memcpy(&ops[1].value, self->buf, 8);
	err = as_ioctl(self->vat, VAT_RUN, &run);
	if (fault)
		self->sweep.hit = !run.fail_left;
	if (err || ops[0].ret || ops[2].ret)
		return -EPROTO;
	if (op->code == VAT_OP_LOAD)
		memcpy(self->buf, &ops[1].value, 8);
	return is_word(op->code) && !ops[1].ret ? 8 : ops[1].ret;
}

static long access_guest(struct _test_data_access *self,
			 const struct _fixture_variant_access *variant, bool write,
			 bool fault)
{
	struct vat_op op = vat_op(variant->codes[write], FIRST, self->buf,
				  variant->len);
	int as = self->owner.as;
	long rc;

	op.arg = variant->iter;
	if (variant->way != FILE_)
		return run_op(self, variant->way == THREAD ? VAT_THREAD :
							     VAT_CALLER,
			      &op, fault);
	if (fault)
		sweep_arm(&self->sweep);
	rc = write ? as_pwrite(as, self->buf, variant->len, FIRST) :
		     as_pread(as, self->buf, variant->len, FIRST);
	if (fault)
		sweep_disarm(&self->sweep);
	return rc;
}

/* As many bytes as it says, and no other. */
static const char *access_once(struct _test_data_access *self,
			       const struct _fixture_variant_access *variant,
			       bool write, bool fault)
{
	const char *wrong = guest_reset(self);
	long rc;

	memcpy(self->buf, self->patterns[1], GUEST);
	if (write && variant->codes[1] == VAT_OP_ZERO)
		memset(self->buf, 0, GUEST);
	if (*wrong)
		return wrong;
	rc = access_guest(self, variant, write, fault);
	if (fault) {
		sweep_count(&self->sweep, rc);
		self->sweep.partly += rc > 0 && rc < (long)variant->len;
	}
	if (rc != (long)variant->len &&
	    !(fault && self->sweep.hit && rc > 0) &&
	    !(fault && sweep_failed(&self->sweep, rc)))
		return "another errno or length";
	if (rc < 0)
		rc = 0;
	if (write)
		memcpy(self->model + FIRST, self->buf, rc);
	else if (memcmp(self->buf, self->model + FIRST, rc))
		return "other bytes were read";
	return memcmp(self->mem, self->model, GUEST) ?
	       "other bytes are in memory" : "";
}

static void sweep_access(struct __test_metadata *_metadata,
			 struct _test_data_access *self,
			 const struct _fixture_variant_access *variant, bool write)
{
	struct sweep *sweep = &self->sweep;
	char what[64];

	snprintf(what, sizeof(what), "%s, %s", variant->what,
		 write ? "write" : "read");
	sweep_demand(sweep, variant->refused ? variant->refused : 1,
		     variant->refused, 0);
	while (sweep_next(sweep)) {
		ASSERT_STREQ("", access_begin(self, variant));
		ASSERT_STREQ("", sweep_tell(sweep, access_once(self, variant,
							       write, true)));
		ASSERT_STREQ("", sweep_tell(sweep, access_once(self, variant,
							       write, false)));
		ASSERT_STREQ("", access_end(self));
	}
	EXPECT_STREQ("", sweep_close(sweep, what));
}

TEST_F_TIMEOUT(access, read, SWEEP_TIMEOUT)
{
	sweep_access(_metadata, self, variant, false);
}

TEST_F_TIMEOUT(access, write, SWEEP_TIMEOUT)
{
	sweep_access(_metadata, self, variant, true);
}

TEST_HARNESS_MAIN
