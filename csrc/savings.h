// What further sessions would have saved the readings that went on without.
//
// One short clip does not pay for a session more; many of them do. So what each
// would have gained is added up for its kind of session, and the reading with
// which that pays creates one, from which all later ones gain.
//
// Thread-safety: all functions.
#pragma once

#include <stdbool.h>
#include <stdint.h>

// Adds so many seconds to those of the kind, any number. True where they are
// more than `price`, and begins again at 0.
bool gvd_savings_pay(uint64_t kind, double seconds, double price);
