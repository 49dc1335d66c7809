// SPDX-License-Identifier: GPL-2.0-only
/* A heap sort, as unstable as the kernel's: libc's would hide that. */
#include <linux/sort.h>

struct sorter {
	char *base;
	size_t size;
	cmp_func_t cmp;
	cmp_r_func_t cmp_r;
	swap_func_t swap;
	swap_r_func_t swap_r;
	const void *priv;
};

static bool less(const struct sorter *s, size_t a, size_t b)
{
	const void *left = s->base + a * s->size;
	const void *right = s->base + b * s->size;

	return (s->cmp ? s->cmp(left, right) :
			 s->cmp_r(left, right, s->priv)) < 0;
}

static void exchange(const struct sorter *s, size_t a, size_t b)
{
	char *left = s->base + a * s->size;
	char *right = s->base + b * s->size;
	size_t i;

	if (s->swap) {
		s->swap(left, right, (int)s->size);
		return;
	}
	if (s->swap_r) {
		s->swap_r(left, right, (int)s->size, s->priv);
		return;
	}
	for (i = 0; i < s->size; i++) {
		char byte = left[i];

		left[i] = right[i];
		right[i] = byte;
	}
}

static void sift(const struct sorter *s, size_t root, size_t num)
{
	for (;;) {
		size_t child = 2 * root + 1;

		if (child >= num)
			return;
		if (child + 1 < num && less(s, child, child + 1))
			child++;
		if (!less(s, root, child))
			return;
		exchange(s, root, child);
		root = child;
	}
}

static void heap_sort(const struct sorter *s, size_t num)
{
	size_t i;

	for (i = num / 2; i--; )
		sift(s, i, num);
	for (i = num; i-- > 1; ) {
		exchange(s, 0, i);
		sift(s, 0, i);
	}
}

void sort(void *base, size_t num, size_t size, cmp_func_t cmp_func,
	  swap_func_t swap_func)
{
	const struct sorter s = {
		.base = base, .size = size, .cmp = cmp_func, .swap = swap_func,
	};

	heap_sort(&s, num);
}

void sort_r(void *base, size_t num, size_t size, cmp_r_func_t cmp_func,
	    swap_r_func_t swap_func, const void *priv)
{
	const struct sorter s = {
		.base = base, .size = size, .cmp_r = cmp_func,
		.swap_r = swap_func, .priv = priv,
	};

	heap_sort(&s, num);
}
