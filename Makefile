# make demo  watch three unprotected hosts become a defended, watched and backed-up service, and see the proof
# make test  run every test
SHELL := /bin/bash
PATH := $(CURDIR)/.venv/bin:$(PATH)
LAB_PORT ?= 5577
LAB_SUBNET ?= 10.89.77.0/24
export PATH LAB_PORT LAB_SUBNET
# An account of the shell's own must never be met by a test, and no setting of the user's Ansible may decide one.
unexport AWS_PROFILE AWS_ACCESS_KEY_ID AWS_SECRET_ACCESS_KEY AWS_SESSION_TOKEN AWS_ENDPOINT_URL
unexport $(filter ANSIBLE_%,$(.VARIABLES))
export MOLECULE_GLOB := molecule/*/molecule.yml
lab := .venv/bin/python -m lab

.DEFAULT_GOAL := help
.PHONY: help setup demo demo-clean lab-up lab-down lab-status test lint unit integration build sanity docs nginx oldest ee awx-check awx-accept molecule benchmarks

help: ## show this
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install what demo and tests need (quiet when nothing is missing)
	@lab/setup.sh

demo: lab-up ## the whole thing in the lab, with proof
	@source .lab/env && ansible-playbook playbooks/site.yml && ansible-playbook molecule/site/verify.yml

demo-clean: ## leave nothing of the lab behind: hosts, region, network, images
	@[ ! -x .venv/bin/python ] || $(lab) clean
	@rm -rf .lab

lab-up: setup ## start or mend the lab; then: . .lab/env
	@$(lab) up

lab-down: ## remove the lab's hosts and region
	@$(lab) down --all

lab-status: ## show what is up
	@$(lab) status

test: setup lint unit integration build docs nginx oldest ee awx-check sanity molecule ## everything, as CI runs it
	@echo 'All tests passed.'

lint: setup ## ansible-lint, yamllint, ruff, mypy, shellcheck
	@echo "== $@" && time tests/gates/lint

unit: setup ## pure code
	@echo "== $@" && pytest tests/unit

integration: setup ## modules and the lab's AWS over HTTP
	@echo "== $@" && pytest tests/integration

build: setup ## build the collection, install and use it elsewhere
	@echo "== $@" && time tests/gates/build

docs: setup ## documentation of plugins and roles, changelog, links
	@echo "== $@" && time tests/gates/docs

nginx: setup ## gixy over the rendered nginx configuration
	@echo "== $@" && time tests/gates/nginx

oldest: setup ## the oldest ansible-core that meta/runtime.yml promises
	@echo "== $@" && time tests/gates/oldest

ee: setup ## what AWX's execution environment would hold
	@echo "== $@" && time tests/gates/ee

awx-check: setup ## what AWX is to have (playbooks/vars/awx.yml), checked offline
	@echo "== $@" && ansible-playbook -i localhost, playbooks/awx.yml --tags check

awx-accept: setup ## try it on the AWX of CONTROLLER_HOST, and leave nothing behind
	@if [ -n "$${CONTROLLER_HOST:-}" ]; then ansible-playbook -i localhost, playbooks/awx_accept.yml; \
	else echo 'awx-accept: skipped, since CONTROLLER_HOST names no AWX (and CONTROLLER_OAUTH_TOKEN its token)'; fi

sanity: setup ## ansible-test sanity on the built collection
	@echo "== $@" && time tests/gates/sanity

molecule: setup ## the roles and the whole site on real hosts
	@echo "== $@" && molecule test --all

benchmarks: setup ## side-by-side measurements (takes a while)
	@for script in benchmarks/*.py; do echo "== $$script"; python "$$script" || exit 1; done
