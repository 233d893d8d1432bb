// Which AV1 frames may be left out, read from headers bit by bit.
#include "units.h"

static gvd_classifier av1;

typedef struct sequence_style {
    unsigned screen, integer; // 2: each frame tells
    bool ids, order, reduced, timing, model, delay;
    unsigned points;
} sequence_style;

static unit make_obu(bit_writer *payload, int type, bool extension)
{
    unit raw = finish(payload), out = {.size = 0};
    out.bytes[out.size++] = (uint8_t)(type << 3 | extension << 2 | 2);
    if (extension)
        out.bytes[out.size++] = 0x48;
    out.bytes[out.size++] = (uint8_t)(raw.size | 0x80); // two bytes do as well
    out.bytes[out.size++] = 0;
    memcpy(out.bytes + out.size, raw.bytes, raw.size);
    out.size += raw.size;
    return out;
}

static void put_operating_points(bit_writer *to, const sequence_style *style)
{
    put(to, style->timing, 1);
    if (style->timing) {
        put(to, 1001, 32);
        put(to, 60000, 32);
        put(to, 1, 1);
        put_ue(to, 5);
        put(to, style->model, 1);
    }
    put(to, style->delay, 1);
    put(to, style->points, 5);
    for (unsigned i = 0; i <= style->points; i++) {
        put(to, 0x101, 12);
        put(to, i ? 9 : 4, 5);
        put(to, 1, i ? 1 : 0);
        put(to, 1, style->delay ? 1 : 0);
        put(to, 7, style->delay ? 4 : 0);
    }
}

static unit make_sequence(sequence_style style)
{
    bit_writer to = {0};
    put(&to, style.reduced ? 3 : 0, 5);
    put_operating_points(&to, &style);
    put(&to, 10 << 4 | 9, 8);
    put(&to, 1919, 11);
    put(&to, 799, 10);
    put(&to, style.ids, 1);
    put(&to, 12 << 3 | 0, style.ids ? 7 : 0); // 15 bits
    put(&to, 0x7f, 7);
    put(&to, style.order, 1);
    put(&to, 3, style.order ? 2 : 0);
    put(&to, style.screen == 2, 1);
    put(&to, style.screen, style.screen == 2 ? 0 : 1);
    if (style.screen) {
        put(&to, style.integer == 2, 1);
        put(&to, style.integer, style.integer == 2 ? 0 : 1);
    }
    put(&to, 6, style.order ? 3 : 0); // 7 bits
    put(&to, 0x5a, 8);
    return make_obu(&to, 1, false);
}

enum {
    KEY,
    INTER,
    INTRA_ONLY,
    SWITCH
};

static unit make_frame(sequence_style style, unsigned type, bool resilient,
                       unsigned refresh)
{
    bit_writer to = {0};
    put(&to, 0, 1);
    put(&to, type, 2);
    put(&to, 1, 1);
    if (type == INTER || type == INTRA_ONLY)
        put(&to, resilient, 1);
    put(&to, 1, 1);
    put(&to, 1, style.screen == 2 ? 1 : 0);
    put(&to, 1, style.screen && style.integer == 2 ? 1 : 0);
    put(&to, 0x7fff, style.ids ? 15 : 0);
    put(&to, 1, type == SWITCH ? 0 : 1);
    put(&to, 0x7f, style.order ? 7 : 0);
    put(&to, 7, type == INTER && !resilient ? 3 : 0);
    if (type == INTER || type == INTRA_ONLY)
        put(&to, refresh, 8);
    put(&to, 0xffff, 16);
    return make_obu(&to, resilient ? 3 : 6, resilient);
}

static unit make_hidden(void)
{
    bit_writer to = {0};
    put(&to, INTER << 1, 4);
    put(&to, 0, 24);
    return make_obu(&to, 3, false);
}

