# Works on a machine with gcc, Python 3.11 or later and Debian's libav*-dev;
# `.ci/run` names the packages. Everything made here lies in build/ and dist/.

VENV   ?= build/venv
# Another interpreter, with what pyproject.toml asks for: make PYTHON=python3.12
PYTHON ?= $(VENV)/bin/python
ifeq ($(PYTHON),$(VENV)/bin/python)
READY  := $(VENV)/ready
endif

.PHONY: build lint test exact ctest ctest-asan ctest-tsan wheel clean

build: $(READY)
	$(PYTHON) -m pip install -q --no-build-isolation --no-deps -e .

test: build
	$(PYTHON) -m pytest $(PYTEST_ARGS)

lint: $(READY)
	$(PYTHON) -m pre_commit run --all-files

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
# libav is not instrumented, so what it does to its own memory says nothing.
export TSAN_OPTIONS  ?= halt_on_error=1:ignore_noninstrumented_modules=1
export UBSAN_OPTIONS ?= print_stacktrace=1

OUT    := build/c/$(FLAVOUR)
LIBAV  := libavformat libavcodec libavutil libswscale
CFLAGS_ALL = $(shell cat packaging/cflags) $(FLAGS_$(FLAVOUR)) -Icsrc -MMD -MP \
    $(if $(filter 1,$(GVD_WERROR)),-Werror) \
    $(patsubst -I%,-isystem %,$(shell pkg-config --cflags-only-I $(LIBAV)))
LIBS   = $(shell pkg-config --libs $(LIBAV)) -ldl -lm

CORE    := $(wildcard csrc/*.c csrc/cpu/*.c csrc/cuda/stub.c)
OBJECTS := $(CORE:%.c=$(OUT)/%.o)
TESTS   := $(patsubst tests/c/%.c,$(OUT)/%,$(wildcard tests/c/test_*.c))

ctest: $(TESTS)
	@for t in $(TESTS); do echo "== $$t"; timeout 300 $$t || exit 1; done

ctest-asan:
	@$(MAKE) --no-print-directory ctest FLAVOUR=asan
ctest-tsan:
	@$(MAKE) --no-print-directory ctest FLAVOUR=tsan

$(OUT)/test_%: $(OUT)/tests/c/test_%.o $(OUT)/core.a
	@$(CC) $(FLAGS_$(FLAVOUR)) -pthread -o $@ $^ $(LIBS)

$(OUT)/core.a: $(OBJECTS)
	@rm -f $@ && $(AR) rcs $@ $^

$(OUT)/%.o: %.c packaging/cflags
	@mkdir -p $(@D) && echo "CC $@"
	@$(CC) $(CFLAGS_ALL) -c -o $@ $<

.SECONDARY:
-include $(OBJECTS:.o=.d) $(patsubst $(OUT)/%,$(OUT)/tests/c/%.d,$(TESTS))
