"""The recipes of `make exact`: small clips of every kind that decodes differently.

A recipe is ffmpeg's arguments before the file to write; `@NAME` among them is
another clip's path. The first letters of a name tell what it is there for: x
H.264, x5 HEVC, v8 v9 a1 VP8 VP9 AV1, m1 m2 m4 MPEG, t times, c containers,
f field pairs,
d lost packets, j joined or cut files.
"""

from typing import NamedTuple

from clips import OTHERS, VIDEOS, X264, X265, command
from paff import paff

FRAMES = 40
CLOSED = "keyint=12:scenecut=0:open-gop=0"
OPEN = "keyint=12:scenecut=0:open-gop=1"


def clip(encode: str, size: str = "176x144", pixels: str = "yuv420p") -> list[str]:
    return command(encode, size, pixels, FRAMES)


def x264(params: str = CLOSED, more: str = "", **picture: str) -> list[str]:
    return clip(f"{X264} {params} {more}", **picture)


def x265(params: str = CLOSED, more: str = "", **picture: str) -> list[str]:
    return clip(f"{X265}:{params} {more}", **picture)


def vp9(more: str = "", **picture: str) -> list[str]:
    fast = "-c:v libvpx-vp9 -g 12 -b:v 200k -deadline realtime -cpu-used 8"
    return clip(f"{fast} {more}", **picture)


def aom(more: str = "", **picture: str) -> list[str]:
    fast = "-c:v libaom-av1 -g 16 -cpu-used 8 -usage realtime -b:v 200k -threads 2"
    return clip(f"{fast} {more}", **picture)


def tiny(encode: str, size: str, pixels: str = "yuv420p") -> list[str]:
    """For sizes that the source itself cannot have."""
    return [*clip(encode, pixels=pixels), "-vf", f"scale={size},format={pixels}"]


def copy(source: str, more: str = "", before: str = "") -> list[str]:
    return [*before.split(), "-i", f"@{source}", "-c", "copy", *more.split()]


H264 = {
    "x_pyramid16.mp4": x264(f"{CLOSED}:ref=16:bframes=16:b-pyramid=normal:b-adapt=0"),
    "x_open_strict.mkv": x264(f"{OPEN}:b-pyramid=strict"),
    "x_open_normal.ts": x264(f"{OPEN}:b-pyramid=normal"),
    "x_open.h264": x264(f"{OPEN}:b-pyramid=normal"),
    "x_open_bluray.ts": x264(f"{OPEN}:bluray-compat=1:slices=4:vbv-maxrate=900"),
    "x_refresh.mp4": x264("keyint=15:intra-refresh=1:bframes=0"),
    "x_refresh.ts": x264("keyint=15:intra-refresh=1:bframes=0"),
    "x_refresh.h264": x264("keyint=15:intra-refresh=1:bframes=0"),
    "x_baseline.mp4": x264(f"{CLOSED}:bframes=0:cabac=0:8x8dct=0:weightp=0:slices=3"),
    "x_lossless.mp4": x264(f"{CLOSED}:qp=0"),
    "x_scaling.mp4": x264(f"{CLOSED}:cqm=jvt"),
    "x_constrained.mp4": x264(f"{CLOSED}:constrained-intra=1"),
    "x_weighted.mp4": [*x264(f"{CLOSED}:weightp=2:weightb=1"), "-vf", "fade=in:0:30"],
    "x_two_pictures.mp4": x264(f"{CLOSED}:frame-packing=5"),
    "x_hrd.ts": x264(f"{CLOSED}:nal-hrd=cbr:aud=1:bitrate=200:vbv-maxrate=200"),
    "x_mbaff.ts": x264(f"{CLOSED}:tff=1", "-flags +ilme+ildct"),
    "x_mbaff.mp4": x264(f"{OPEN}:bff=1", "-flags +ilme+ildct"),
    "x_mbaff.h264": x264(f"{CLOSED}:tff=1", "-flags +ilme+ildct"),
    "x_fake_interlaced.ts": x264(f"{CLOSED}:fake-interlaced=1"),
    "x_422.mp4": x264(pixels="yuv422p"),
    "x_422_10.mkv": x264(pixels="yuv422p10le"),
    "x_444_10.mp4": x264(pixels="yuv444p10le"),
    "x_gray.mp4": x264(pixels="gray"),
    "x_gray10.mp4": x264(pixels="gray10le"),
    "x_rgb.mp4": clip("-c:v libx264rgb -preset veryfast -g 12", pixels="rgb24"),
    "x_2x2.mp4": tiny("-c:v libx264 -g 12", "2:2"),
    "x_16x16.mp4": tiny("-c:v libx264 -g 12", "16:16"),
    "x_34x18.mp4": tiny("-c:v libx264 -g 12", "34:18"),
    "x_48x48.mp4": tiny("-c:v libx264 -g 12", "48:48"),
    "x_1x1_444.mp4": tiny("-c:v libx264 -g 12", "1:1", "yuv444p"),
    "x_17x33_444.mp4": tiny("-c:v libx264 -g 12", "17:33", "yuv444p"),
    "x_34x17_422.mp4": tiny("-c:v libx264 -g 12", "34:17", "yuv422p"),
    "x_4112.mp4": command(
        "-c:v libx264 -preset ultrafast -qp 44 -g 2", "4112x2176", "yuv420p", 4
    ),
}

