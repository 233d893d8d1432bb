// H.264: what one access unit, or one field of it, tells.
#include "nal_impl.h"

enum {
    SLICE = 1,
    PARTITION_A = 2, // the only one of three with a slice header
    IDR = 5,
    SEI = 6,
    SPS = 7,
    PPS = 8,
    SEI_RECOVERY_POINT = 6,
};

// Which of a frame's fields a slice belongs to; frames have both.
enum {
    TOP = 1,
    BOTTOM = 2,
    BOTH = 3,
};

static int type_of(const gvd_nal_unit *unit)
{
    return unit->data[0] & 31;
}

static bool is_slice(const gvd_nal_unit *unit)
{
    int type = type_of(unit);
    return type == SLICE || type == PARTITION_A || type == IDR;
}

// --- parameter sets ---

// Profiles whose SPS tells chroma format and bit depths; others are 8-bit
// 4:2:0.
static bool has_chroma_format(int profile)
{
    static const int profiles[] = {100, 110, 122, 244, 44,  83, 86,
                                   118, 128, 138, 139, 134, 135};
    for (size_t i = 0; i < sizeof profiles / sizeof *profiles; i++)
        if (profile == profiles[i])
            return true;
    return false;
}

bool gvd_h264_sps_is_420p8(const uint8_t *sps, size_t size)
{
    if (size < 5)
        return false;
    if (!has_chroma_format(sps[1]))
        return true;
    gvd_nal_unit unit = {sps, size};
    gvd_bits bits = gvd_nal_bits(&unit, 4);
    gvd_bits_next_ue(&bits); // its number
    bool plain = gvd_bits_next_ue(&bits) == 1;
    plain &= gvd_bits_next_ue(&bits) == 0;
    plain &= gvd_bits_next_ue(&bits) == 0;
    return plain && !bits.over;
}

static void skip_scaling_list(gvd_bits *bits, int size)
{
    unsigned last = 8, next = 8;
    for (int i = 0; i < size && next != 0 && !bits->over; i++) {
        next = (last + (unsigned)gvd_bits_next_se(bits)) & 255;
        last = next ? next : last;
    }
}

// Returns chroma_format_idc, 0 where the planes are coded one by one.
static unsigned read_chroma_format(gvd_bits *bits, bool *separate)
{
    unsigned format = gvd_bits_next_ue(bits);
    *separate = format == 3 && gvd_bits_next(bits, 1);
    gvd_bits_next_ue(bits); // depths
    gvd_bits_next_ue(bits);
    gvd_bits_next(bits, 1); // lossless
    bool scaling = gvd_bits_next(bits, 1);
    for (int i = 0; scaling && i < (format == 3 ? 12 : 8); i++)
        if (gvd_bits_next(bits, 1))
            skip_scaling_list(bits, i < 6 ? 16 : 64);
    return *separate ? 0 : format;
}

static void skip_picture_order(gvd_bits *bits)
{
    unsigned type = gvd_bits_next_ue(bits);
    if (type == 0)
        gvd_bits_next_ue(bits);
    if (type != 1)
        return;
    gvd_bits_next(bits, 1);
    gvd_bits_next_ue(bits); // two offsets
    gvd_bits_next_ue(bits);
    for (unsigned n = gvd_bits_next_ue(bits); n > 0 && !bits->over; n--)
        gvd_bits_next_ue(bits);
}

static void take_sps(gvd_h264_sets *sets, const gvd_nal_unit *unit)
{
    gvd_h264_sps sps = {0};
    gvd_bits bits = gvd_nal_bits(unit, 4);
    unsigned number = gvd_bits_next_ue(&bits);
    unsigned chroma = 1;
    if (unit->size > 4 && has_chroma_format(unit->data[1]))
        chroma = read_chroma_format(&bits, &sps.planes);
    unsigned frame_num_bits = gvd_bits_next_ue(&bits);
    skip_picture_order(&bits);
    gvd_bits_next_ue(&bits); // reference frames
    sps.gaps = gvd_bits_next(&bits, 1);
    const int64_t columns = (int64_t)gvd_bits_next_ue(&bits) + 1;
    const int64_t rows = (int64_t)gvd_bits_next_ue(&bits) + 1;
    sps.fields = !gvd_bits_next(&bits, 1);
    sps.frame_num_bits = (uint8_t)(frame_num_bits + 4);
    if (bits.over || number >= GVD_H264_SPS || frame_num_bits > 12)
        return;
    gvd_bits_next(&bits, sps.fields ? 2 : 1); // MBAFF, direct mode
    const int fields = sps.fields ? 2 : 1;
    sps.visible =
        gvd_nal_window(&bits, columns * 16, rows * 16 * fields, chroma, fields);
    sets->sps[number] = sps;
}

static void take_pps(gvd_h264_sets *sets, const gvd_nal_unit *unit)
{
    gvd_bits bits = gvd_nal_bits(unit, 1);
    unsigned number = gvd_bits_next_ue(&bits);
    unsigned sps = gvd_bits_next_ue(&bits);
    if (!bits.over && number < GVD_H264_PPS && sps < GVD_H264_SPS)
        sets->sps_of_pps[number] = (uint8_t)sps;
}

void gvd_h264_take(gvd_h264_sets *sets, const gvd_nal_unit *unit)
{
    if (type_of(unit) == SPS)
        take_sps(sets, unit);
    else if (type_of(unit) == PPS)
        take_pps(sets, unit);
}

// --- access units ---

