# What one types. The build itself is CMake's: CMakePresets.json names its variants.

PREFIX  ?= /usr/local
SECONDS ?= 20
MINUTES ?= 5
TARGET  ?=
JOBS    ?= 1
ARGS    ?=

.PHONY: build run test test-browser conformance bench bench-peers bench-instructions fuzz fuzz-coverage \
  fuzz-merge soak leaks install lint format clean help
.DEFAULT_GOAL := build

build:
	@tools/packages build
	@tools/build release

run: build
	@build/release/luaws examples/chat.lua

test:
	@tools/packages build test
	@tools/packages interop || echo "the interop specs that need it are skipped"
	@tools/node-modules
	@tools/build debug
	@build/debug/luaws-spec --jobs $$((2 * $$(nproc))) $(ARGS)

test-browser:
	@tools/packages build test browser
	@tools/node-modules
	@tools/build debug
	@LUAWS_BROWSER=required build/debug/luaws-spec spec/browser

# The suite against one server or client, or against luaws and others.
conformance:
	@tools/packages build test
	@tools/packages interop || echo "what could not be installed keeps its results"
	@tools/node-modules
	@tools/node-modules bench
	@tools/build debug
	@build/debug/luaws-spec --conformance $(if $(CLIENT),--client '$(CLIENT)',$(or $(URL),--compare)) $(ARGS)

bench: build
	@tools/packages bench || echo "the bench goes on without what could not be installed"
	@bench/run $(ARGS)

bench-peers:
	@tools/packages peers

bench-instructions:
	@tools/packages build instructions
	@tools/build release luaws-instructions
	@UPDATE=$(UPDATE) lua5.4 bench/instructions/main.lua $(ARGS)

fuzz:
	@tools/packages build fuzz
	@tools/build fuzz
	@JOBS=$(JOBS) tools/fuzz $(SECONDS) $(TARGET)

fuzz-coverage:
	@tools/packages build fuzz coverage
	@tools/build coverage
	@TARGET=$(TARGET) tools/fuzz-coverage

fuzz-merge:
	@tools/packages build fuzz
	@tools/build fuzz
	@tools/fuzz-merge $(TARGET)

soak: build
	@tools/packages test
	@tools/build debug
	@LUAWS_BIN=build/release/luaws build/debug/luaws-spec --soak $(MINUTES) $(ARGS)

leaks:
	@tools/packages build test instructions
	@tools/build debug
	@LUAWS_BIN=spec/soak/valgrind LUAWS_CHECKED=build/debug/luaws LUAWS_TEST_TIMEOUT_FACTOR=6 \
	  build/debug/luaws-spec --soak 1500-lives $(ARGS)

install: build
	@cmake --install build/release --prefix "$(PREFIX)"

lint:
	@tools/packages test
	@tools/packages lint || true
	@tools/lint

format:
	@tools/packages lint
	@git ls-files -z '*.c' '*.h' | xargs -0 clang-format-14 -i

clean:
	@rm -rf build

help:
	@echo "make build         the release binary, build/release/luaws (installs what is missing)"
	@echo "make run           the same, then serves examples/chat.lua"
	@echo "make test          builds with warnings as errors, checks the style, runs every spec;"
	@echo "                   ARGS='spec/unit --filter frame' runs some (see luaws-spec --help)"
	@echo "make test-browser  the chat in two pages of headless Chromium (installs it)"
	@echo "make conformance   the conformance suite: luaws, ws, Bun and websockets (docs/conformance.md);"
	@echo "                   URL=ws://127.0.0.1:9001/ another server; CLIENT='node client.mjs' a client"
	@echo "make bench         luaws and other servers side by side (bench/README.md)"
	@echo "make bench-peers   installs Go and nginx, to be measured too"
	@echo "make bench-instructions  instructions per message against their budgets"
	@echo "make fuzz          every fuzz target, SECONDS=20 each, JOBS=1 at a time; TARGET=name: that one"
	@echo "make fuzz-coverage which lines of src/ws and src/http the committed inputs reach"
	@echo "make fuzz-merge    puts what fuzzing has found into fuzz/found, the smallest of it"
	@echo "make soak          good, slow, rude and vanishing clients for MINUTES=5; ARGS are luaws's"
	@echo "make leaks         1,500 of them, with luaws under valgrind"
	@echo "make install       to PREFIX=/usr/local, below DESTDIR"
	@echo "make lint          luacheck, clang-format, tidiness"
	@echo "make format        formats the C sources"
	@echo "make clean         removes build"