HEVC = {
    "x5_open.mkv": x265(OPEN),
    "x5_open.ts": x265(f"{OPEN}:repeat-headers=1"),
    "x5_open.hevc": x265(f"{OPEN}:repeat-headers=1"),
    "x5_radl.mp4": x265(f"{OPEN}:radl=2"),
    "x5_pyramid.mp4": x265(f"{CLOSED}:bframes=8:b-adapt=0:rc-lookahead=12"),
    "x5_layers.mp4": x265(f"{CLOSED}:temporal-layers=1"),
    "x5_refresh.mp4": x265("keyint=15:intra-refresh=1:bframes=0"),
    "x5_lossless.mp4": x265(f"{CLOSED}:lossless=1"),
    "x5_scaling.mp4": x265(f"{CLOSED}:scaling-list=default"),
    "x5_slices.mp4": x265(f"{CLOSED}:slices=3:wpp=1", size="320x240"),
    "x5_fields.ts": x265(f"{CLOSED}:interlace=tff"),
    "x5_fields.mp4": x265(f"{CLOSED}:interlace=tff"),
    "x5_hev1.mp4": x265(f"{CLOSED}:repeat-headers=1", "-tag:v hev1"),
    "x5_crop.mp4": x265(size="322x182"),
    "x5_16x16.mp4": tiny(f"{X265}:keyint=12:ctu=16", "16:16"),
    "x5_64x64.mp4": tiny(f"{X265}:keyint=12", "64:64"),
    **{
        f"x5_{name}.mp4": x265(pixels=pixels)
        for name, pixels in {
            "420_10": "yuv420p10le",
            "420_12": "yuv420p12le",
            "422": "yuv422p",
            "422_10": "yuv422p10le",
            "422_12": "yuv422p12le",
            "444": "yuv444p",
            "444_10": "yuv444p10le",
            "444_12": "yuv444p12le",
            "gray": "gray",
            "gray10": "gray10le",
            "gray12": "gray12le",
            "rgb": "gbrp",
        }.items()
    },
}

ALT_REF = "-auto-alt-ref 1 -lag-in-frames 16"
GOOD9 = f"-c:v libvpx-vp9 -g 30 -b:v 150k -cpu-used 4 {ALT_REF}"
GOOD8 = f"-c:v libvpx -g 30 -b:v 150k -cpu-used 4 {ALT_REF}"

# Encoded twice: only then libvpx makes frames that are never shown.
TWO_PASSES = {
    "v8_alt_ref.webm": clip(GOOD8),
    "v9_alt_ref.webm": clip(GOOD9),
    "v9_layers.webm": clip(GOOD9.replace("alt-ref 1", "alt-ref 6")),
}

