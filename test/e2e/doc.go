// Package e2e runs the whole farm as its users run it: the programs of `make build`, real Docker, real Temporal, real
// registry. Its tests tell what goes wrong on a farm and what becomes of it, and what a farm does on a good day. They
// need a registry that has the toolchain's images (WASMILL_TEST_REGISTRY, "host:port"); `make test` provides one.
package e2e
