// Readings that fill what all may hold: each still gets its session, when it
// begins and when it lost the only one that it had.
#include "drive.h"
#include "memory.h"

#define LIMIT (1000 * FAKE_FRAME_BYTES)
#define SESSION (250 * FAKE_FRAME_BYTES)
#define PATIENCE 2.0

static gvd_budget *budget;

// --- sessions that are charged, as NVDEC's are ---

static struct {
    gvd_session *session;
    gvd_charge charge;
} charged[8];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static useconds_t open_delay; // another session is in the making

static void keep_charge(gvd_session *session, gvd_charge charge)
{
    int at = 0;
    pthread_mutex_lock(&lock);
    while (charged[at].session)
        at++;
    charged[at].session = session;
    charged[at].charge = charge;
    pthread_mutex_unlock(&lock);
}

static int open_charged(const gvd_session_params *params, double saves,
                        gvd_session **out, gvd_error *err)
{
    gvd_charge charge = {0};
    if (!isinf(saves))
        return GVD_AGAIN;
    usleep(open_delay);
    if (!gvd_charge_take(&charge, budget, SESSION, GVD_CHARGE_NEEDED))
        return gvd_fail(err, GVD_ERR_NO_MEMORY, "no room for a session");
    int rc = fake_open(params, saves, out, err);
    REQUIRE(rc == GVD_OK);
    keep_charge(*out, charge);
    return rc;
}

static void close_charged(gvd_session **session, bool failed)
{
    pthread_mutex_lock(&lock);
    for (int i = 0; *session && i < 8; i++)
        if (charged[i].session == *session) {
            gvd_charge_give(&charged[i].charge);
            charged[i].session = NULL;
        }
    pthread_mutex_unlock(&lock);
    fake_close(session, failed);
}

// --- two readings ---

typedef struct reading {
    fake f;
    gvd_backend backend;
    gvd_scheduler *s;
} reading;

enum {
    SOUND = -1,
    BREAKS = -2, // before its first packet, once it is let go on
};

// With a damaged packet at `fault`, or what it names.
static reading *begin(int length, int fault, uint64_t seed)
{
    reading *r = calloc(1, sizeof *r);
    REQUIRE(r);
    gop_style style = {.gops = length, .max_length = 30, .max_b = 0};
    fake_init(&r->f, &style, seed);
    if (fault >= 0)
        r->f.faults[fault] = FAKE_ERROR;
    r->f.read_fails_at = fault == BREAKS ? 0 : -1;
    r->f.read_blocks_at = fault == BREAKS ? 0 : -1;
    r->backend = fake_checked;
    r->backend.open = open_charged;
    r->backend.close = close_charged;
    r->backend.open_seconds = 0.05;
    r->backend.pixels_per_second = 1e9;
    gvd_scheduler_params params = drive_params(&r->f, true, 1);
    params.backend = &r->backend;
    params.budget = budget;
    params.session_bytes = SESSION;
    params.batch_bytes = 4 * FAKE_FRAME_BYTES;
    params.memory_limit = INT64_C(1) << 30;
    r->s = start(&params);
    return r;
}

static void end(reading *first, reading *second)
{
    reading *both[] = {first, second};
    for (int i = 0; i < 2 && both[i]; i++)
        stop(&both[i]->s, &both[i]->f);
    for (int i = 0; i < 2 && both[i]; i++) {
        fake_free(&both[i]->f);
        free(both[i]);
    }
}

static atomic_bool over, paused;

// Takes a frame every now and then, so that something is always given back.
static void *read_slowly(void *scheduler)
{
    while (!atomic_load(&over)) {
        gvd_frame *frame = NULL;
        usleep(500);
        if (!atomic_load(&paused) &&
            gvd_scheduler_next(scheduler, 10, &frame, NULL) == GVD_OK)
            gvd_frame_unref(&frame);
    }
    return NULL;
}

// One reading holds what it may; another begins, and loses its session.
static void test_the_other_goes_on(bool fault, bool pause, useconds_t delay)
{
    test_begin("near the limit", (uint64_t)(fault + 2 * pause), 60);
    gvd_budget_set(budget, LIMIT, PATIENCE);
    open_delay = delay;
    atomic_store(&over, false);
    atomic_store(&paused, false);
    reading *greedy = begin(3000, SOUND, 1);
    pthread_t thread;
    REQUIRE(!pthread_create(&thread, NULL, read_slowly, greedy->s));
    usleep(200000); // until it has filled its share
    reading *other = begin(20, fault ? 40 : SOUND, 2);
    gvd_frame *frame = NULL;
    REQUIRE(gvd_scheduler_next(other->s, 10000, &frame, NULL) == GVD_OK);
    gvd_frame_unref(&frame);
    atomic_store(&paused, pause);
    int frames = 1, status;
    while ((status = gvd_scheduler_next(other->s, 10000, &frame, NULL)) ==
           GVD_OK) {
        gvd_frame_unref(&frame);
        frames++;
    }
    REQUIRE(status == GVD_EOF && frames == other->f.gops.count);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
    end(other, greedy);
}

// A source that breaks off before its claim is granted holds up nobody.
static void test_a_reading_that_ended_waits_for_nothing(void)
{
    test_begin("ended", 0, 20);
    gvd_budget_set(budget, LIMIT, PATIENCE);
    gvd_charge all = {0}, extra = {0};
    REQUIRE(gvd_charge_take(&all, budget, LIMIT, GVD_CHARGE_NEEDED));
    reading *r = begin(3, BREAKS, 1);
    while (!gvd_budget_is_wanted(budget))
        usleep(1000);
    atomic_store(&r->f.read_blocks_at, -1);
    gvd_frame *frame = NULL;
    REQUIRE(gvd_scheduler_next(r->s, -1, &frame, NULL) == GVD_ERR_DECODE);
    gvd_charge_give(&all);
    for (int i = 0; i < 1000 && gvd_budget_is_wanted(budget); i++)
        usleep(1000);
    REQUIRE(gvd_charge_take(&extra, budget, 1, GVD_CHARGE_EXTRA));
    gvd_charge_give(&extra);
    end(r, NULL);
}

int main(void)
{
    budget = gvd_budget_of(40);
    test_the_other_goes_on(false, false, 0);
    test_the_other_goes_on(true, false, 0);
    test_the_other_goes_on(true, true, 0);
    test_the_other_goes_on(false, false, 50000);
    test_the_other_goes_on(false, true, 50000);
    test_a_reading_that_ended_waits_for_nothing();
    printf("near the limit: ok\n");
    return 0;
}