VPX_AV1 = {
    "v9_alt_ref.ivf": copy("v9_alt_ref.webm"),
    "v9_alt_ref.mp4": copy("v9_alt_ref.webm"),
    "v9_split.nut": copy("v9_alt_ref.webm", "-bsf:v vp9_superframe_split"),
    "v9_lossless.webm": vp9("-lossless 1 -vframes 10"),
    "v9_440.webm": vp9(pixels="yuv440p"),
    "v9_422.webm": vp9(pixels="yuv422p"),
    "v9_444.webm": vp9(pixels="yuv444p"),
    "v9_420_10.webm": vp9(pixels="yuv420p10le"),
    "v9_420_12.webm": vp9(pixels="yuv420p12le"),
    "v9_444_12.webm": vp9(pixels="yuv444p12le"),
    "v9_rgb.webm": vp9(pixels="gbrp"),
    "v9_1x1.webm": tiny("-c:v libvpx-vp9 -g 12", "1:1"),
    "v9_2x2.webm": tiny("-c:v libvpx-vp9 -g 12", "2:2"),
    "v9_17x33.webm": tiny("-c:v libvpx-vp9 -g 12", "17:33"),
    "v9_131x129.webm": vp9(size="131x129"),
    "v9_alpha.webm": vp9("-auto-alt-ref 0", pixels="yuva420p"),
    "v8_alt_ref.ivf": copy("v8_alt_ref.webm"),
    "v8_alt_ref.ogg": copy("v8_alt_ref.webm"),
    "v8_17x33.webm": tiny("-c:v libvpx -g 12", "17:33"),
    "v8_1x1.webm": tiny("-c:v libvpx -g 12", "1:1"),
    "v8_odd.webm": clip("-c:v libvpx -g 12 -deadline realtime", size="175x143"),
    "v8_alpha.webm": clip("-c:v libvpx -g 12 -auto-alt-ref 0", pixels="yuva420p"),
    "v8_resilient.webm": clip("-c:v libvpx -g 12 -error-resilient 1 -slices 4"),
    "a1_aom.mp4": aom(),
    "a1_aom.obu": aom(),
    "a1_aom.ivf": aom(),
    "a1_aom.webm": aom(),
    "a1_alt_ref.mkv": clip(f"-c:v libaom-av1 -g 30 -cpu-used 8 -b:v 150k {ALT_REF}"),
    "a1_10bit.mp4": aom(pixels="yuv420p10le"),
    "a1_12bit.mp4": aom(pixels="yuv420p12le"),
    "a1_422.mp4": aom(pixels="yuv422p"),
    "a1_444_10.mp4": aom(pixels="yuv444p10le"),
    "a1_gray.mp4": aom(pixels="gray"),
    "a1_17x33.mp4": tiny("-c:v libaom-av1 -cpu-used 8 -g 16", "17:33"),
    "a1_svt.mp4": clip("-c:v libsvtav1 -preset 12 -g 16"),
    "a1_svt10.mp4": clip("-c:v libsvtav1 -preset 12 -g 16", pixels="yuv420p10le"),
    "a1_grain.mp4": clip(
        "-c:v libsvtav1 -preset 10 -g 16 -svtav1-params film-grain=20"
    ),
}

MPEG2 = "-c:v mpeg2video -g 12 -bf 2 -q:v 6"
MPEG4 = "-c:v mpeg4 -g 12 -bf 2 -q:v 5"
FIELDS = "-flags +ilme+ildct -top 1"

