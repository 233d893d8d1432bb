// When a session pays that no single reading pays for.
#include "savings.h"

#include "harness.h"

static void test_many_small_savings_pay_once(void)
{
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 3; i++)
            REQUIRE(!gvd_savings_pay(7, 0.03, 0.1));
        REQUIRE(gvd_savings_pay(7, 0.03, 0.1));
    }
}

static void test_kinds_are_apart(void)
{
    REQUIRE(!gvd_savings_pay(1, 0.09, 0.1));
    REQUIRE(!gvd_savings_pay(2, 0.09, 0.1));
    REQUIRE(gvd_savings_pay(1, 0.02, 0.1));
    REQUIRE(gvd_savings_pay(2, 0.02, 0.1));
}

// The kinds that are asked for again are kept.
static void test_old_kinds_are_forgotten(void)
{
    for (uint64_t kind = 100; kind < 200; kind++) {
        REQUIRE(!gvd_savings_pay(kind, 0.09, 0.1));
        REQUIRE(!gvd_savings_pay(5, 0.0005, 0.1));
    }
    REQUIRE(!gvd_savings_pay(100, 0.02, 0.1));
    REQUIRE(gvd_savings_pay(5, 0.06, 0.1));
}

int main(void)
{
    test_begin("savings", 0, 10);
    test_many_small_savings_pay_once();
    test_kinds_are_apart();
    test_old_kinds_are_forgotten();
    puts("savings: ok");
    return 0;
}
