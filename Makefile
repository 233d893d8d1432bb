# Works on a machine with gcc, Python 3.11 or later and Debian's libav*-dev;
# `.ci/run` names the packages. Everything made here lies in build/ and dist/.

VENV   ?= build/venv
# Another interpreter, with what pyproject.toml asks for: make PYTHON=python3.12
PYTHON ?= $(VENV)/bin/python
ifeq ($(PYTHON),$(VENV)/bin/python)
READY  := $(VENV)/ready
endif

.PHONY: build lint test docs exact ctest ctest-asan ctest-tsan replay faults fuzz \
    fuzz-arguments mutate leaks wheel clean

build: $(READY)
	$(PYTHON) -m pip install -q --no-build-isolation --no-deps -e .

test: build
	$(PYTHON) -m pytest $(PYTEST_ARGS)

lint: $(READY)
	$(PYTHON) -m pre_commit run --all-files

# The site, from docs/ and the docstrings; a warning is an error.
docs: $(READY)
	NO_MKDOCS_2_WARNING=1 $(PYTHON) -m mkdocs build --strict

# Every frame of real and made clips against a plain libavcodec loop, which is
# linked with the libav that the build is; then 2,000 requests in any order
# against reading front to back.
EXACT  := build/exact
AV     := $(foreach lib,format codec util,libav$(lib)$(GVD_FFMPEG_SUFFIX))
EMPTY  :=
SPACE  := $(EMPTY) $(EMPTY)
MEDIA  := $(wildcard $(foreach part,clips quirks broken,../shared/media/$(part)))

exact: build $(EXACT)/reference
	$(PYTHON) tests/exact_clips.py $(EXACT)/clips
	$(PYTHON) benchmarks/references.py $(EXACT)/clips $(MEDIA) \
	    --program $(EXACT)/reference --out $(EXACT)/references
	$(PYTHON) benchmarks/bench_exact.py $(EXACT)/clips $(MEDIA) \
	    --references $(EXACT)/references
	GVDECODE_EXAMPLES=2000 GVDECODE_MEDIA=$(EXACT)/clips:$(subst $(SPACE),:,$(MEDIA)) \
	    $(PYTHON) -m pytest -q tests/test_random_access.py

$(EXACT)/reference: tests/c/reference.c packaging/cflags
	@mkdir -p $(@D) && echo "CC $@"
	@$(CC) $(shell cat packaging/cflags) -O2 -o $@ $< \
	    $(shell pkg-config --cflags --libs $(AV)) \
	    -Wl,-rpath,$(shell pkg-config --variable=libdir $(lastword $(AV)))

wheel:
	bash packaging/wheel.sh

clean:
	rm -rf build/c build/lib.* build/temp.* build/bdist.* build/wheel dist \
	    *.egg-info gvdecode/_core*.so

# The virtual environment holds what the build, the tests and the lint need, so
# that a build takes no isolated environment and is done in seconds.
REQUIRES := import tomllib; t = tomllib.load(open("pyproject.toml", "rb")); \
    p = t["project"]; e = p["optional-dependencies"]; \
    print(*t["build-system"]["requires"], *p["dependencies"], *sum(e.values(), []))

$(VENV)/ready: pyproject.toml
	python3 -m venv $(VENV)
	@$(VENV)/bin/pip install -q $$($(VENV)/bin/python -c '$(REQUIRES)')
	touch $@

# C tests: every tests/c/test_*.c is a program, linked with the whole core less
# the GPU and Python. One build folder a flavour.
FLAVOUR  ?= plain
FLAGS_plain := -O2 -g
FLAGS_asan  := -O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined \
    -fno-sanitize-recover=all
FLAGS_tsan  := -O1 -g -fno-omit-frame-pointer -fsanitize=thread
FLAGS_fuzz  := $(FLAGS_asan) -fsanitize=fuzzer-no-link
# libav is not instrumented, so what it does to its own memory says nothing.
export TSAN_OPTIONS  ?= halt_on_error=1:ignore_noninstrumented_modules=1
export UBSAN_OPTIONS ?= print_stacktrace=1

OUT    := build/c/$(FLAVOUR)
LIBAV  := libavformat libavcodec libavutil libswscale
CFLAGS_ALL = $(shell cat packaging/cflags) $(FLAGS_$(FLAVOUR)) -Icsrc $(INCLUDES) -MMD -MP \
    $(if $(filter 1,$(GVD_WERROR)),-Werror) \
    $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(LIBAV)))
LIBS   = $(shell pkg-config --libs $(LIBAV)) -ldl -lm