MPEG = {
    "m2.ts": clip(MPEG2),
    "m2.mpg": clip(MPEG2),
    "m2.m2v": clip(MPEG2),
    "m2.mkv": clip(MPEG2),
    "m2.vob": clip(MPEG2),
    "m2_fields.ts": clip(f"{MPEG2} {FIELDS}"),
    "m2_fields.mpg": clip(f"{MPEG2} {FIELDS}"),
    "m2_fields.mp4": clip(f"{MPEG2} {FIELDS}"),
    "m2_closed.ts": clip(f"{MPEG2} -flags +cgop -sc_threshold 1000000000"),
    "m2_422.ts": clip(MPEG2, pixels="yuv422p"),
    "m2.mxf": clip(f"{MPEG2} -s 720x576 -vframes 8 -q:v 20"),
    "m1.mpg": clip("-c:v mpeg1video -g 12 -bf 2 -q:v 6"),
    "m1.m1v": clip("-c:v mpeg1video -g 12 -bf 2 -q:v 6"),
    "m4.mp4": clip(MPEG4),
    "m4.mkv": clip(MPEG4),
    "m4.m4v": clip(MPEG4),
    "m4.nut": clip(MPEG4),
    "m4_qpel.avi": clip(f"{MPEG4} -flags +qpel"),
    "m4_fields.avi": clip(f"{MPEG4} -flags +ilme+ildct"),
    "m4_packed.avi": clip("-c:v libxvid -g 12 -bf 2 -q:v 5"),
    "m4_packed.mkv": copy("m4_packed.avi", before="-fflags +genpts"),
    "m4_unpacked.avi": copy("m4_packed.avi", "-bsf:v mpeg4_unpack_bframes"),
    "h263.3gp": clip("-c:v h263 -g 12"),
    "msmpeg4.avi": clip("-c:v msmpeg4 -g 12"),
    "wmv2.wmv": clip("-c:v wmv2 -g 12"),
    "flv1.flv": clip("-c:v flv -g 12"),
    "rv10.rm": clip("-c:v rv10 -g 12"),
    "rv20.rm": clip("-c:v rv20 -g 12"),
    "theora.ogv": clip("-c:v libtheora -g 12 -b:v 200k"),
    "h261.mkv": clip("-c:v h261 -g 12"),
    "svq1.mov": clip("-c:v svq1 -g 12 -vframes 20"),
    "snow.avi": clip("-c:v snow -g 12 -vframes 20 -strict -2"),
}

FEW = "-vframes 6"
FFV1 = f"-c:v ffv1 -level 3 -g 2 {FEW}"
UNSLICED = f"-c:v ffv1 -level 1 {FEW}"
SMALL = "64x48"

