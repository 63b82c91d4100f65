/* Faults of a configuration: those that any start refuses at once, and for --check-config whatever
 * a start would meet, short of reading weights: kernel, addresses, keys, the database of runs,
 * every model folder with its calibration bank. */
#ifndef RW_SERVER_CHECK_H
#define RW_SERVER_CHECK_H

#include "core/rw_engine.h"
#include "server/options.h"

/* Options that only make sense together: the first fault. */
rw_status rw_check_options(const struct rw_options *options, struct rw_error *err);
/* Every fault goes to `complain`; returns how many. Prints a line per model that can be used.
 * Addresses are bound for a moment; no file is created or changed. */
size_t rw_check_everything(const struct rw_options *options,
                           int (*complain)(const struct rw_error *err));
/* Said wherever a model is introduced; NULL and empty: its chat template asks for no date. */
void rw_check_print_date(const char *date);

#endif
