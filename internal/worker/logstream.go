package worker

import (
	"bytes"
	"context"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/api"
)

// sendEvery is how often what was printed is sent on, and sendAt how much is sent before that.
const (
	sendEvery = 300 * time.Millisecond
	sendAt    = 256 << 10 // bytes
)

// logStream keeps what an attempt prints and sends it to the orchestrator while it is printed. Sending is a service to
// those who look on: where it fails, it is tried again with the next piece, and the build goes on.
type logStream struct {
	farm  api.Farm
	name  string
	grant string // of the task
	start int64  // offset in the live log at which this attempt begins

	mu   sync.Mutex
	all  bytes.Buffer
	wake chan struct{}
	done chan struct{}
	gone sync.WaitGroup
}

func newLogStream(ctx context.Context, farm api.Farm, name, grant string, start int64) *logStream {
	s := &logStream{farm: farm, name: name, grant: grant, start: start, wake: make(chan struct{}, 1), done: make(chan struct{})}
	s.gone.Go(func() { s.run(ctx) })
	return s
}

// Write implements io.Writer; it never fails.
func (s *logStream) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.all.Len()
	s.all.Write(p)
	if before/sendAt != s.all.Len()/sendAt {
		select {
		case s.wake <- struct{}{}:
		default:
		}
	}
	return len(p), nil
}

// Bytes is all that was printed so far.
func (s *logStream) Bytes() []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	return bytes.Clone(s.all.Bytes())
}

// Close sends what is left and ends.
func (s *logStream) Close() {
	close(s.done)
	s.gone.Wait()
}

func (s *logStream) run(ctx context.Context) {
	tick := time.NewTicker(sendEvery)
	defer tick.Stop()
	sent := s.send(ctx, 0, true) // what an earlier attempt left behind this offset goes
	for {
		select {
		case <-s.done:
			s.send(ctx, sent, false)
			return
		case <-ctx.Done():
			<-s.done
			return
		case <-tick.C:
		case <-s.wake:
		}
		sent = s.send(ctx, sent, false)
	}
}

// send sends what has been printed since, and says how much has arrived.
func (s *logStream) send(ctx context.Context, sent int, empty bool) int {
	s.mu.Lock()
	piece := bytes.Clone(s.all.Bytes()[sent:])
	s.mu.Unlock()
	if len(piece) == 0 && !empty {
		return sent
	}
	if s.farm.AppendLog(ctx, s.name, s.grant, s.start+int64(sent), bytes.NewReader(piece)) != nil {
		return sent
	}
	return sent + len(piece)
}