INTRA = {
    "prores.mov": clip(f"-c:v prores_ks -profile:v 1 {FEW}", pixels="yuv422p10le"),
    "prores_fields.mov": clip(
        f"-c:v prores_ks -profile:v 0 -flags +ildct {FEW}", pixels="yuv422p10le"
    ),
    "prores_444.mov": clip(
        f"-c:v prores_ks -profile:v 4 {FEW}", SMALL, pixels="yuv444p10le"
    ),
    "prores_alpha.mov": clip(
        f"-c:v prores_ks -profile:v 4 {FEW}", SMALL, pixels="yuva444p10le"
    ),
    "prores_17x33.mov": tiny(f"-c:v prores_ks {FEW}", "17:33", "yuv422p10le"),
    "mjpeg.avi": clip("-c:v mjpeg -q:v 10", pixels="yuvj420p"),
    "mjpeg.mov": clip("-c:v mjpeg -q:v 10", pixels="yuvj422p"),
    "mjpeg.mkv": clip("-c:v mjpeg -q:v 10", pixels="yuvj444p"),
    "mjpeg.mjpeg": clip("-c:v mjpeg -q:v 10", pixels="yuvj420p"),
    "mjpeg_limited.mkv": clip("-c:v mjpeg -q:v 10 -strict -1", pixels="yuv420p"),
    "mjpeg_1x1.avi": tiny("-c:v mjpeg", "1:1", "yuvj420p"),
    "mjpeg_17x33.avi": tiny("-c:v mjpeg", "17:33", "yuvj420p"),
    **{
        f"ffv1_{pixels}.mkv": clip(FFV1, SMALL, pixels)
        for pixels in (
            *("yuv420p", "yuv422p", "yuv444p", "yuv440p", "yuv411p", "yuv410p"),
            *("yuv420p9le", "yuv422p10le", "yuv444p12le", "yuv420p14le"),
            *("yuv420p16le", "yuv444p16le", "yuv440p10le", "yuv440p12le"),
            *("yuva420p", "yuva422p", "yuva444p", "yuva420p10le", "yuva444p16le"),
            *("gray", "gray9le", "gray10le", "gray12le", "gray16le", "ya8"),
            *("bgr0", "bgra", "gbrp10le", "gbrp16le", "rgb48le", "rgba64le"),
        )
    },
    "ffv1_1x1.mkv": tiny(UNSLICED, "1:1"),
    "ffv1_2x3.mkv": tiny(UNSLICED, "2:3"),
    "ffv1_3x5_422.mkv": tiny(UNSLICED, "3:5", "yuv422p"),
    "ffv1_17x33.mkv": tiny(FFV1, "17:33"),
    "ffv1_17x33_410.mkv": tiny(FFV1, "17:33", "yuv410p"),
    "huffyuv.avi": clip(f"-c:v huffyuv {FEW}", SMALL, "yuv422p"),
    "ffvhuff10.avi": clip(f"-c:v ffvhuff {FEW}", SMALL, "yuv420p10le"),
    "utvideo.avi": clip(f"-c:v utvideo {FEW}", SMALL),
    "utvideo_rgb.avi": clip(f"-c:v utvideo {FEW}", SMALL, "gbrp"),
    "magicyuv.avi": clip(f"-c:v magicyuv {FEW}", SMALL, "yuv444p"),
    "dnxhr.mov": clip(f"-c:v dnxhd -profile:v dnxhr_sq {FEW}", "320x240", "yuv422p"),
    "dnxhr_10.mxf": clip(
        "-c:v dnxhd -profile:v dnxhr_444 -vframes 3", "256x128", "yuv444p10le"
    ),
    "dv.avi": command("-c:v dvvideo", "720x576", "yuv420p", 2),
    "dv_411.mov": command("-c:v dvvideo", "720x480", "yuv411p", 2),
    "jpeg2000.mov": clip(f"-c:v jpeg2000 {FEW}", SMALL),
    "jpeg2000_12.mkv": clip(f"-c:v libopenjpeg {FEW}", SMALL, "yuv444p12le"),
    "vc2.mkv": clip(f"-c:v vc2 {FEW} -b:v 4M -strict -1", "128x96", "yuv422p10le"),
    "cineform.mov": clip(f"-c:v cfhd {FEW}", pixels="yuv422p10le"),
    "hap.mov": clip(f"-c:v hap {FEW}", SMALL, "rgba"),
    "raw_420.nut": clip("-c:v rawvideo", SMALL),
    "raw_yuyv.nut": clip(f"-c:v rawvideo {FEW}", SMALL, "yuyv422"),
    "raw_nv12.nut": clip(f"-c:v rawvideo {FEW}", SMALL, "nv12"),
    "raw_420_10be.nut": clip(f"-c:v rawvideo {FEW}", SMALL, "yuv420p10be"),
    "raw_uyvy.mov": clip(f"-c:v rawvideo {FEW}", SMALL, "uyvy422"),
    "raw.y4m": clip(f"{FEW}", SMALL),
    "v210.mov": clip(f"-c:v v210 {FEW}", SMALL, "yuv422p10le"),
    "png.mov": clip(f"-c:v png {FEW}", SMALL, "rgb24"),
    "anim.gif": clip(FEW, SMALL, "bgr8"),
    "anim.apng": clip(FEW, SMALL, "rgba"),
    "qtrle.mov": clip("-c:v qtrle -g 12", SMALL, "rgb24"),
    "cinepak.avi": clip(f"-c:v cinepak {FEW}", SMALL, "rgb24"),
    "zmbv.avi": clip("-c:v zmbv -g 12", SMALL, "bgr0"),
    "flashsv.flv": clip("-c:v flashsv -g 12", SMALL, "bgr24"),
}

SLOWER = "setpts='(N+0.3*mod(N,3))/25/TB'"

