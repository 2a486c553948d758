package worker

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
)

// An engine that is killed and comes back a quarter of a minute later took all attempts of whatever was to be built with it: each
// began, found no engine, and failed.
func TestAnAttemptWaitsForTheEngine(t *testing.T) {
	for _, story := range []struct {
		name       string
		back, gone time.Duration // after which the engine is back; after which the attempt is canceled
		want       error
		after      time.Duration
	}{
		{"it answers", 0, time.Hour, nil, 0},
		{"it is being restarted", 20 * time.Second, time.Hour, nil, 22 * time.Second},
		{"it does not come back", time.Hour, time.Hour, engine.ErrDown, enginePatience},
		{"the build is canceled meanwhile", time.Hour, 10 * time.Second, context.Canceled, 10 * time.Second},
	} {
		t.Run(story.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithCancel(t.Context())
				defer cancel()
				e := &engine.Fake{}
				if story.back > 0 {
					e.Stop()
					back := time.AfterFunc(story.back, e.Start)
					defer back.Stop()
				}
				gone := time.AfterFunc(story.gone, cancel)
				defer gone.Stop()
				begin := time.Now()
				err := engineAnswers(ctx, e, enginePatience)
				if !errors.Is(err, story.want) {
					t.Errorf("%v, want %v", err, story.want)
				}
				if story.want == engine.ErrDown && fault.KindOf(err) != fault.Unavailable {
					t.Errorf("it is %s: another attempt could not help", fault.KindOf(err))
				}
				if took := time.Since(begin); took > story.after {
					t.Errorf("after %s, want at most %s", took, story.after)
				}
			})
		})
	}
}