CORE    := $(wildcard csrc/*.c csrc/cpu/*.c csrc/cuda/stub.c)
OBJECTS := $(CORE:%.c=$(OUT)/%.o)
TESTS   := $(patsubst tests/c/%.c,$(OUT)/%,$(wildcard tests/c/test_*.c))

ctest: $(TESTS)
	@for t in $(TESTS); do echo "== $$t"; timeout 300 $$t || exit 1; done

ctest-asan:
	@$(MAKE) --no-print-directory ctest replay faults FLAVOUR=asan
ctest-tsan:
	@$(MAKE) --no-print-directory ctest FLAVOUR=tsan

# What must not break the core. A fuzz target is a file of tests/fuzz and runs
# over its corpus in any flavour; with clang and libFuzzer it goes on from there.
# What a campaign finds new stays in build/fuzz.
TARGETS := index decode

replay: $(TARGETS:%=$(OUT)/fuzz_%)
	@for t in $(TARGETS); do echo "== $(OUT)/fuzz_$$t"; \
	    timeout 300 $(OUT)/fuzz_$$t tests/fuzz/corpus/$$t || exit 1; done

# Every allocation of opening and decoding fails once.
faults: $(OUT)/faults
	timeout 600 $< $(wildcard tests/fuzz/clips/*)

# 1.9 million executions of the pure and the argument targets, 100,000 of the
# decoding one.
FUZZ_INDEX     ?= 1850000
FUZZ_ARGUMENTS ?= 50000
FUZZ_DECODE    ?= 100000
FUZZ           := build/fuzz
# libFuzzer; 18 or later, whose builtins know the processor features asked for.
CLANG          ?= clang-19

fuzz: fuzz-arguments
	@$(MAKE) --no-print-directory FLAVOUR=fuzz CC=$(CLANG) \
	    fuzz-index RUNS=$(FUZZ_INDEX)
	@$(MAKE) --no-print-directory FLAVOUR=fuzz CC=$(CLANG) \
	    fuzz-decode RUNS=$(FUZZ_DECODE)

fuzz-%: $(OUT)/fuzz_%
	@mkdir -p $(FUZZ)/$*
	ASAN_OPTIONS=quarantine_size_mb=16 $< -runs=$(RUNS) -max_len=20000 \
	    -timeout=60 -rss_limit_mb=2048 -reload=0 -print_final_stats=1 \
	    -artifact_prefix=$(FUZZ)/$*- $(FUZZ)/$* tests/fuzz/corpus/$*

fuzz-arguments: build
	GVDECODE_ARGUMENTS=$(FUZZ_ARGUMENTS) \
	    $(PYTHON) -m pytest -q -o faulthandler_timeout=0 \
	    tests/test_fuzz_arguments.py

# Damaged copies of clips; and open, decode, close, again and again.
MUTATIONS ?= 10000
CYCLES    ?= 10000
CLIPS     := $(or $(wildcard ../shared/media),$(FUZZ)/clips)

mutate: build
	@test -d $(CLIPS) || $(PYTHON) tests/clips.py $(FUZZ)/clips
	$(PYTHON) tests/mutate.py --count $(MUTATIONS) --jobs $(shell nproc) \
	    --failures $(FUZZ)/mutated $(CLIPS)

leaks: build
	GVDECODE_CYCLES=$(CYCLES) $(PYTHON) -m pytest -q -s \
	    -o faulthandler_timeout=0 tests/test_leaks.py

$(OUT)/test_%: $(OUT)/tests/c/test_%.o $(OUT)/core.a
	@$(CC) $(FLAGS_$(FLAVOUR)) -pthread -o $@ $^ $(LIBS)

ifeq ($(FLAVOUR),fuzz)
DRIVER := -fsanitize=fuzzer
else
DRIVER := $(OUT)/tests/fuzz/replay.o
endif

$(OUT)/fuzz_%: $(OUT)/tests/fuzz/fuzz_%.o $(filter %.o,$(DRIVER)) $(OUT)/core.a
	@$(CC) $(FLAGS_$(FLAVOUR)) -pthread -o $@ $^ \
	    $(filter-out %.o,$(DRIVER)) $(LIBS)

WRAPPED := malloc calloc realloc aligned_alloc strdup avformat_alloc_context \
    avcodec_alloc_context3 av_packet_alloc av_frame_alloc av_buffer_create \
    avio_open2 avformat_find_stream_info av_read_frame avcodec_open2 \
    avcodec_parameters_to_context avcodec_send_packet

$(OUT)/faults: $(OUT)/tests/fuzz/faults.o $(OUT)/core.a
	@$(CC) $(FLAGS_$(FLAVOUR)) -pthread $(WRAPPED:%=-Wl,--wrap=%) -o $@ $^ $(LIBS)

$(OUT)/tests/fuzz/%: INCLUDES := -Itests/c

$(OUT)/core.a: $(OBJECTS)
	@rm -f $@ && $(AR) rcs $@ $^

$(OUT)/%.o: %.c packaging/cflags
	@mkdir -p $(@D) && echo "CC $@"
	@$(CC) $(CFLAGS_ALL) -c -o $@ $<

.SECONDARY:
-include $(OBJECTS:.o=.d) $(wildcard $(OUT)/tests/fuzz/*.d) $(patsubst $(OUT)/%,$(OUT)/tests/c/%.d,$(TESTS))
