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

#endif /* _TRACE_VIRT_AS_H */

#include <trace/define_trace.h>
