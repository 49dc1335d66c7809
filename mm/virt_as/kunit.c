// SPDX-License-Identifier: GPL-2.0-only
/*
 * What the KUnit suites, a module of their own, call in the core.
 */
#include <kunit/visibility.h>
#include <linux/export.h>

#include "binding.h"
#include "cache.h"
#include "commit.h"
#include "diff.h"
#include "drain.h"
#include "file.h"
#include "map.h"
#include "object.h"

EXPORT_SYMBOL_IF_KUNIT(virt_as_alloc);
EXPORT_SYMBOL_IF_KUNIT(virt_as_bind);
EXPORT_SYMBOL_IF_KUNIT(virt_as_commit_map);
EXPORT_SYMBOL_IF_KUNIT(virt_as_diff_build);
EXPORT_SYMBOL_IF_KUNIT(virt_as_diff_free);
EXPORT_SYMBOL_IF_KUNIT(virt_as_drained);
EXPORT_SYMBOL_IF_KUNIT(virt_as_file_open);
EXPORT_SYMBOL_IF_KUNIT(virt_as_lookup_again);
EXPORT_SYMBOL_IF_KUNIT(virt_as_lookup_first);
EXPORT_SYMBOL_IF_KUNIT(virt_as_map_alias);
EXPORT_SYMBOL_IF_KUNIT(virt_as_map_build);
EXPORT_SYMBOL_IF_KUNIT(virt_as_map_free);
EXPORT_SYMBOL_IF_KUNIT(virt_as_max_bindings);
EXPORT_SYMBOL_IF_KUNIT(virt_as_put);