TIMES = {
    "t_vfr.mkv": [*x264(), "-vf", "select='gt(mod(n,7),2)'", "-vsync", "vfr"],
    "t_vfr.mp4": [*x264(), "-vf", "select='gt(mod(n,7),2)'", "-vsync", "vfr"],
    "t_vfr_hevc.mkv": [*x265(), "-vf", "select='gt(mod(n,5),1)'", "-vsync", "vfr"],
    "t_jitter.mkv": [*x264(), "-vf", SLOWER, "-vsync", "passthrough"],
    "t_jitter.ts": [*x264(), "-vf", SLOWER, "-vsync", "passthrough"],
    "t_drop.mp4": x264(more="-r 12.5"),
    "t_ntsc.mp4": x264(more="-r 30000/1001 -vframes 40"),
    "t_1000fps.mkv": x264(more="-r 1000 -vframes 40"),
    "t_early.mp4": copy("x_closed.mp4", before="-ss 0.7"),
    "t_early_open.mp4": copy("x_open.mp4", before="-ss 0.7"),
    "t_early_open.mov": copy("x_open.mp4", before="-ss 1.1"),
    "t_early_hevc.mp4": copy("x5_open.mp4", before="-ss 0.7"),
    "t_early_m4.mp4": copy("m4.mp4", before="-ss 0.7"),
    "t_early.mkv": copy("x_open.mp4", before="-ss 0.7"),
    "t_late.mp4": copy("x_closed.mp4", before="-itsoffset 0.5"),
    "t_late.mov": copy("x_open.mp4", before="-itsoffset 1.5"),
    "t_late.mkv": copy("x_closed.mp4", before="-itsoffset 0.5"),
    "t_late_sound.mp4": [
        *("-f", "lavfi", "-i", "sine=duration=1.6", "-itsoffset", "0.5"),
        *("-i", "@x_closed.mp4", "-c:v", "copy", "-c:a", "aac"),
    ],
    "t_no_edits.mp4": copy("x_closed.mp4", "-use_editlist 0"),
    "t_negative_cts.mp4": copy("x_open.mp4", "-movflags negative_cts_offsets"),
    "t_negative_dts.mkv": copy("x_open.mp4", "-avoid_negative_ts disabled"),
    "t_negative.mkv": copy(
        "x_open.mp4", "-output_ts_offset -0.5 -avoid_negative_ts disabled"
    ),
    "t_wrap.ts": copy("x_closed.mp4", "-output_ts_offset 95441.6"),
    "t_wrap_m2.ts": copy("m2.ts", "-output_ts_offset 95441.6"),
    "t_repeated.mkv": copy("x_low_delay.mp4", "-bsf:v setts=pts=floor(PTS/80)*80"),
    "t_repeated_b.mkv": copy(
        "x_closed.mp4", "-bsf:v setts=ts=TS:pts=floor(PTS/1024)*1024"
    ),
    "t_all_zero.mp4": copy("x_low_delay.mp4", "-bsf:v setts=pts=0"),
    "t_swapped.mkv": copy(
        "x_low_delay.mp4", "-bsf:v setts=pts=PTS+(1-2*mod(N\\,2))*512"
    ),
}

CONTAINERS = {
    "x_closed.mp4": x264(),
    "x_open.mp4": x264(OPEN),
    "x_low_delay.mp4": x264(f"{CLOSED}:bframes=0"),
    "x5_open.mp4": x265(OPEN),
    "c_open.avi": copy("x_open.mp4", "-bsf:v h264_mp4toannexb"),
    "c_low_delay.avi": copy("x_low_delay.mp4", "-bsf:v h264_mp4toannexb"),
    "c_open.flv": copy("x_open.mp4"),
    "c_open.mov": copy("x_open.mp4"),
    "c_open.nut": copy("x_open.mp4"),
    "c_open.asf": copy("x_open.mp4"),
    "c_open.m2ts": copy("x_open.mp4"),
    "c_open.mpg": copy("x_open.mp4", "-f mpeg"),
    "c_hevc.mov": copy("x5_open.mp4", "-tag:v hvc1"),
    "c_hevc.avi": copy("x5_open.mp4", "-bsf:v hevc_mp4toannexb"),
    "c_frag.mp4": copy("x_closed.mp4", "-movflags frag_keyframe+empty_moov"),
    "c_frag_delay.mp4": copy("x_open.mp4", "-movflags frag_keyframe+delay_moov"),
    "c_frag_each.mp4": copy("x_closed.mp4", "-movflags frag_every_frame+empty_moov"),
    "c_frag_hevc.mp4": copy("x5_open.mp4", "-movflags frag_keyframe+empty_moov"),
    "c_faststart.mp4": copy("x_open.mp4", "-movflags faststart"),
    "c_in_band.mp4": copy("h264.ts", "-tag:v avc3"),
    "c_in_band_open.mp4": copy("x_open_normal.ts"),
    "c_in_band.mkv": copy("x_open_normal.ts"),
    "c_rotated.mp4": copy("x_closed.mp4", "-metadata:s:v rotate=90"),
    "c_sound.ts": [
        *("-f", "lavfi", "-i", "sine=duration=1.6", "-i", "@x_open.mp4"),
        *("-c:v", "copy", "-c:a", "mp2", "-muxdelay", "0"),
    ],
    "c_cover.mp4": [
        *("-i", "@cover.jpg", "-i", "@x_closed.mp4", "-map", "0", "-map", "1"),
        *("-c", "copy", "-disposition:v:0", "attached_pic"),
    ],
    "c_cover_only.m4a": [
        *("-f", "lavfi", "-i", "sine=duration=0.5", "-i", "@cover.jpg"),
        *("-c:a", "aac", "-c:v", "copy", "-disposition:v", "attached_pic"),
    ],
}


