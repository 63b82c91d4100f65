/* The page for people: `/ui`, its files under `/ui/`, and `/` for a browser. The files are compiled
 * in; all they show they ask of the public API. */
#ifndef RW_SERVER_UI_UI_H
#define RW_SERVER_UI_UI_H

#include <stdbool.h>

struct rw_service;
struct rw_exchange;

void rw_ui_page(struct rw_service *service, struct rw_exchange *ex);
/* A browser asks: it accepts text/html by name, which curl and trainers do not. */
bool rw_ui_is_wanted(const struct rw_exchange *ex);

#endif