// A number of an SEI message's head: 255 for every 0xff, and what follows.
static unsigned next_sei_number(gvd_bits *bits)
{
    unsigned number = 0, byte;
    while ((byte = gvd_bits_next_byte(bits)) == 255)
        number += 255;
    return number + byte;
}

// True for a recovery point whose recovery_frame_cnt is 0: every picture from
// this one on, in output order, is right when decoding starts here.
static bool is_exact_recovery_point(const gvd_nal_unit *sei)
{
    gvd_bits bits = gvd_nal_bits(sei, 1);
    while (!bits.over) {
        unsigned type = next_sei_number(&bits);
        unsigned size = next_sei_number(&bits);
        if (type == SEI_RECOVERY_POINT && size > 0 && !bits.over)
            return gvd_bits_next(&bits, 1); // ue(v) 0 is the single bit 1
        for (; size > 0 && !bits.over; size--)
            gvd_bits_next_byte(&bits);
    }
    return false;
}

// Reads the units in front of the first slice, and that: false without one.
static bool read_head(gvd_packet *packet, gvd_h264_sets *sets,
                      gvd_nal_reader *reader, gvd_nal_unit *unit)
{
    bool recovery = false, sps = false, pps = false;
    while (gvd_nal_next(reader, unit)) {
        int type = type_of(unit);
        sps |= type == SPS;
        pps |= type == PPS;
        packet->parameters = sps || pps;
        packet->all_parameters = sps && pps;
        gvd_h264_take(sets, unit);
        if (type == SEI)
            recovery |= is_exact_recovery_point(unit);
        if (type == IDR)
            packet->entry = GVD_ENTRY_CLOSED;
        else if (is_slice(unit) && packet->key && recovery)
            packet->entry = GVD_ENTRY_OPEN;
        if (is_slice(unit))
            return true;
    }
    return false;
}

typedef struct slice_head {
    int fields;         // BOTH where its SPS is not known
    char picture_type;  // or 0
    unsigned frame_num; // below `modulus`, which is 0 where it is not known
    unsigned modulus;
    bool gaps; // frame numbers may be left out
    gvd_window visible;
} slice_head;

static slice_head read_slice(const gvd_h264_sets *sets,
                             const gvd_nal_unit *unit)
{
    slice_head head = {.fields = BOTH};
    gvd_bits bits = gvd_nal_bits(unit, 1);
    gvd_bits_next_ue(&bits); // first macroblock
    unsigned type = gvd_bits_next_ue(&bits);
    head.picture_type = bits.over || type > 9 ? 0 : "PBIPI"[type % 5];
    unsigned pps = gvd_bits_next_ue(&bits);
    if (pps >= GVD_H264_PPS)
        return head;
    const gvd_h264_sps *sps = &sets->sps[sets->sps_of_pps[pps]];
    gvd_bits_next(&bits, sps->planes ? 2 : 0);
    head.frame_num = gvd_bits_next(&bits, sps->frame_num_bits);
    head.modulus =
        sps->frame_num_bits && !bits.over ? 1u << sps->frame_num_bits : 0;
    head.gaps = sps->gaps;
    head.visible = sps->visible;
    if (!sps->fields)
        return head;
    bool field = gvd_bits_next(&bits, 1);
    bool bottom = gvd_bits_next(&bits, 1);
    if (field && !bits.over)
        head.fields = bottom ? BOTTOM : TOP;
    return head;
}

// A frame number that follows none before it: packets are missing.
static bool is_gap(gvd_h264_sets *sets, const slice_head *head, bool idr,
                   bool referenced)
{
    unsigned last = sets->reference_frame_num;
    if (head->modulus == 0)
        return false;
    if (referenced)
        sets->reference_frame_num = head->frame_num + 1;
    return last > 0 && !idr && !head->gaps && head->frame_num != last - 1 &&
           head->frame_num != last % head->modulus;
}

// A field whose other one went before, in the packet before, ends its frame.
static void pair_fields(gvd_packet *packet, gvd_h264_sets *sets, int fields,
                        unsigned frame_num)
{
    packet->field = fields != BOTH;
    packet->second_field = packet->field &&
                           (sets->open_field | fields) == BOTH &&
                           sets->open_frame_num == frame_num;
    bool open = packet->field && !packet->second_field;
    sets->open_field = (uint8_t)(open ? fields : 0);
    sets->open_frame_num = frame_num;
}

void gvd_h264_classify(gvd_packet *packet, gvd_h264_sets *sets,
                       gvd_nal_reader reader)
{
    gvd_nal_unit unit;
    if (!read_head(packet, sets, &reader, &unit)) {
        packet->damaged = true;
        return;
    }
    slice_head head = read_slice(sets, &unit);
    bool idr = type_of(&unit) == IDR;
    bool referenced = unit.data[0] & 0x60;
    int fields = head.fields;
    // The other field may be here too, and may be referred to; of a frame the
    // first slice tells all.
    while ((fields != BOTH || !referenced) && gvd_nal_next(&reader, &unit)) {
        gvd_h264_take(sets, &unit);
        if (!is_slice(&unit))
            continue;
        fields |= read_slice(sets, &unit).fields;
        referenced |= unit.data[0] & 0x60;
    }
    packet->picture_type = head.picture_type;
    packet->visible = head.visible;
    packet->disposable = !referenced;
    packet->damaged |= is_gap(sets, &head, idr, referenced);
    pair_fields(packet, sets, fields, head.frame_num);
}
