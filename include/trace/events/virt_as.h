/* SPDX-License-Identifier: GPL-2.0-only */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM virt_as

#if !defined(_TRACE_VIRT_AS_H) || defined(TRACE_HEADER_MULTI_READ)
#define _TRACE_VIRT_AS_H

#include <linux/module.h>
#include <linux/tracepoint.h>

DECLARE_EVENT_CLASS(virt_as_life,
	TP_PROTO(u32 id),
	TP_ARGS(id),

	TP_STRUCT__entry(
		__field(u32, id)
	),

	TP_fast_assign(
		__entry->id = id;
	),

	TP_printk("as=%u", __entry->id)
);

DEFINE_EVENT(virt_as_life, virt_as_create,
	TP_PROTO(u32 id),
	TP_ARGS(id)
);

DEFINE_EVENT(virt_as_life, virt_as_destroy,
	TP_PROTO(u32 id),
	TP_ARGS(id)
);

TRACE_EVENT(virt_as_commit,
	TP_PROTO(u32 id, u64 generation, u32 regions),
	TP_ARGS(id, generation, regions),

	TP_STRUCT__entry(
		__field(u32, id)
		__field(u64, generation)
		__field(u32, regions)
	),

	TP_fast_assign(
		__entry->id = id;
		__entry->generation = generation;
		__entry->regions = regions;
	),

	TP_printk("as=%u generation=%llu regions=%u", __entry->id,
		  __entry->generation, __entry->regions)
);

TRACE_EVENT(virt_as_refuse,
	TP_PROTO(u32 id, int err, u32 index),
	TP_ARGS(id, err, index),

	TP_STRUCT__entry(
		__field(u32, id)
		__field(int, err)
		__field(u32, index)
	),

	TP_fast_assign(
		__entry->id = id;
		__entry->err = err;
		__entry->index = index;
	),

	TP_printk("as=%u err=%d index=%d", __entry->id, __entry->err,
		  (int)__entry->index)
);

TRACE_EVENT(virt_as_drained,
	TP_PROTO(u32 id, u64 generation),
	TP_ARGS(id, generation),

	TP_STRUCT__entry(
		__field(u32, id)
		__field(u64, generation)
	),

	TP_fast_assign(
		__entry->id = id;
		__entry->generation = generation;
	),

	TP_printk("as=%u generation=%llu", __entry->id, __entry->generation)
);

DECLARE_EVENT_CLASS(virt_as_binding,
	TP_PROTO(u32 id, struct module *owner),
	TP_ARGS(id, owner),

	TP_STRUCT__entry(
		__field(u32, id)
		__string(owner, module_name(owner))
	),

	TP_fast_assign(
		__entry->id = id;
		__assign_str(owner);
	),

	TP_printk("as=%u module=%s", __entry->id, __get_str(owner))
);

DEFINE_EVENT(virt_as_binding, virt_as_bind,
	TP_PROTO(u32 id, struct module *owner),
	TP_ARGS(id, owner)
);

DEFINE_EVENT(virt_as_binding, virt_as_unbind,
	TP_PROTO(u32 id, struct module *owner),
	TP_ARGS(id, owner)
);

TRACE_EVENT(virt_as_log_open,
	TP_PROTO(u32 id, u32 flags, u64 threshold),
	TP_ARGS(id, flags, threshold),

	TP_STRUCT__entry(
		__field(u32, id)
		__field(u32, flags)
		__field(u64, threshold)
	),

	TP_fast_assign(
		__entry->id = id;
		__entry->flags = flags;
		__entry->threshold = threshold;
	),

	TP_printk("as=%u flags=0x%x threshold=%llu", __entry->id, __entry->flags,
		  __entry->threshold)
);

DECLARE_EVENT_CLASS(virt_as_log_pages,
	TP_PROTO(u32 id, u64 pages),
	TP_ARGS(id, pages),

	TP_STRUCT__entry(
		__field(u32, id)
		__field(u64, pages)
	),

	TP_fast_assign(
		__entry->id = id;
		__entry->pages = pages;
	),

	TP_printk("as=%u pages=%llu", __entry->id, __entry->pages)
);

/* With what was still dirty in it. */
DEFINE_EVENT(virt_as_log_pages, virt_as_log_close,
	TP_PROTO(u32 id, u64 pages),
	TP_ARGS(id, pages)
);

/* What could not be delivered. */
DEFINE_EVENT(virt_as_log_pages, virt_as_log_restore,
	TP_PROTO(u32 id, u64 pages),
	TP_ARGS(id, pages)
);

/* One hold of the log lock: pages taken from live bits, and from the log. */
TRACE_EVENT(virt_as_log_hold,
	TP_PROTO(u32 id, u32 drained, u32 taken),
	TP_ARGS(id, drained, taken),

	TP_STRUCT__entry(
		__field(u32, id)
		__field(u32, drained)
		__field(u32, taken)
	),

	TP_fast_assign(
		__entry->id = id;
		__entry->drained = drained;
		__entry->taken = taken;
	),

	TP_printk("as=%u drained=%u taken=%u", __entry->id, __entry->drained,
		  __entry->taken)
);

TRACE_EVENT(virt_as_log_harvest,
	TP_PROTO(u32 id, u64 first, u64 next, u64 units, u64 extents),
	TP_ARGS(id, first, next, units, extents),

	TP_STRUCT__entry(
		__field(u32, id)
		__field(u64, first)
		__field(u64, next)
		__field(u64, units)
		__field(u64, extents)
	),

	TP_fast_assign(
		__entry->id = id;
		__entry->first = first;
		__entry->next = next;
		__entry->units = units;
		__entry->extents = extents;
	),

	TP_printk("as=%u page=0x%llx next=0x%llx units=%llu extents=%llu", __entry->id,
		  __entry->first, __entry->next, __entry->units, __entry->extents)
);

#endif /* _TRACE_VIRT_AS_H */

#include <trace/define_trace.h>
