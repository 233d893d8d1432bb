// Who waits while short readings come and go, and who does not.
#include <sched.h>
#include <time.h>

#include "harness.h"
#include "memory.h"
#include "thread.h"

// --- alone ---

static void test_the_next_waits_only_while_others_leave(void)
{
    gvd_crowd crowd = {.most = 2};
    gvd_crowd_member members[3] = {0};
    double since = gvd_seconds();
    for (int i = 0; i < 3; i++)
        gvd_crowd_add(&crowd, &members[i]);
    gvd_crowd_add(&crowd, &members[1]); // is in already
    REQUIRE(!gvd_crowd_is_full(&crowd, since));
    gvd_crowd_remove(&crowd, &members[1]);
    REQUIRE(gvd_crowd_is_full(&crowd, since));
    REQUIRE(!gvd_crowd_is_full(&crowd, since - 1)); // has waited long enough
    gvd_crowd_remove(&crowd, &members[0]);
    REQUIRE(!gvd_crowd_is_full(&crowd, since));
    gvd_crowd_remove(&crowd, &members[2]);
    REQUIRE(crowd.young_count == 0 && !crowd.eldest);
}

static void test_any_number_is_no_crowd(void)
{
    gvd_crowd crowd = {0};
    gvd_crowd_member members[3] = {0};
    for (int i = 0; i < 3; i++)
        gvd_crowd_add(&crowd, &members[i]);
    gvd_crowd_remove(&crowd, &members[0]);
    REQUIRE(!gvd_crowd_is_full(&crowd, gvd_seconds()));
}

// As many as the crowd stay, like cameras: a short one comes after another.
static void test_who_stays_is_no_crowd(void)
{
    gvd_crowd crowd = {.most = 2};
    gvd_crowd_member stay[2] = {0}, passing = {0};
    for (int i = 0; i < 2; i++)
        gvd_crowd_add(&crowd, &stay[i]);
    nanosleep(&(struct timespec){2, 100000000}, NULL);
    for (int i = 0; i < 20; i++) {
        REQUIRE(!gvd_crowd_is_full(&crowd, gvd_seconds()));
        gvd_crowd_add(&crowd, &passing);
        gvd_crowd_remove(&crowd, &passing);
    }
    for (int i = 0; i < 2; i++)
        gvd_crowd_remove(&crowd, &stay[i]);
    REQUIRE(crowd.young_count == 0 && !crowd.eldest);
}

// --- of claims ---

static int grow(gvd_claim *claim, gvd_budget *b)
{
    return gvd_claim_grow(claim, b, 1, NULL);
}

// While readings end, the next one waits for its turn; for those that stay it
// does not.
static void test_a_crowd_lets_others_wait_only_while_it_moves(void)
{
    gvd_budget *b = gvd_budget_of(41);
    REQUIRE(b);
    gvd_budget_set(b, 100, 20);
    gvd_budget_set_crowd(b, 2);
    gvd_claim claims[4] = {0};
    for (int i = 0; i < 3; i++) // nobody has ended yet
        REQUIRE(grow(&claims[i], b) == GVD_OK);
    gvd_claim_drop(&claims[0]);
    REQUIRE(grow(&claims[3], b) == GVD_AGAIN && gvd_budget_is_wanted(b));
    REQUIRE(!gvd_claim_is_next(&claims[3], b, 1));
    REQUIRE(grow(&claims[1], b) == GVD_OK); // one that goes on
    gvd_claim_drop(&claims[1]);
    REQUIRE(grow(&claims[3], b) == GVD_OK && !gvd_budget_is_wanted(b));
    REQUIRE(grow(&claims[0], b) == GVD_AGAIN);
    double start = gvd_seconds();
    while (grow(&claims[0], b) == GVD_AGAIN)
        sched_yield();
    REQUIRE(gvd_seconds() - start > 0.1 && gvd_seconds() - start < 0.9);
    for (int i = 0; i < 4; i++)
        gvd_claim_drop(&claims[i]);
    gvd_budget_set_crowd(b, 0);
}

int main(void)
{
    test_begin("crowd", 0, 20);
    test_the_next_waits_only_while_others_leave();
    test_any_number_is_no_crowd();
    test_who_stays_is_no_crowd();
    test_a_crowd_lets_others_wait_only_while_it_moves();
    puts("crowd: ok");
    return 0;
}
