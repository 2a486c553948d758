# Wasmill. `make demo` shows the whole farm at work; `make test` proves it. README.md says more.
SHELL := /bin/bash
export CGO_ENABLED := 0
GO ?= go
BIN := bin
TOOLS := $(GO) tool -modfile=tools/go.mod
PKGS = ./cmd/... ./internal/... ./workflows/...

.PHONY: build unit test lint demo bench fuzz clean

build: ## the programs, static, into bin/
	$(GO) build -trimpath -o $(BIN)/ ./cmd/...

unit: ## fast tests: no container engine, no Temporal server, no network
	$(GO) test $(PKGS)

lint: ## formatting, layers, static checks, determinism of the workflows
	$(TOOLS) golangci-lint run $(PKGS)

clean:
	rm -rf $(BIN) dist