# Field pairs in packets of their own; the bytes are made without ffmpeg.
WRITTEN = {
    "f_paff.h264": paff(),
    "f_unpaired.h264": paff(unpaired=20),
    "f_unpaired_key.h264": paff(unpaired=15),
}

GENPTS = "-fflags +genpts"

FIELD_PAIRS = {
    **{
        f"f_paff.{kind}": copy("f_paff.h264", before=GENPTS)
        for kind in ("ts", "mkv", "mp4", "flv")
    },
    "f_unpaired.ts": copy("f_unpaired.h264", before=GENPTS),
    "f_unpaired.mp4": copy("f_unpaired.h264", before=GENPTS),
    "f_unpaired_key.mp4": copy("f_unpaired_key.h264", before=GENPTS),
    # As broadcasts have it: the second field repeats the time.
    "f_repeated.mkv": copy("f_paff.mkv", "-bsf:v setts=ts=PTS-20*mod(N\\,2)"),
    "f_early.mp4": copy("f_paff.mp4", before="-ss 0.7"),
}


def without(source: str, drop: str) -> list[str]:
    return copy(source, f"-bsf:v noise=drop={drop}")


LOSSES = {
    "d_no_first.mp4": without("x_closed.mp4", "not(n)"),
    "d_no_first_open.mkv": without("x_open.mp4", "not(n)"),
    "d_no_first_hevc.mkv": without("x5_open.mp4", "not(n)"),
    "d_no_key.mp4": without("x_closed.mp4", "eq(n\\,12)"),
    "d_no_key_open.ts": without("x_open_normal.ts", "eq(n\\,12)"),
    "d_no_p.mp4": without("x_low_delay.mp4", "eq(n\\,17)"),
    "d_no_p_hevc.mp4": without("x5_open.mp4", "eq(n\\,14)"),
    "d_no_b.mp4": without("x_closed.mp4", "eq(n\\,16)"),
    "d_no_first.webm": without("vp8.webm", "not(n)"),
    "d_no_first9.webm": without("vp9.webm", "not(n)"),
    "d_headers.mp4": copy("x_closed.mp4", "-bsf:v dump_extra=freq=keyframe"),
    "d_only_one.mp4": without("x_closed.mp4", "gt(n\\,0)"),
}

# Only parts of the joined clips below.
PARTS = {
    "cover.jpg": [*command("-c:v mjpeg -vframes 1", SMALL), "-update", "1"],
    "small.h264": x264(OPEN, size="144x112"),
    "small.hevc": x265(f"{OPEN}:repeat-headers=1", size="144x160"),
    "small.ts": x264(OPEN, size="144x112"),
    "small.m2v": clip(MPEG2, size="144x112"),
    "small.mjpeg": clip("-c:v mjpeg -q:v 10", "144x112", "yuvj420p"),
    "full.h264": x264(pixels="yuv444p"),
    "deep.h264": x264(pixels="yuv420p10le"),
    "large.ivf": vp9(size="320x240"),
    "small.ivf": vp9(size="160x144"),
}


