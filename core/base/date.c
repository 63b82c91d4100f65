#include "core/base/date.h"

#include <stdio.h>

enum {
    YEAR_MIN = 1900, /* what tm_year counts from */
    DAYS_OF_WEEK = 7,
    MONDAY = 1, /* 1 January 1900 was one */
};

static bool is_leap(int year)
{
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static int days_of_month(int year, int month)
{
    static const int DAYS[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return DAYS[month - 1] + (month == 2 && is_leap(year));
}

static int number_at(struct rw_str text, size_t begin, size_t end)
{
    int number = 0;
    for (size_t i = begin; i < end; i++) {
        number = 10 * number + (text.ptr[i] - '0');
    }
    return number;
}

bool rw_date_parse(struct rw_str text, struct tm *out)
{
    if (text.len != RW_DATE_BYTES - 1) {
        return false;
    }
    for (size_t i = 0; i < text.len; i++) {
        bool dash = i == 4 || i == 7;
        if (dash ? text.ptr[i] != '-' : text.ptr[i] < '0' || text.ptr[i] > '9') {
            return false;
        }
    }
    int year = number_at(text, 0, 4);
    int month = number_at(text, 5, 7);
    int day = number_at(text, 8, 10);
    if (year < YEAR_MIN || month < 1 || month > 12 || day < 1 || day > days_of_month(year, month)) {
        return false;
    }
    int of_year = day - 1;
    for (int m = 1; m < month; m++) {
        of_year += days_of_month(year, m);
    }
    int days = of_year;
    for (int y = YEAR_MIN; y < year; y++) {
        days += 365 + is_leap(y);
    }
    *out = (struct tm){.tm_year = year - YEAR_MIN,
                       .tm_mon = month - 1,
                       .tm_mday = day,
                       .tm_wday = (MONDAY + days) % DAYS_OF_WEEK,
                       .tm_yday = of_year};
    return true;
}

void rw_date_write(const struct tm *date, char out[RW_DATE_BYTES])
{
    char text[40]; /* whatever three ints are */
    snprintf(text, sizeof text, "%04d-%02d-%02d", date->tm_year + YEAR_MIN, date->tm_mon + 1,
             date->tm_mday);
    snprintf(out, RW_DATE_BYTES, "%.10s", text);
}
