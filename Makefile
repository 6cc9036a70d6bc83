# Everything a person types. Each target sets up what it needs.
SHELL := /bin/bash
bin := node_modules/.bin
export PATH := $(CURDIR)/$(bin):$(PATH)
stamp := node_modules/.clawfleet-installed

.PHONY: setup browser promtool check test demo lab clean

setup: $(stamp)
	@node infra/engine/main.ts

# For the console's tests alone: Debian's Chromium where it is missing and root may install it; without it they are skipped.
browser: $(stamp)
	@node test/support/install-chromium.ts

# For the alert rules' tests alone, in the same way.
promtool: $(stamp)
	@node test/support/install-promtool.ts

# Not `npm ci`: it refuses a lockfile without entries for other platforms' optional binaries, which some registries lack.
$(stamp): package.json package-lock.json
	npm install --no-save --no-audit --no-fund
	@touch $(stamp)

check: $(stamp)
	@node test/support/run-checks.ts

test: setup browser promtool
	@node test/support/run-tests.ts

demo: setup
	@ONCE=$(ONCE) node --import tsx test/sandbox/demo.ts

# Root and Linux; installs debootstrap and systemd-container by apt where they are missing. About 10 minutes the first time.
lab: setup
	@node --import tsx test/lab/main.ts

clean:
	rm -rf node_modules .clawfleet