class Piece(NamedTuple):
    """Bytes of a clip, from one share of it to another, in whole units."""

    clip: str
    start: float = 0
    stop: float = 1
    unit: int = 188


JOINED = {
    "j_size.h264": [Piece("x_open.h264"), Piece("small.h264")],
    "j_size_again.h264": [
        *(Piece("small.h264"), Piece("x_open.h264"), Piece("small.h264")),
    ],
    "j_size.hevc": [Piece("x5_open.hevc"), Piece("small.hevc")],
    "j_size.ts": [Piece("x_open_normal.ts"), Piece("small.ts")],
    "j_size.m2v": [Piece("m2.m2v"), Piece("small.m2v")],
    "j_size.mjpeg": [Piece("mjpeg.mjpeg"), Piece("small.mjpeg")],
    "j_chroma.h264": [Piece("x_open.h264"), Piece("full.h264")],
    "j_depth.h264": [Piece("x_open.h264"), Piece("deep.h264")],
    "j_twice.h264": [Piece("x_open.h264"), Piece("x_open.h264")],
    "j_twice.ts": [Piece("x_open_normal.ts"), Piece("x_open_normal.ts")],
    "j_jump.ts": [Piece("t_wrap.ts"), Piece("x_open_normal.ts"), Piece("h264.ts")],
    "j_twice_m2.ts": [Piece("m2.ts"), Piece("m2.ts")],
    "j_twice_hevc.ts": [Piece("x5_open.ts"), Piece("x5_open.ts")],
    "j_twice.mpg": [Piece("m2.mpg"), Piece("m2.mpg", unit=1)],
    "j_tail.ts": [Piece("x_open_normal.ts", 0.4)],
    "j_tail_closed.ts": [Piece("h264.ts", 0.45)],
    "j_tail_hevc.ts": [Piece("x5_open.ts", 0.4)],
    "j_tail_m2.ts": [Piece("m2.ts", 0.4)],
    "j_tail.h264": [Piece("x_open.h264", 0.4, unit=1)],
    "j_tail.hevc": [Piece("x5_open.hevc", 0.4, unit=1)],
    "j_short.mp4": [Piece("c_faststart.mp4", 0, 0.7, unit=1)],
    "j_short.mkv": [Piece("x_open_strict.mkv", 0, 0.7, unit=1)],
    "j_short.h264": [Piece("x_open.h264", 0, 0.7, unit=1)],
    "j_gap.ts": [Piece("x_open_normal.ts", 0, 0.5), Piece("x_open_normal.ts", 0.6)],
    "j_gap_m2.ts": [Piece("m2.ts", 0, 0.5), Piece("m2.ts", 0.6)],
}

# The packets of two clips of different size in one container.
CONCATENATED = {
    "j_size.webm": ("large.ivf", "small.ivf"),
    "j_size_up.mkv": ("small.ivf", "large.ivf"),
}

RECIPES = {
    **(
        TWO_PASSES
        | H264
        | HEVC
        | VPX_AV1
        | MPEG
        | INTRA
        | TIMES
        | CONTAINERS
        | FIELD_PAIRS
        | LOSSES
    ),
    **VIDEOS,
    **{name: OTHERS[name] for name in ("audio.m4a", "sound.mp4", "two_videos.mkv")},
}

NOT_MADE = {
    "H.264 PAFF with B fields": "libx264 codes fields only as MBAFF, tests/paff.py "
    "writes I and P",
    "H.264 data partitions, FMO, ASO, SVC, MVC": "no encoder in ffmpeg",
    "HEVC with two layers": "x265 here was built without them",
    "VP9 that changes size between key frames": "no option of ffmpeg's libvpx-vp9",
    "VC-1, MPEG-2 field pictures": "no encoder in ffmpeg",
    "MP4 with several edits or sample descriptions": "ffmpeg writes one",
    "negative pts in NUT": "refused by ffmpeg",
    "HEVC, or H.264 that FFmpeg finds, in a program stream": "ffmpeg writes no map",
    "odd sizes of H.264 and HEVC 4:2:0": "refused by the encoders",
}
