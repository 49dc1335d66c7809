/* SPDX-License-Identifier: GPL-2.0-only */
/* Stub: attributes, sparse annotations, single accesses and barriers. */
#ifndef _SHIM_LINUX_COMPILER_H
#define _SHIM_LINUX_COMPILER_H

#define __user
#define __rcu
#define __iomem
#define __percpu
#define __force
#define __kernel
#define __must_hold(lock)
#define __acquires(lock)
#define __releases(lock)
#define __acquire(lock)		((void)0)
#define __release(lock)		((void)0)

#define __must_check		__attribute__((__warn_unused_result__))
#ifndef __always_inline
#define __always_inline		inline __attribute__((__always_inline__))
#endif
#define noinline		__attribute__((__noinline__))
#define __maybe_unused		__attribute__((__unused__))
#define __aligned(x)		__attribute__((__aligned__(x)))
#define __packed		__attribute__((__packed__))
#define __printf(a, b)		__attribute__((__format__(printf, a, b)))
#define __cold			__attribute__((__cold__))
#define __pure			__attribute__((__pure__))
#define __init
#define __exit
#define __read_mostly
#define __ro_after_init
#define ____cacheline_aligned	__aligned(64)
#define ____cacheline_aligned_in_smp __aligned(64)
#define fallthrough		__attribute__((__fallthrough__))

#define likely(x)		__builtin_expect(!!(x), 1)
#define unlikely(x)		__builtin_expect(!!(x), 0)
#define unreachable()		__builtin_unreachable()
#define barrier()		__asm__ __volatile__("" : : : "memory")

/*
 * Single accesses that order nothing: relaxed atomics for a sanitizer, so that
 * they never race by themselves and never make what they guard look ordered. But
 * what is reached by a pointer that was read is read after it.
 */
#define SHIM_IS_POINTER(x)	(__builtin_classify_type(x) == 5)
#define READ_ONCE(x)							\
	__atomic_load_n(&(x), SHIM_IS_POINTER(x) ? __ATOMIC_ACQUIRE : __ATOMIC_RELAXED)
#define WRITE_ONCE(x, val)	__atomic_store_n(&(x), (val), __ATOMIC_RELAXED)

/* Of something that has an address. */
#define data_race(x)		__atomic_load_n(&(x), __ATOMIC_RELAXED)

#define smp_mb()		__atomic_thread_fence(__ATOMIC_SEQ_CST)
#define smp_rmb()		__atomic_thread_fence(__ATOMIC_ACQUIRE)
#define smp_wmb()		__atomic_thread_fence(__ATOMIC_RELEASE)
#define smp_load_acquire(p)	__atomic_load_n((p), __ATOMIC_ACQUIRE)
#define smp_store_release(p, v)	__atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define smp_mb__before_atomic()	smp_mb()
#define smp_mb__after_atomic()	smp_mb()
#define cpu_relax()		barrier()

#define OPTIMIZER_HIDE_VAR(var)	__asm__ ("" : "=r" (var) : "0" (var))

#endif
