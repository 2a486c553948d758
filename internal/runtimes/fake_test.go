package runtimes_test

import (
	"testing"

	"github.com/wasmill/wasmill/internal/runtimes"
	"github.com/wasmill/wasmill/internal/runtimes/runtimestest"
)

func TestFake(t *testing.T) { runtimestest.Test(t, &runtimes.Fake{}, "fake", "") }
