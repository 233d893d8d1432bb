// HEVC: what one access unit tells. Units of other layers than the first (a
// second view) say nothing.
#include "nal_impl.h"

enum {
    RASL_N = 8,
    RASL_R = 9, // pictures with an even number up to here: not referred to
    BLA_FIRST = 16,
    IDR_W_RADL = 19,
    IDR_N_LP = 20,
    CRA = 21,
    VPS = 32,
    SPS = 33,
    PPS = 34,
};

static int type_of(const gvd_nal_unit *unit)
{
    return unit->data[0] >> 1 & 63;
}

// Temporal id, or -1 for what decoders pass over.
static int layer_of(const gvd_nal_unit *unit)
{
    if (unit->size < 2 || unit->data[0] & 1 || unit->data[1] >> 3)
        return -1;
    return (unit->data[1] & 7) - 1;
}

static void skip(gvd_bits *bits, int count)
{
    for (; count > 0; count -= 8)
        gvd_bits_next(bits, count < 8 ? (unsigned)count : 8);
}

#define PROFILE_BITS 88
#define LEVEL_BITS 8

static void skip_profile_tier_level(gvd_bits *bits, unsigned sub_layers)
{
    skip(bits, PROFILE_BITS + LEVEL_BITS);
    bool profile[8] = {0}, level[8] = {0};
    for (unsigned i = 0; i < sub_layers; i++) {
        profile[i] = gvd_bits_next(bits, 1);
        level[i] = gvd_bits_next(bits, 1);
    }
    if (sub_layers > 0)
        skip(bits, 2 * (8 - (int)sub_layers));
    for (unsigned i = 0; i < sub_layers; i++)
        skip(bits,
             (profile[i] ? PROFILE_BITS : 0) + (level[i] ? LEVEL_BITS : 0));
}

static void take_sps(gvd_hevc_sets *sets, const gvd_nal_unit *unit)
{
    gvd_bits bits = gvd_nal_bits(unit, 2);
    gvd_bits_next(&bits, 4); // its VPS
    const unsigned sub_layers = gvd_bits_next(&bits, 3);
    gvd_bits_next(&bits, 1);
    skip_profile_tier_level(&bits, sub_layers);
    const unsigned number = gvd_bits_next_ue(&bits);
    unsigned chroma = gvd_bits_next_ue(&bits);
    if (chroma == 3 && gvd_bits_next(&bits, 1)) // planes are coded one by one
        chroma = 0;
    const int64_t width = gvd_bits_next_ue(&bits);
    const int64_t height = gvd_bits_next_ue(&bits);
    const gvd_window visible = gvd_nal_window(&bits, width, height, chroma, 1);
    if (!bits.over && number < GVD_HEVC_SPS)
        sets->visible[number] = visible;
}

void gvd_hevc_take(gvd_hevc_sets *sets, const gvd_nal_unit *unit)
{
    if (layer_of(unit) < 0)
        return;
    if (type_of(unit) == SPS)
        take_sps(sets, unit);
    if (type_of(unit) != PPS)
        return;
    gvd_bits bits = gvd_nal_bits(unit, 2);
    unsigned number = gvd_bits_next_ue(&bits);
    unsigned sps = gvd_bits_next_ue(&bits);
    gvd_bits_next(&bits, 2); // dependent slices, output flag
    unsigned extra = gvd_bits_next(&bits, 3);
    if (bits.over || number >= GVD_HEVC_PPS || sps >= GVD_HEVC_SPS)
        return;
    sets->extra_bits[number] = (uint8_t)(extra + 1);
    sets->sps_of_pps[number] = (uint8_t)sps;
}

// Also what its picture shows.
static char read_slice_type(const gvd_hevc_sets *sets, const gvd_nal_unit *unit,
                            gvd_window *visible)
{
    gvd_bits bits = gvd_nal_bits(unit, 2);
    bool first = gvd_bits_next(&bits, 1);
    if (type_of(unit) >= BLA_FIRST)
        gvd_bits_next(&bits, 1); // no output of prior pictures
    unsigned pps = gvd_bits_next_ue(&bits);
    if (!first || pps >= GVD_HEVC_PPS || sets->extra_bits[pps] == 0)
        return 0;
    *visible = sets->visible[sets->sps_of_pps[pps]];
    gvd_bits_next(&bits, sets->extra_bits[pps] - 1u);
    unsigned type = gvd_bits_next_ue(&bits);
    if (bits.over || type > 2)
        return 0;
    return type == 0 ? 'B' : type == 1 ? 'P' : 'I';
}

static void read_slice(gvd_packet *packet, const gvd_hevc_sets *sets,
                       const gvd_nal_unit *unit)
{
    int type = type_of(unit);
    if (type == IDR_W_RADL || type == IDR_N_LP)
        packet->entry = GVD_ENTRY_CLOSED;
    else if (type >= BLA_FIRST)
        packet->entry = GVD_ENTRY_OPEN;
    packet->skippable = type == RASL_N || type == RASL_R;
    packet->disposable = type < RASL_R && type % 2 == 0;
    packet->layer = layer_of(unit);
    packet->picture_type = read_slice_type(sets, unit, &packet->visible);
}

void gvd_hevc_classify(gvd_packet *packet, gvd_hevc_sets *sets,
                       gvd_nal_reader reader)
{
    unsigned seen = 0; // a bit each: VPS, SPS, PPS
    gvd_nal_unit unit;
    while (gvd_nal_next(&reader, &unit)) {
        int type = type_of(&unit);
        if (layer_of(&unit) < 0)
            continue;
        if (type <= RASL_R || (type >= BLA_FIRST && type <= CRA)) {
            read_slice(packet, sets, &unit);
            return; // what follows the first slice tells nothing new
        }
        if (type >= VPS && type <= PPS)
            seen |= 1u << (type - VPS);
        packet->parameters = seen != 0;
        packet->all_parameters = seen == 7;
        gvd_hevc_take(sets, &unit);
    }
    packet->damaged = true;
}
