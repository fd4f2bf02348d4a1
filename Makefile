# What a person does with this project, one word each. `make help` lists them.

SHELL := /bin/bash
.DEFAULT_GOAL := help
.PHONY: help build console demo demo-stop test console-test guide guide-pictures inside conformance keystone bucket bench-bucket import-glance openstack openstack-console openstack-tempest openstack-figures faults siege fuzz guests bench check fmt clean-demo install package package-check package-test image

# Where the demonstration keeps everything.
EFFIGY_DEMO ?= $(CURDIR)/.demo
export EFFIGY_DEMO
TARGET := $(or $(CARGO_TARGET_DIR),target)
export EFFIGY ?= $(abspath $(TARGET))/release/effigy

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: console ## the program with its console, at target/release/effigy
	@scripts/install.sh build
	cargo build --release --locked

console: ## the web console alone, into console/dist
	@scripts/console.sh build

install: build ## the program, its pages, completions and unit below PREFIX (/usr/local), in DESTDIR if it is set
	@scripts/package.sh install

package: console ## Debian packages of the program and its symbols, in target/package
	@EFFIGY= scripts/package.sh deb

package-check: console ## whether the packages of two builds are the same, byte for byte
	@EFFIGY= scripts/package.sh check --full

package-test: package ## the package in a bare Debian, from its installation to its purge, and the image (as root)
	@EFFIGY= scripts/package-test.sh systemd image

image: package ## an image for containers in OCI's layout, in target/package (as root)
	@EFFIGY= scripts/package.sh image

demo: console ## a running service with a Public Linux image, people, and the commands to try
	@scripts/install.sh build run guests clients
	@cargo build --release --locked
	@scripts/demo.sh start

demo-stop: ## ends the demonstration and its guests; its data stay
	@scripts/demo.sh stop

clean-demo: ## ends the demonstration and removes its data
	@scripts/demo.sh remove

test: console ## every test: the crates, the service, real guests and clients, Tempest's images, the console in a browser
	@scripts/install.sh build run guests clients test browser
	@scripts/clients.sh >/dev/null
	cargo test --workspace --locked
	cargo test --workspace --locked --test guests -- --test-threads=1
	FAULTS_MINUTES=3 cargo test --locked --test faults
	EFFIGY=$(abspath $(TARGET))/debug/effigy scripts/conformance.sh tempest.api.image
	@scripts/console.sh check
	EFFIGY=$(abspath $(TARGET))/debug/effigy scripts/console.sh test --grep-invert @long

console-test: console ## the console alone in a browser, with real guests; also the long sweeps, and Firefox
	@scripts/install.sh build run guests browser
	@scripts/console.sh check
	cargo build --locked
	EFFIGY=$(abspath $(TARGET))/debug/effigy scripts/console.sh test

fuzz: ## broken disk files, for FUZZ_SECONDS (60) a format; beside QEMU and oslo.utils
	@scripts/install.sh build run clients test fuzz
	@scripts/fuzz.sh

faults: ## campaigns of kills, power cuts, failing and full disks, rot and sieges, for FAULTS_MINUTES (60)
	@scripts/install.sh build run guests test
	FAULTS_MINUTES=$${FAULTS_MINUTES:-60} cargo test --locked --test faults

siege: ## a stranger, then a member, at every bound at once beside another project's work, for FAULTS_MINUTES (60)
	@scripts/install.sh build run guests test
	FAULTS_MINUTES=$${FAULTS_MINUTES:-60} cargo test --locked --test faults -- siege

guide-pictures: build ## the pictures of docs/console.md, in English and Korean
	@scripts/install.sh run guests browser pictures
	scripts/console.sh pictures

guide: build ## the whole guide, claim by claim, with the openstack command
	@scripts/install.sh run guests clients
	@scripts/guide.sh

inside: build ## what is inside a real Debian: before its first boot, after it, and in a cleaned copy (slow)
	@scripts/install.sh run guests debian-guest clients
	@scripts/inside.sh

conformance: build ## real clients' own test suites: Tempest, openstacksdk, glanceclient, every command
	@scripts/install.sh run guests clients
	@scripts/conformance.sh

keystone: build ## a real Keystone and OpenStack's middleware: the same requests, the same verdicts
	@scripts/install.sh clients
	@scripts/keystone.sh

bucket: ## the claims on images with the store in a real server of S3, Ceph's RADOS gateway (as root)
	@scripts/install.sh build run guests test
	scripts/bucket.sh cargo test --locked --test it -- image:: process::bucket

bench-bucket: ## a store in that bucket beside one in a folder (as root)
	@scripts/install.sh build run guests
	@cargo build --release --locked
	@scripts/bucket.sh benches/bucket.py

import-glance: build ## a real Glance with 200 images: brought over, killed on the way, nothing differs
	@scripts/install.sh run clients
	@scripts/import-glance.sh

openstack: build ## a real OpenStack with Effigy in Glance's place: boots, snapshots, shelves real guests (slow, as root)
	@scripts/install.sh run guests test clients openstack
	@scripts/openstack.sh

openstack-console: build ## the guide by clicks at the console of that cloud (slow, as root)
	@scripts/install.sh run guests browser clients openstack
	@scripts/openstack.sh console

openstack-tempest: build ## Tempest's tests of images and servers in that cloud, beside a real Glance (slow, as root)
	@scripts/install.sh run guests clients openstack
	@scripts/openstack.sh tempest

openstack-figures: build ## boots, snapshots, bytes and memory in that cloud, beside a real Glance (slow, as root)
	@scripts/install.sh run guests clients openstack
	@scripts/openstack.sh figures

guests: ## the test guests, in ./.cache/guests
	@scripts/install.sh guests run
	@guests/micro.sh .cache/guests/micro.raw
	@guests/tiny.sh .cache/guests
	@guests/cleaner.sh .cache/guests/cleaner
	@ls -lh .cache/guests/*.raw

bench: ## the figures of docs/benchmarks.md, each beside its limit
	@scripts/install.sh build run guests clients bench
	@cargo build --release --locked
	@benches/whole.py

check: export PATH := $(PATH):$(CURDIR)/.cache/tools/bin
check: ## formatting, lints, licences, advisories
	@scripts/install.sh build check
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	cargo deny --locked check bans licenses sources
	@scripts/advisories.sh

fmt: ## formats every source file
	cargo fmt --all
