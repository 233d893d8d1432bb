// Frames that take more memory than the picture that is made of them: this is
// made as soon as they are decoded, and waits for its turn in their place.
#pragma once

#include "reader_impl.h"

// Brings a decoded frame to the reader's device and makes it smaller, if that
// is to be.
int gvd_frame_settle(gvd_reader *reader, gvd_frame **frame, gvd_error *err);

// A frame with memory of its own and the same planes.
int gvd_frame_duplicate(const gvd_frame *frame, gvd_frame **out,
                        gvd_error *err);

// What a frame takes while it waits, about, before there is one.
int64_t gvd_frame_expected_bytes(gvd_reader *reader, const gvd_media *media);
// What a batch takes for each of its frames until it is given out, about: its
// picture where it is made ahead, else the frame.
int64_t gvd_batch_frame_bytes(gvd_reader *reader, const gvd_media *media);
