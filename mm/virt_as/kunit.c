// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the KUnit suites, a module of their own, call in the core.
 */
#include <kunit/visibility.h>
#include <linux/export.h>

#include "binding.h"
#include "bits.h"
#include "cache.h"
#include "commit.h"
#include "diff.h"
#include "drain.h"
#include "drain_bits.h"
#include "file.h"
#include "handover.h"
#include "harvest.h"
#include "log.h"
#include "map.h"
#include "object.h"
#include "spans.h"

EXPORT_SYMBOL_IF_KUNIT(virt_as_alloc);
EXPORT_SYMBOL_IF_KUNIT(virt_as_bind);
EXPORT_SYMBOL_IF_KUNIT(virt_as_bits_alloc);
EXPORT_SYMBOL_IF_KUNIT(virt_as_bits_next);
EXPORT_SYMBOL_IF_KUNIT(virt_as_commit_map);
EXPORT_SYMBOL_IF_KUNIT(virt_as_diff_build);
EXPORT_SYMBOL_IF_KUNIT(virt_as_diff_free);
EXPORT_SYMBOL_IF_KUNIT(virt_as_drain_all_bits);
EXPORT_SYMBOL_IF_KUNIT(virt_as_drained);
EXPORT_SYMBOL_IF_KUNIT(virt_as_file_open);
EXPORT_SYMBOL_IF_KUNIT(virt_as_grace_finish);
EXPORT_SYMBOL_IF_KUNIT(virt_as_handover_end);
EXPORT_SYMBOL_IF_KUNIT(virt_as_log_close);
EXPORT_SYMBOL_IF_KUNIT(virt_as_log_cover);
EXPORT_SYMBOL_IF_KUNIT(virt_as_log_fill);
EXPORT_SYMBOL_IF_KUNIT(virt_as_log_harvest);
EXPORT_SYMBOL_IF_KUNIT(virt_as_log_open);
EXPORT_SYMBOL_IF_KUNIT(virt_as_log_ready);
EXPORT_SYMBOL_IF_KUNIT(virt_as_log_remove);
EXPORT_SYMBOL_IF_KUNIT(virt_as_lookup_again);
EXPORT_SYMBOL_IF_KUNIT(virt_as_lookup_first);
EXPORT_SYMBOL_IF_KUNIT(virt_as_map_alias);
EXPORT_SYMBOL_IF_KUNIT(virt_as_map_build);
EXPORT_SYMBOL_IF_KUNIT(virt_as_map_free);
EXPORT_SYMBOL_IF_KUNIT(virt_as_max_bindings);
EXPORT_SYMBOL_IF_KUNIT(virt_as_max_logged_pages);
EXPORT_SYMBOL_IF_KUNIT(virt_as_max_logs);
EXPORT_SYMBOL_IF_KUNIT(virt_as_max_regions);
EXPORT_SYMBOL_IF_KUNIT(virt_as_put);
EXPORT_SYMBOL_IF_KUNIT(virt_as_runs_of_map);
EXPORT_SYMBOL_IF_KUNIT(virt_as_spans_discard);
EXPORT_SYMBOL_IF_KUNIT(virt_as_spans_extend);
EXPORT_SYMBOL_IF_KUNIT(virt_as_spans_free);
EXPORT_SYMBOL_IF_KUNIT(virt_as_spans_install);
EXPORT_SYMBOL_IF_KUNIT(virt_as_spans_kept);
EXPORT_SYMBOL_IF_KUNIT(virt_as_spans_next);
EXPORT_SYMBOL_IF_KUNIT(virt_as_spans_search);
