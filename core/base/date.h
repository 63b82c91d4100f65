/* A day of the calendar, as people write it: YYYY-MM-DD (ISO 8601), proleptic Gregorian. */
#ifndef RW_BASE_DATE_H
#define RW_BASE_DATE_H

#include <stdbool.h>
#include <time.h>

#include "core/base/str.h"

enum {
    RW_DATE_BYTES = sizeof "2024-07-26",
};

/* The day at 00:00 with its day of the week and of the year, as strftime wants them. False for any
 * text that is no such day between the years 1900 and 9999. */
bool rw_date_parse(struct rw_str text, struct tm *out);
void rw_date_write(const struct tm *date, char out[RW_DATE_BYTES]);

#endif
