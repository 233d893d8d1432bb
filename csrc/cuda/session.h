// An NVDEC decode session: a parser of its own and a decoder from the pool.
// See backend.h for the contract.
#pragma once

#include "backend.h"

int gvd_cuda_session_open(const gvd_session_params *params, double saves,
                          gvd_session **out, gvd_error *err);
int gvd_cuda_session_begin(gvd_session *session, const gvd_job_start *start,
                           gvd_error *err);
int gvd_cuda_session_push(gvd_session *session, const gvd_packet *packet,
                          bool shown, gvd_error *err);
void gvd_cuda_session_close(gvd_session **session, bool failed);
