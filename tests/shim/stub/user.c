// SPDX-License-Identifier: GPL-2.0-only
/* User memory that exists only where a test has put some. */
#include <linux/errno.h>
#include <linux/uaccess.h>
#include <stdlib.h>
#include <string.h>

#include "shim.h"
#include "test.h"

#define MAX_RANGES	256

static struct {
	u64 hva;
	u64 len;
	u8 *bytes;
} ranges[MAX_RANGES];

static unsigned int nr_ranges;

void (*shim_user_watch)(u64 hva, unsigned long width);
bool shim_user_races;

void shim_user_add(u64 hva, u64 len)
{
	CHECK(nr_ranges < MAX_RANGES);
	ranges[nr_ranges].hva = hva;
	ranges[nr_ranges].len = len;
	ranges[nr_ranges].bytes = calloc(1, len);
	CHECK(ranges[nr_ranges].bytes);
	nr_ranges++;
}

void shim_user_reset(void)
{
	while (nr_ranges)
		free(ranges[--nr_ranges].bytes);
}

u8 *shim_user_at(u64 hva, u64 *left)
{
	unsigned int i;

	for (i = 0; i < nr_ranges; i++) {
		if (hva - ranges[i].hva < ranges[i].len) {
			*left = ranges[i].len - (hva - ranges[i].hva);
			return ranges[i].bytes + (hva - ranges[i].hva);
		}
	}
	*left = 0;
	return NULL;
}

/* Of aligned words, one or both of which are guest memory. */
static void copy_words(u8 *to, const u8 *from, u64 n)
{
	u64 i;

	CHECK(!(((unsigned long)to | (unsigned long)from | n) % sizeof(u64)));
	for (i = 0; i < n; i += sizeof(u64))
		WRITE_ONCE(*(u64 *)(to + i), from ? READ_ONCE(*(const u64 *)(from + i)) : 0);
}

/* How many bytes could not be touched. @in or @out is kernel memory, or none. */
static unsigned long touch(u64 hva, u8 *out, const u8 *in, unsigned long n)
{
	if (!access_ok(hva, n))
		return n;
	while (n) {
		u64 left;
		u8 *user = shim_user_at(hva, &left);
		u64 chunk = left < n ? left : n;

		if (!user)
			return n;
		if (shim_user_races)
			copy_words(out ?: user, out ? user : in, chunk);
		else if (out)
			memcpy(out, user, chunk);
		else if (in)
			memcpy(user, in, chunk);
		else
			memset(user, 0, chunk);
		if (out)
			out += chunk;
		else if (in)
			in += chunk;
		hva += chunk;
		n -= chunk;
	}
	return 0;
}

unsigned long copy_to_user(void __user *to, const void *from, unsigned long n)
{
	return touch((u64)(unsigned long)to, NULL, from, n);
}

unsigned long copy_from_user(void *to, const void __user *from, unsigned long n)
{
	unsigned long left = touch((u64)(unsigned long)from, to, NULL, n);

	/* As the kernel does: the rest is zeroed, never left as it was. */
	memset((u8 *)to + (n - left), 0, left);
	return left;
}

unsigned long clear_user(void __user *to, unsigned long n)
{
	return touch((u64)(unsigned long)to, NULL, NULL, n);
}

/* The whole of one access, or NULL. */
static u8 *whole(u64 hva, unsigned long width)
{
	u64 left;
	u8 *user = access_ok(hva, width) ? shim_user_at(hva, &left) : NULL;

	if (user && shim_user_watch)
		shim_user_watch(hva, width);
	return user && left >= width ? user : NULL;
}

int shim_get_user(void *to, const void __user *from, unsigned long width)
{
	const u8 *user = whole((u64)(unsigned long)from, width);

	memset(to, 0, width);
	if (!user)
		return -EFAULT;
	memcpy(to, user, width);
	return 0;
}

int shim_put_user(void __user *to, const void *from, unsigned long width)
{
	u8 *user = whole((u64)(unsigned long)to, width);

	if (!user)
		return -EFAULT;
	memcpy(user, from, width);
	return 0;
}
