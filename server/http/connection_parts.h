/* What connection.c and connection_write.c ask of each other; nobody else includes this. */
#ifndef RW_SERVER_HTTP_CONNECTION_PARTS_H
#define RW_SERVER_HTTP_CONNECTION_PARTS_H

#include "server/http/connection.h"

void rw_connection_set_state(struct rw_connection *c, enum rw_connection_state next);
void rw_connection_arm(struct rw_connection *c, enum rw_deadline_kind kind);
/* All bytes of the reply are with the kernel. */
void rw_connection_reply_done(struct rw_connection *c);

/* The deadline that fits what is being waited for. */
void rw_connection_arm_reply(struct rw_connection *c);
/* Bytes the peer has taken since the connection began. */
uint64_t rw_connection_taken_by_peer(const struct rw_connection *c);

#endif
