# The few commands one needs. `make` lists them; `cargo xtask` has the finer ones.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test lint web bench toolchain

# On a build machine the checkout is thrown away, so what can be kept is kept beside it.
ifneq ($(strip $(CI)),)
cache := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/usher
export CARGO_TARGET_DIR ?= $(cache)/target
export npm_config_cache ?= $(cache)/npm
endif

target := $(or $(CARGO_TARGET_DIR),target)

help: ## list these commands
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' Makefile | expand -t 16

demo: web ## run everything on this machine, with no account anywhere
	cargo build --package cli --bin usher
	exec "$(target)/debug/usher" demo $(ARGS)

test: toolchain ## install what is missing, then run every check and test
	cargo xtask set-up
	cargo xtask ci

lint: toolchain ## format, layout, requirements and clippy: the quick checks
	cargo xtask lint

web: toolchain ## build the pages that the program serves
	cargo xtask set-up
	cargo xtask web

bench: ## measure
	cargo run --release --package bench -- $(ARGS)

# All else is installed by `cargo xtask set-up`, which needs these two to be built.
toolchain:
	@command -v cargo >/dev/null || { echo "Rust is missing. Install it with rustup" >&2; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is missing. On Debian: apt-get install build-essential" >&2; exit 1; }
