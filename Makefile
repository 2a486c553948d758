# Wasmill. `make demo` shows the whole farm at work; `make test` proves it. README.md says more.
SHELL := /bin/bash
export CGO_ENABLED := 0
TOOL := go tool -modfile=tools/go.mod

.PHONY: build demo stop test test-scaled test-deploy images wheels nightly unit lint bench soak fuzz clean

build: ## the programs, static, into bin/
	@echo "building the programs (the first time the Temporal server is compiled: some minutes)"
	go build -trimpath -o bin/ ./cmd/...

demo: build ## the farm at work on the recipes of recipes/; leaves it running
	scripts/demo.sh

stop: ## end the farm that the demo left running
	scripts/farm.sh stop

test: build ## all tests, those on the real engine and the real Temporal server included
	scripts/test.sh

test-scaled: build ## the farm's tests on PostgreSQL, a Temporal server on it, and a registry in front of S3, all with TLS and started for it
	scripts/test-scaled.sh

nightly: build ## all tests and those that take long: numpy from its source, recipes in Rust, the corpus in Chromium, a short soak
	WASMILL_TEST_NIGHTLY=1 scripts/test.sh
	scripts/soak.sh --minutes 3

unit: ## fast tests: no container engine, no Temporal server, no network
	go test ./...

test-deploy: ## alerts, dashboard and Kubernetes manifests, by Prometheus' and Kubernetes' own programs
	scripts/test-deploy.sh

images: ## container images of the daemons, pushed to REGISTRY, their digests noted in deploy/k8s/images
	go run ./deploy/images --registry $(REGISTRY) --kustomization deploy/k8s/images/kustomization.yaml

wheels: ## python-wasm for `pip install`, one wheel for each platform, into dist/
	go run ./deploy/pypi --out dist

lint: ## formatting, layers of imports, static checks, determinism of the workflows
	$(TOOL) golangci-lint run ./...
	$(TOOL) workflowcheck ./workflows

bench: build ## time, memory and size beside pyodide-build, as a table and JSON
	scripts/ensure-docker.sh
	go run ./bench

soak: build ## kill parts of a farm while it builds, again and again; MINUTES=5, SEED=N
	scripts/soak.sh --minutes $(or $(MINUTES),5) $(if $(SEED),--seed $(SEED))

fuzz: ## every fuzz target for a while; FUZZTIME=30s each
	scripts/fuzz.sh

clean:
	rm -rf bin dist
