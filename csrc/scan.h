// Makes the index of a reader's file: reads all packets, and decodes as far as
// packets cannot tell what is shown.
//
// Thread-safety: one thread at a time, but gvd_scan_abort at any time.
#pragma once

#include "reader_impl.h"

typedef struct gvd_scan gvd_scan;

int gvd_scan_create(gvd_reader *reader, gvd_scan **out, gvd_error *err);

// Works for about so long: GVD_OK with the index, GVD_AGAIN, or an error.
int gvd_scan_step(gvd_scan *scan, int timeout_ms, gvd_index **out,
                  gvd_error *err);

void gvd_scan_free(gvd_scan **scan);
