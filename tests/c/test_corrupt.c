// What a presenter does with frames in which the decoder concealed damage: it
// keeps them, leaves them out or ends before the first.
#include "presenter.h"

#include "drive.h"

// Of the shown frames some are corrupt.
typedef struct damaged {
    fake fake;
    int64_t *want; // ordinals of the shown frames
    int count;
    int first; // the number of the first that is corrupt, or count
} damaged;

static void start_damaged(damaged *d, uint64_t *seed)
{
    gop_style style = {.gops = 4, .max_length = 20, .intra = chance(seed, 50)};
    fake_init(&d->fake, &style, *seed);
    d->fake.jitter = draw_below(seed, 3) * 40;
    for (int i = 0; i < d->fake.gops.count; i++)
        d->fake.faults[i] = chance(seed, 15) ? FAKE_CORRUPT : FAKE_SOUND;
    d->want = shown_ordinals(&d->fake.gops, &d->count);
    d->first = 0;
    while (d->first < d->count &&
           d->fake.faults[d->want[d->first]] == FAKE_SOUND)
        d->first++;
}

static bool is_corrupt(const damaged *d, int number)
{
    return d->fake.faults[d->want[number]] == FAKE_CORRUPT;
}

// Reads to the end or to an error; each frame has its number.
static int read_all(damaged *d, gvd_presenter *p, int *given, uint64_t *seed,
                    gvd_error *err)
{
    int number = 0, rc = GVD_OK;
    while (rc == GVD_OK || rc == GVD_AGAIN) {
        gvd_delivery out;
        rc = gvd_presenter_next(p, chance(seed, 50) ? -1 : 1, &out, err);
        REQUIRE((rc == GVD_OK) == (out.frame != NULL));
        if (rc != GVD_OK)
            continue;
        while (p->on_corrupt == GVD_CORRUPT_SKIP && is_corrupt(d, number))
            number++;
        REQUIRE(out.number == number && out.frame->number == number);
        REQUIRE(out.frame->ordinal == d->want[number]);
        REQUIRE(out.frame->corrupt == is_corrupt(d, number));
        number++;
        (*given)++;
        gvd_frame_unref(&out.frame);
    }
    return rc;
}

static void check_policy(enum gvd_on_corrupt policy, uint64_t seed)
{
    damaged d;
    start_damaged(&d, &seed);
    gvd_scheduler_params params =
        drive_params(&d.fake, false, 1 + draw_below(&seed, 4));
    gvd_scheduler *s = start(&params);
    gvd_presenter p = {
        .scheduler = s,
        .on_corrupt = policy,
        .time_base = {1, 1000},
    };
    gvd_error err = {0};
    int given = 0, corrupt = 0;
    int rc = read_all(&d, &p, &given, &seed, &err);
    for (int i = 0; i < d.count; i++)
        corrupt += is_corrupt(&d, i);
    if (policy == GVD_CORRUPT_RAISE && d.first < d.count) {
        char words[64];
        snprintf(words, sizeof words, "frame %d at ", d.first);
        REQUIRE(rc == GVD_ERR_DECODE && given == d.first);
        REQUIRE(strstr(err.text, words) && strstr(err.text, "on_corrupt"));
    } else {
        gvd_stats stats;
        gvd_scheduler_stats(s, &stats);
        REQUIRE(rc == GVD_EOF);
        REQUIRE(given == d.count - (policy == GVD_CORRUPT_SKIP) * corrupt);
        REQUIRE(stats.corrupt_frames == corrupt && stats.frames == d.count);
    }
    stop(&s, &d.fake);
    free(d.want);
    fake_free(&d.fake);
}

int main(void)
{
    for (uint64_t seed = 0; seed < 60; seed++) {
        test_begin("corrupt frames", seed, 20);
        check_policy(GVD_CORRUPT_KEEP, seed);
        check_policy(GVD_CORRUPT_SKIP, seed);
        check_policy(GVD_CORRUPT_RAISE, seed);
    }
    puts("corrupt: ok");
    return 0;
}
