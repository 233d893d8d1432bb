// What packets tell of their pictures: which may be left out, which are half a
// frame, which are none.
#include "units.h"

static gvd_classifier h264, hevc;

// avcC or hvcC, as far as it is read.
static size_t make_box(uint8_t *box, enum gvd_bitstream bitstream,
                       const unit *first, const unit *second)
{
    bool avc = bitstream == GVD_BITSTREAM_H264;
    size_t n = avc ? 5 : 22;
    memset(box, 0, n);
    box[0] = 1;
    box[avc ? 4 : 21] = 0xff;
    if (!avc)
        box[n++] = 2; // lists
    for (int i = 0; i < 2; i++) {
        const unit *one = i ? second : first;
        if (!avc)
            box[n++] = one->bytes[0] >> 1;
        if (!avc)
            box[n++] = 0;
        box[n++] = avc && i == 0 ? 0xe1 : 1;
        box[n++] = 0;
        box[n++] = (uint8_t)one->size;
        memcpy(box + n, one->bytes, one->size);
        n += one->size;
    }
    return n;
}

// --- H.264 ---

typedef struct sps_style {
    unsigned number, profile, chroma, order_type, frame_num_bits;
    bool planes, scaling, progressive;
} sps_style;

static void put_high(bit_writer *to, const sps_style *style)
{
    put_ue(to, style->chroma);
    if (style->chroma == 3)
        put(to, style->planes, 1);
    put_ue(to, 0);
    put_ue(to, 0);
    put(to, 0, 1);
    put(to, style->scaling, 1);
    for (int i = 0; style->scaling && i < (style->chroma == 3 ? 12 : 8); i++) {
        bool told = i == 0 || i == 6;
        put(to, told, 1);
        if (told) {
            put_se(to, 3); // 8 and this, and then 0, which ends the list
            put_se(to, -11);
        }
    }
}

static unit make_sps(sps_style style)
{
    bit_writer to = {.escaped = true};
    put(&to, 0x67, 8);
    put(&to, style.profile ? style.profile : 77, 8);
    put(&to, 40, 16);
    put_ue(&to, style.number);
    if (style.profile >= 100)
        put_high(&to, &style);
    put_ue(&to, (style.frame_num_bits ? style.frame_num_bits : 4) - 4);
    put_ue(&to, style.order_type);
    if (style.order_type == 0)
        put_ue(&to, 2);
    if (style.order_type == 1) {
        put(&to, 1, 1);
        put_se(&to, -70000);
        put_se(&to, 1);
        put_ue(&to, 3);
        for (int i = 0; i < 3; i++)
            put_se(&to, i - 100);
    }
    put_ue(&to, 4);
    put(&to, 0, 1);
    put_ue(&to, 119);
    put_ue(&to, 33);
    put(&to, style.progressive, 1);
    put(&to, 5, 3);
    return finish(&to);
}

static unit make_pps(unsigned number, unsigned sps)
{
    bit_writer to = {.escaped = true};
    put(&to, 0x68, 8);
    put_ue(&to, number);
    put_ue(&to, sps);
    put(&to, 0, 2);
    return finish(&to);
}

enum {
    FRAME,
    TOP,
    BOTTOM
};

typedef struct slice_style {
    unsigned first, type, pps;
    int fields, frame_num_bits; // 0: the SPS has frames only
    bool planes;
} slice_style;

static unit make_slice(uint8_t head, slice_style style)
{
    bit_writer to = {.escaped = true};
    put(&to, head, 8);
    put_ue(&to, style.first);
    put_ue(&to, style.type);
    put_ue(&to, style.pps);
    put(&to, 2, style.planes ? 2 : 0);
    put(&to, 0, style.frame_num_bits ? style.frame_num_bits : 4);
    put(&to, style.fields != FRAME, style.frame_num_bits ? 1 : 0);
    put(&to, style.fields == BOTTOM, style.fields != FRAME);
    put(&to, 0x5a5a, 16);
    return finish(&to);
}

