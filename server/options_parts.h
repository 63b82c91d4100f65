/* What the files of the option reader share. Internal to options*.c: options.c reads the sources,
 * options_check.c holds what must be true across options, options_value.c takes values apart. */
#ifndef RW_SERVER_OPTIONS_PARTS_H
#define RW_SERVER_OPTIONS_PARTS_H

#include "server/options.h"

/* One fault: the end of reading, or one of several. */
rw_status rw_options_fault(struct rw_options *options, rw_status status, struct rw_error *err);

/* options_check.c */
rw_status rw_options_check_values(struct rw_options *options, struct rw_error *err);
bool rw_options_dtype_is_known(struct rw_str value);

#endif