static void check_av1(sequence_style style)
{
    for (int resilient = 0; resilient < 2; resilient++) {
        unit unseen = make_frame(style, INTER, resilient, 0);
        REQUIRE(LOOK(av1, unseen).disposable);
        REQUIRE(LOOK(av1, unseen).picture_type == 'P');
        REQUIRE(
            LOOK(av1, make_frame(style, INTRA_ONLY, resilient, 0)).disposable);
        for (unsigned bit = 0; bit < 8; bit++) {
            unit seen = make_frame(style, INTER, resilient, 1u << bit);
            REQUIRE(!LOOK(av1, seen).disposable);
            REQUIRE(!LOOK(av1, unseen, seen).disposable);
            REQUIRE(!LOOK(av1, seen, unseen).disposable);
        }
        REQUIRE(LOOK(av1, unseen, unseen).disposable);
        REQUIRE(!LOOK(av1, make_hidden(), unseen).disposable);
    }
    gvd_packet key = LOOK(av1, make_frame(style, KEY, false, 0));
    REQUIRE(!key.disposable && key.picture_type == 'I');
    REQUIRE(!LOOK(av1, make_frame(style, SWITCH, false, 0)).disposable);
}

static void test_av1_frames_that_none_refers_to(void)
{
    av1.bitstream = GVD_BITSTREAM_AV1;
    for (unsigned all = 0; all < 144; all++) {
        sequence_style style = {
            .screen = all % 3,
            .integer = all / 3 % 3,
            .ids = all / 9 & 1,
            .order = all / 18 & 1,
            .timing = all / 36 & 1,
            .delay = all / 72,
            .points = all % 4,
        };
        unit sequence = make_sequence(style);
        av1 = fresh(GVD_BITSTREAM_AV1, 0);
        REQUIRE(!LOOK(av1, make_frame(style, INTER, false, 0)).disposable);
        LOOK(av1, (unit)UNIT(0x12, 0), sequence);
        check_av1(style);
        uint8_t box[4 + sizeof sequence.bytes] = {0x81, 4, 12, 0};
        memcpy(box + 4, sequence.bytes, sequence.size);
        gvd_classifier_init(&av1, GVD_BITSTREAM_AV1, box, 4 + sequence.size);
        check_av1(style);
        gvd_classifier_init(&av1, GVD_BITSTREAM_AV1, sequence.bytes,
                            sequence.size);
        check_av1(style);
    }
}

// What we do not read in full is never left out.
static void test_av1_that_is_not_read_in_full(void)
{
    sequence_style plain = {.screen = 2, .integer = 2, .order = true};
    sequence_style reduced = plain, model = plain;
    reduced.reduced = true;
    model.timing = model.model = true;
    unit frame = make_frame(plain, INTER, false, 0);
    unit torn = frame, existing = UNIT(0x1a, 1, 0x90);
    torn.bytes[1] = 0xff;
    const unit sequences[] = {make_sequence(reduced), make_sequence(model)};
    av1 = fresh(GVD_BITSTREAM_AV1, 0);
    for (int i = 0; i < 2; i++) {
        LOOK(av1, make_sequence(plain));
        REQUIRE(LOOK(av1, frame).disposable);
        REQUIRE(!LOOK(av1, frame, existing).disposable);
        REQUIRE(!LOOK(av1, frame, torn).disposable);
        REQUIRE(!LOOK(av1, (unit)UNIT(0x12, 0)).disposable);
        REQUIRE(!LOOK(av1, sequences[i], frame).disposable);
    }
}

static void test_spoiled_av1_is_read_within_bounds(void)
{
    sequence_style tools = {.screen = 2, .integer = 2, .ids = true};
    const unit units[] = {make_sequence(tools), make_hidden(),
                          make_frame(tools, INTER, false, 0),
                          make_frame(tools, INTRA_ONLY, true, 0)};
    uint64_t seed = 22;
    for (int round = 0; round < 100000; round++) {
        unit some[3];
        for (int i = 0; i < 3; i++)
            some[i] = units[draw(&seed) % 4];
        gvd_packet *packet = make_packet(some, 3, BARE, false);
        gvd_packet cut = {.size = packet->size};
        uint8_t *data = spoil_copy(packet->data, &cut.size, &seed);
        cut.data = data;
        if (chance(&seed, 20))
            gvd_classifier_init(&av1, GVD_BITSTREAM_AV1, data, cut.size);
        gvd_packet_classify(&cut, &av1);
        REQUIRE(!cut.disposable || cut.size > 2);
        free(data);
        free_packet(packet);
    }
}

int main(void)
{
    test_begin("av1", 22, 60);
    test_av1_frames_that_none_refers_to();
    test_av1_that_is_not_read_in_full();
    test_spoiled_av1_is_read_within_bounds();
    puts("av1: ok");
    return 0;
}
