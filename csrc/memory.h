// The memory that all decoders of the process hold on one device, under one
// limit.
//
//   gvd_claim    what a reading cannot go on without: granted in the order of
//                asking where there is not room for all, and waited for
//   gvd_charge   what only makes it faster, refused where there is no room or
//                somebody waits for a claim; or what is kept for later
//   gvd_trimmer  who holds memory that can be had back: asked before any of
//                this is refused
//
// So a reading whose claim was granted always goes on, and what is held never
// passes the limit. A forked child begins with nothing held and no trimmer.
//
// Thread-safety: all functions. Trimmers are called in the thread that wants
// memory, which must hold no lock that they need.
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "crowd.h"
#include "status.h"

typedef struct gvd_budget gvd_budget;

#define GVD_HOST (-1)
// A budget wakes nobody: who waits looks for its room so often.
#define GVD_BUDGET_LOOK_MS 10

// Of the host or of the GPU of that number; lives as long as the process. NULL
// for a number that is no GPU's.
gvd_budget *gvd_budget_of(int gpu);

typedef struct gvd_budget_usage {
    int64_t limit, held;
    int64_t held_max; // since the limit was set
} gvd_budget_usage;

// Frees what is idle and over it. `patience`: how many seconds a claim waits
// while nobody gives anything back.
void gvd_budget_set(gvd_budget *budget, int64_t limit, double patience);
// What is there before is no limit; the default does not replace one.
bool gvd_budget_is_set(gvd_budget *budget);
void gvd_budget_set_default(gvd_budget *budget, int64_t limit);
void gvd_budget_usage_get(gvd_budget *budget, gvd_budget_usage *out);
// What each reading may be charged for while all of them want it.
int64_t gvd_budget_share(gvd_budget *budget);
// More short readings at once than this make a device no faster: while they
// come and go, the next one waits for one to end. 0: any number.
void gvd_budget_set_crowd(gvd_budget *budget, int readings);
// Whether a claim waits, so that what is idle is not for those who go on.
bool gvd_budget_is_wanted(gvd_budget *budget);
// Seconds, as they were set.
double gvd_budget_patience(gvd_budget *budget);

enum gvd_charge_kind {
    GVD_CHARGE_IDLE,   // kept for later: nothing is trimmed for it
    GVD_CHARGE_EXTRA,  // makes a reading faster
    GVD_CHARGE_NEEDED, // a session: neither claims that wait nor what is
                       // reserved stand in its way
};

typedef struct gvd_charge {
    gvd_budget *budget;
    int64_t bytes; // 0: nothing is charged
    unsigned epoch;
    enum gvd_charge_kind kind;
} gvd_charge;

// False without room. The charge must be empty.
bool gvd_charge_take(gvd_charge *charge, gvd_budget *budget, int64_t bytes,
                     enum gvd_charge_kind kind);
void gvd_charge_give(gvd_charge *charge);

typedef struct gvd_claim gvd_claim;
struct gvd_claim {
    // Guarded by the budget. Zero at first.
    gvd_charge charge;
    bool known, waiting;
    gvd_crowd_member member; // once it was granted
    int64_t wanted;          // bytes more, while it waits
    int64_t reserved;
    double since, trimmed;
    gvd_claim *next; // of those that wait
};

// Queues up with a first claim of so many bytes; whether it is its turn.
bool gvd_claim_is_next(gvd_claim *claim, gvd_budget *budget, int64_t bytes);
// Makes it one of so many bytes: GVD_OK, also where it has them; GVD_AGAIN:
// not yet, to be asked again soon; GVD_ERR_NO_MEMORY with our figures where it
// never fits, or where waiting was in vain.
int gvd_claim_grow(gvd_claim *claim, gvd_budget *budget, int64_t bytes,
                   gvd_error *err);
// What is beyond the rest is kept for a GVD_CHARGE_NEEDED until the end: nobody
// else takes it between the claim and the charge.
void gvd_claim_reserve(gvd_claim *claim, gvd_budget *budget, int64_t rest);
void gvd_claim_end_reserve(gvd_claim *claim, gvd_budget *budget);
// It waits no more.
void gvd_claim_withdraw(gvd_claim *claim, gvd_budget *budget);
void gvd_claim_drop(gvd_claim *claim);

typedef struct gvd_trimmer gvd_trimmer;
struct gvd_trimmer {
    // Frees about so many bytes, or what there is.
    void (*trim)(gvd_trimmer *trimmer, int64_t bytes);
    gvd_trimmer *next;
};

// In front of all others, or behind them.
void gvd_budget_add_trimmer(gvd_budget *budget, gvd_trimmer *trimmer,
                            bool first);
// It is not called after this.
void gvd_budget_remove_trimmer(gvd_budget *budget, gvd_trimmer *trimmer);