static const unit delimiter = UNIT(0x09, 0xf0);
static const unit message = UNIT(0x06, 0x05, 0x02, 9, 9, 0x80);

// Both fields are in one packet of MP4: the first alone does not tell.
static void test_a_frame_with_a_referenced_second_field_is_kept(void)
{
    const unit dropped = make_slice(0x01, (slice_style){.type = 6});
    const unit kept = make_slice(0x41, (slice_style){.type = 5});
    for (int size = 0; size <= 4; size++) {
        h264 = fresh(GVD_BITSTREAM_H264, size);
        REQUIRE(LOOK(h264, dropped).disposable);
        REQUIRE(LOOK(h264, delimiter, message, dropped, dropped).disposable);
        REQUIRE(LOOK(h264, make_slice(0x02, (slice_style){0})).disposable);
        REQUIRE(!LOOK(h264, kept).disposable);
        REQUIRE(!LOOK(h264, dropped, message, kept).disposable);
        REQUIRE(!LOOK(h264, kept, dropped).disposable);
        REQUIRE(!LOOK(h264, make_slice(0x65, (slice_style){0})).disposable);
    }
}

static void test_h264_picture_types(void)
{
    static const char types[] = "PBIPIPBIPI";
    h264 = fresh(GVD_BITSTREAM_H264, 0);
    for (unsigned t = 0; t < 10; t++)
        REQUIRE(LOOK(h264, make_slice(0x41, (slice_style){.type = t}))
                    .picture_type == types[t]);
    REQUIRE(
        LOOK(h264, make_slice(0x41, (slice_style){.type = 10})).picture_type ==
        0);
    REQUIRE(LOOK(h264, make_slice(0x01, (slice_style){.type = 6}),
                 make_slice(0x01, (slice_style){.type = 7}))
                .picture_type == 'B');
    REQUIRE(LOOK(h264, (unit){{0x41}, 1}).picture_type == 0);
}

static void check_fields(gvd_classifier *to, slice_style style)
{
    unit frame = make_slice(0x41, style);
    style.fields = TOP;
    unit top = make_slice(0x41, style);
    style.first = 40;
    unit more = make_slice(0x41, style);
    style.fields = BOTTOM;
    unit bottom = make_slice(0x01, style);
    REQUIRE(!LOOK(*to, frame).field);
    REQUIRE(!LOOK(*to, frame, frame).field);
    REQUIRE(LOOK(*to, top).field);
    REQUIRE(LOOK(*to, delimiter, top, more).field);
    REQUIRE(LOOK(*to, bottom).field);
    REQUIRE(LOOK(*to, bottom).disposable);
    REQUIRE(!LOOK(*to, top, bottom).field);
    REQUIRE(!LOOK(*to, bottom, message, top).field);
    REQUIRE(!LOOK(*to, bottom, message, top).disposable);
}

// A field that counts as a frame doubles the length of an interlaced film.
static void test_fields_in_every_form_of_sps(void)
{
    static const sps_style styles[] = {
        {0},
        {.number = 31, .frame_num_bits = 16},
        {.order_type = 1, .frame_num_bits = 9},
        {.order_type = 2, .number = 3},
        {.profile = 100, .chroma = 1},
        {.profile = 100, .chroma = 1, .scaling = true, .frame_num_bits = 5},
        {.profile = 244, .chroma = 3, .planes = true, .scaling = true},
        {.profile = 122, .chroma = 2, .order_type = 1},
    };
    for (size_t i = 0; i < sizeof styles / sizeof *styles; i++)
        for (int size = 0; size <= 4; size++) {
            const sps_style *style = &styles[i];
            unsigned bits = style->frame_num_bits;
            unit sps = make_sps(*style), pps = make_pps(200, style->number);
            h264 = fresh(GVD_BITSTREAM_H264, size);
            REQUIRE(LOOK(h264, sps, pps).all_parameters);
            check_fields(&h264,
                         (slice_style){.pps = 200,
                                       .frame_num_bits = bits ? (int)bits : 4,
                                       .planes = style->planes});
        }
}

