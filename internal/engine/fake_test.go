package engine_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/engine/enginetest"
	"github.com/wasmill/wasmill/internal/fault"
)

const (
	helperImage  = "registry.test/helper@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	unknownImage = "registry.test/helper@sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
)

func TestFakeKeepsTheContract(t *testing.T) {
	fake := &engine.Fake{Container: playHelper, Images: []string{helperImage}}
	enginetest.Test(t, enginetest.Setup{Engine: fake, Image: helperImage, Unknown: unknownImage})
	if got := fake.Calls("Pull"); got != 6 {
		t.Errorf("Pull was called %d times", got)
	}
}

func TestFakeEngineGoesAway(t *testing.T) {
	fake := &engine.Fake{Container: playHelper}
	s := enginetest.Setup{Engine: fake, Image: helperImage}
	stop := writerFunc(func([]byte) { fake.Stop() })
	if _, err := fake.Run(t.Context(), s.Spec("sleep"), stop); !errors.Is(err, engine.ErrDown) {
		t.Errorf("the engine died midway: %v", err)
	}
	if err := fake.Ping(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("the engine is down: %v", err)
	}
	fake.Start()
	if _, err := fake.Run(t.Context(), s.Spec("exit", "0"), new(bytes.Buffer)); err != nil {
		t.Errorf("the engine is back: %v", err)
	}
	if got := len(fake.Specs()); got != 2 {
		t.Errorf("%d containers were run", got)
	}
}

type writerFunc func([]byte)

func (f writerFunc) Write(p []byte) (int, error) { f(p); return len(p), nil }

// playHelper does what the helper program does, as far as the contract looks at it.
func playHelper(ctx context.Context, spec engine.Spec, out io.Writer) engine.Result {
	args := spec.Command[1:]
	n := func() int { n, _ := strconv.Atoi(args[len(args)-1]); return n }
	switch args[0] {
	case "exit":
		return engine.Result{ExitStatus: n()}
	case "print":
		for i := range n() {
			fmt.Fprintf(out, "line %d\n", i)
		}
	case "env":
		for _, e := range spec.Env {
			if value, ok := strings.CutPrefix(e, args[1]+"="); ok {
				fmt.Fprintln(out, value)
			}
		}
	case "eat":
		if int64(n()) > spec.Memory {
			return engine.Result{ExitStatus: 137, OOMKilled: true}
		}
	case "child":
		fmt.Fprintln(out, "signal: killed")
		return engine.Result{ExitStatus: 1, OOMKilled: true}
	case "sleep":
		fmt.Fprintln(out, "sleeping")
		<-ctx.Done()
	}
	return engine.Result{}
}
