/* What clients of other servers ask before they score: FastChat's controller, KServe's metadata. */
#ifndef RW_SERVER_PEERS_H
#define RW_SERVER_PEERS_H

struct rw_service;
struct rw_exchange;

/* POST /get_worker_address: we are the worker of every model, by the name we were called. */
void rw_peers_worker_address(struct rw_service *service, struct rw_exchange *ex);
/* POST /list_models */
void rw_peers_list_models(struct rw_service *service, struct rw_exchange *ex);
/* GET /v2, /v2/health/live, /v2/health/ready, /v2/models/{id}, /v2/models/{id}/ready */
void rw_peers_kserve_server(struct rw_service *service, struct rw_exchange *ex);
void rw_peers_kserve_live(struct rw_service *service, struct rw_exchange *ex);
void rw_peers_kserve_ready(struct rw_service *service, struct rw_exchange *ex);
void rw_peers_kserve_model(struct rw_service *service, struct rw_exchange *ex);

#endif