static void test_frames_only_have_no_fields(void)
{
    unit interlaced = make_sps((sps_style){.number = 1});
    unit progressive = make_sps((sps_style){.progressive = true});
    unit field =
        make_slice(0x41, (slice_style){.fields = TOP, .frame_num_bits = 4});
    unit other = make_slice(
        0x41, (slice_style){.fields = TOP, .frame_num_bits = 4, .pps = 5});
    h264 = fresh(GVD_BITSTREAM_H264, 4);
    REQUIRE(!LOOK(h264, field).field); // no SPS yet
    LOOK(h264, progressive, interlaced, make_pps(0, 0), make_pps(5, 1));
    REQUIRE(!LOOK(h264, field).field);
    REQUIRE(LOOK(h264, other).field); // each PPS names its SPS
    LOOK(h264, make_sps((sps_style){0}));
    REQUIRE(LOOK(h264, field).field); // sent again, and changed
}

static void test_h264_sets_of_the_container(void)
{
    unit sps = make_sps((sps_style){.number = 2, .frame_num_bits = 7});
    unit pps = make_pps(9, 2);
    slice_style style = {.pps = 9, .frame_num_bits = 7};
    uint8_t box[256];
    size_t size = make_box(box, GVD_BITSTREAM_H264, &sps, &pps);
    gvd_classifier_init(&h264, GVD_BITSTREAM_H264, box, size);
    REQUIRE(h264.length_size == 4);
    check_fields(&h264, style);
    gvd_packet *annexb = make_packet((unit[]){sps, pps}, 2, 0, false);
    gvd_classifier_init(&h264, GVD_BITSTREAM_H264, annexb->data, annexb->size);
    REQUIRE(h264.length_size == 0);
    check_fields(&h264, style);
    free_packet(annexb);
    gvd_classifier_init(&h264, GVD_BITSTREAM_H264, NULL, 0);
    gvd_classifier_learn(&h264, box, size);
    check_fields(&h264, style);
}

// --- HEVC ---

static unit make_hevc(int type, int layer, int temporal, unsigned extra_bits,
                      unsigned slice_type)
{
    bit_writer to = {.escaped = true};
    put(&to, (unsigned)(type << 9 | layer << 3 | (temporal + 1)), 16);
    put(&to, 1, 1);
    put(&to, 0, type >= 16 ? 1 : 0);
    put_ue(&to, 3);
    put(&to, 0xff, (int)extra_bits);
    put_ue(&to, slice_type);
    put(&to, 0x5a, 8);
    return finish(&to);
}

static unit make_hevc_pps(int layer, unsigned extra_bits)
{
    bit_writer to = {.escaped = true};
    put(&to, (unsigned)(34 << 9 | layer << 3 | 1), 16);
    put_ue(&to, 3);
    put_ue(&to, 0);
    put(&to, 0, 2);
    put(&to, extra_bits, 3);
    put(&to, 0x5a, 8);
    return finish(&to);
}

static void test_hevc_layers_and_what_none_refers_to(void)
{
    for (int size = 0; size <= 4; size++)
        for (int type = 0; type < 32; type++)
            for (int temporal = 0; temporal < 7; temporal++) {
                hevc = fresh(GVD_BITSTREAM_HEVC, size);
                gvd_packet seen = LOOK(hevc, make_hevc(35, 0, 0, 0, 0),
                                       make_hevc(type, 0, temporal, 0, 1),
                                       make_hevc(type, 0, temporal, 0, 1));
                bool reserved = (type > 9 && type < 16) || type > 21;
                REQUIRE(seen.damaged == reserved);
                REQUIRE(seen.layer == (reserved ? 0 : temporal));
                REQUIRE(seen.disposable == (type < 10 && type % 2 == 0));
                REQUIRE(seen.picture_type == 0); // no PPS
                REQUIRE(!seen.field);
            }
}

