/* Rerank and score APIs (Cohere, Jina, vLLM, TEI, LiteLLM) as one group of traces.
 *
 *     POST /rerank, /v1/rerank, /v2/rerank
 *     {"query":text,"documents":[text or {"text"}],"top_n":n?,"return_documents":b?}
 *     -> {"id","model","results":[{"index","relevance_score","document":{"text"}?}],"usage"}
 *
 *     POST /score, /v1/score
 *     {"text_1":text or [..],"text_2":text or [..]}  or  {"queries":..,"documents":..}
 *     -> {"id","object":"list","model","data":[{"index","object":"score","score"}],"usage"}
 *
 * The query is the prompt, a document is a trace: so a GRPO group is one call. relevance_score is
 * the outcome probability, or the process aggregate with ?which=process or without an outcome
 * model; results are sorted, best first. A document that cannot be scored is left out, never a
 * zero; in `score`, which has a value for every pair, it fails the request. */
#ifndef RW_PROTO_RERANK_H
#define RW_PROTO_RERANK_H

#include "proto/wire.h"

extern const struct rw_wire RW_WIRE_RERANK;
extern const struct rw_wire RW_WIRE_SCORE;

#endif
