# Everything a person types. Each target sets up what it needs.
SHELL := /bin/bash
bin := node_modules/.bin
export PATH := $(CURDIR)/$(bin):$(PATH)
stamp := node_modules/.clawfleet-installed

.PHONY: setup check test demo lab clean

setup: $(stamp)
	@node infra/engine/main.ts

# Not `npm ci`: it refuses a lockfile without entries for other platforms' optional binaries, which some registries lack.
$(stamp): package.json package-lock.json
	npm install --no-save --no-audit --no-fund
	@touch $(stamp)

check: $(stamp)
	@node test/support/run-checks.ts

test: setup
	@node test/support/run-tests.ts

demo: setup
	@ONCE=$(ONCE) node --import tsx test/sandbox/demo.ts

# Root and Linux; installs debootstrap and systemd-container by apt where they are missing. About 10 minutes the first time.
lab: setup
	@node --import tsx test/lab/main.ts

clean:
	rm -rf node_modules .clawfleet