static void test_a_second_view_decides_nothing(void)
{
    const unit first = make_hevc(1, 0, 0, 0, 1);
    const unit second = make_hevc(0, 1, 2, 0, 1);
    const unit idr = make_hevc(19, 1, 0, 0, 2);
    hevc = fresh(GVD_BITSTREAM_HEVC, 4);
    gvd_packet seen = LOOK(hevc, idr, second, first);
    REQUIRE(seen.entry == GVD_ENTRY_NONE && !seen.disposable && !seen.damaged);
    REQUIRE(LOOK(hevc, make_hevc(0, 0, 2, 0, 1), first).disposable);
    REQUIRE(LOOK(hevc, second).damaged);
    REQUIRE(LOOK(hevc, make_hevc(0, 32, 0, 0, 1)).damaged);
    REQUIRE(!LOOK(hevc, make_hevc_pps(1, 0), first).parameters);
    REQUIRE(LOOK(hevc, first).picture_type == 0); // that PPS was not its own
}

static void test_hevc_picture_types(void)
{
    for (unsigned extra = 0; extra < 8; extra++) {
        hevc = fresh(GVD_BITSTREAM_HEVC, 2);
        LOOK(hevc, make_hevc_pps(0, extra), make_hevc_pps(1, 7 - extra));
        for (unsigned t = 0; t < 3; t++) {
            REQUIRE(LOOK(hevc, make_hevc(1, 0, 0, extra, t)).picture_type ==
                    "BPI"[t]);
            REQUIRE(LOOK(hevc, make_hevc(21, 0, 0, extra, t)).picture_type ==
                    "BPI"[t]);
        }
    }
    unit pps = make_hevc_pps(0, 2), vps = UNIT(0x40, 1, 0x0c);
    uint8_t box[256];
    size_t size = make_box(box, GVD_BITSTREAM_HEVC, &vps, &pps);
    gvd_classifier_init(&hevc, GVD_BITSTREAM_HEVC, box, size);
    REQUIRE(LOOK(hevc, make_hevc(8, 0, 1, 2, 0)).picture_type == 'B');
}

// --- other codecs ---

static void test_other_codecs(void)
{
    static const uint8_t byte[] = {0x86};
    for (int key = 0; key < 2; key++) {
        gvd_packet packet = {.data = byte, .size = 1, .key = key};
        gvd_classifier vp9 = fresh(GVD_BITSTREAM_VP9, 0),
                       intra = fresh(GVD_BITSTREAM_INTRA, 0),
                       other = fresh(GVD_BITSTREAM_OTHER, 0);
        gvd_packet_classify(&packet, &vp9);
        REQUIRE(!packet.disposable && packet.picture_type == (key ? 'I' : 'P'));
        gvd_packet_classify(&packet, &intra);
        REQUIRE(packet.disposable && packet.picture_type == 'I');
        gvd_packet_classify(&packet, &other);
        REQUIRE(!packet.disposable && packet.picture_type == 0);
        REQUIRE(!packet.damaged && !packet.field && packet.layer == 0);
    }
}

// --- damage ---

static void test_packets_without_a_slice_are_no_frames(void)
{
    const unit sps = make_sps((sps_style){0}), pps = make_pps(0, 0);
    const unit slice = make_slice(0x41, (slice_style){0});
    for (int size = 0; size <= 4; size++) {
        h264 = fresh(GVD_BITSTREAM_H264, size);
        hevc = fresh(GVD_BITSTREAM_HEVC, size);
        REQUIRE(LOOK(h264, delimiter).damaged);
        REQUIRE(LOOK(h264, delimiter, sps, pps, message).damaged);
        REQUIRE(!LOOK(h264, sps, pps, message, slice).damaged);
        REQUIRE(LOOK(hevc, make_hevc(35, 0, 0, 0, 0)).damaged);
        REQUIRE(LOOK(hevc, make_hevc_pps(0, 0)).damaged);
        REQUIRE(!LOOK(hevc, make_hevc(0, 0, 0, 0, 0)).damaged);
        // Decoders pass over units with the forbidden bit.
        REQUIRE(LOOK(h264, (unit)UNIT(0xc1, 0x9a, 0x24)).damaged);
    }
}

