/* Who may ask, besides the key: the name we were called by, and the browser page that calls.
 *
 * Without keys this machine is trusted, and a browser on it is the way in for a page elsewhere:
 * - it may send simple requests across origins: Origin says so, and must be let in by name;
 * - it may have renamed us (DNS rebinding): then the page is of our "own" origin and a GET carries
 *   no Origin at all, but Host is a name that is not ours. Names are compared, never their look:
 *   "127.evil.com" is a name. An address cannot be rebound; only loopback ones are taken where we
 *   listen on loopback.
 * With keys a page elsewhere has no key, so any Host serves, as behind a balancer.
 *
 * Probes and "/" answer to any Host: kubelets and balancers call them by addresses of their own,
 * and they tell nothing but that we run. Loop thread only. */
#ifndef RW_SERVER_ACCESS_H
#define RW_SERVER_ACCESS_H

#include "server/service.h"

/* Sets ex->cors when the page that asks is of an allowed origin: then it may read the reply, also
 * one that refuses it. */
void rw_access_note_page(const struct rw_service *service, struct rw_exchange *ex);
/* MISDIRECTED for a wrong Host, FORBIDDEN for a wrong Origin. ex->route may be NULL: nothing is
 * there. */
rw_status rw_access_check(const struct rw_service *service, const struct rw_exchange *ex,
                          struct rw_error *err);
/* A browser asks whether it may ask (Fetch standard, CORS preflight), for a page that may. It
 * carries no key. */
bool rw_access_is_preflight(const struct rw_service *service, const struct rw_exchange *ex);

#endif