static bool is_damaged(const uint8_t *data, size_t size, bool before)
{
    gvd_packet packet = {.data = data, .size = size, .damaged = before};
    h264 = fresh(GVD_BITSTREAM_H264, 4);
    gvd_packet_classify(&packet, &h264);
    return packet.damaged;
}

static void test_wrong_lengths_are_damage(void)
{
    uint8_t two[] = {0, 0, 0, 2, 0x41, 0x9a, 0, 0, 0, 2, 0x41, 0x9a, 0, 0, 0};
    REQUIRE(!is_damaged(two, 12, false));
    REQUIRE(is_damaged(two, 12, true)); // as the demuxer said
    REQUIRE(!is_damaged(two, 15, false));
    REQUIRE(is_damaged(two, 11, false));
    REQUIRE(is_damaged(two, 10, false));
    REQUIRE(!is_damaged(two, 9, false));
    REQUIRE(!is_damaged(two, 6, false));
    REQUIRE(is_damaged(two, 5, false));
    REQUIRE(!is_damaged(two, 0, false)); // no bytes: not our matter
    two[9] = 3;
    REQUIRE(is_damaged(two, 12, false));
    two[9] = 0;
    REQUIRE(is_damaged(two, 12, false));
    two[6] = 0xff;
    REQUIRE(is_damaged(two, 12, false));
}

// --- anything at all ---

static void test_spoiled_streams_are_read_within_bounds(void)
{
    const unit units[] = {
        make_sps((sps_style){.profile = 244, .chroma = 3, .scaling = true}),
        make_sps((sps_style){.order_type = 1}),
        make_pps(3, 0),
        message,
        make_slice(0x01, (slice_style){.fields = TOP, .frame_num_bits = 4}),
        make_hevc_pps(0, 5),
        make_hevc(8, 0, 3, 5, 0),
    };
    enum {
        COUNT = sizeof units / sizeof *units,
        ROUNDS = 100000
    };
    uint64_t seed = 21;
    gvd_classifier classifier = {0};
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t box[512];
        enum gvd_bitstream bitstream = draw(&seed) % (GVD_BITSTREAM_INTRA + 1);
        size_t size = make_box(box, bitstream, &units[draw(&seed) % COUNT],
                               &units[draw(&seed) % COUNT]);
        uint8_t *extradata = spoil_copy(box, &size, &seed);
        if (chance(&seed, 20) || classifier.bitstream != bitstream)
            gvd_classifier_init(&classifier, bitstream, extradata, size);
        else
            gvd_classifier_learn(&classifier, extradata, size);
        free(extradata);
        unit some[4];
        for (int i = 0; i < 4; i++)
            some[i] = units[draw(&seed) % COUNT];
        gvd_packet *packet =
            make_packet(some, 4, framing_of(&classifier), chance(&seed, 50));
        gvd_packet cut = {.key = packet->key, .size = packet->size};
        uint8_t *data = spoil_copy(packet->data, &cut.size, &seed);
        cut.data = data;
        gvd_packet_classify(&cut, &classifier);
        REQUIRE(!cut.field || bitstream == GVD_BITSTREAM_H264);
        REQUIRE(cut.layer >= 0 && cut.layer < 7);
        free(data);
        free_packet(packet);
    }
}

int main(void)
{
    test_begin("pictures", 21, 60);
    test_a_frame_with_a_referenced_second_field_is_kept();
    test_h264_picture_types();
    test_fields_in_every_form_of_sps();
    test_frames_only_have_no_fields();
    test_h264_sets_of_the_container();
    test_hevc_layers_and_what_none_refers_to();
    test_a_second_view_decides_nothing();
    test_hevc_picture_types();
    test_other_codecs();
    test_packets_without_a_slice_are_no_frames();
    test_wrong_lengths_are_damage();
    test_spoiled_streams_are_read_within_bounds();
    puts("pictures: ok");
    return 0;
}
