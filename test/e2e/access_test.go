//go:build engine

package e2e

import (
	"crypto/x509"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/access/accesstest"
)

// newGuarded is a farm as other machines hear it: TLS, tokens, an address of its own.
func newGuarded(t *testing.T) *farm {
	t.Helper()
	images := registry(t)
	if scaled() {
		return newFarm(t, t, images)
	}
	authority, dir := accesstest.NewAuthority(t), t.TempDir()
	f := &farm{dir: dataFolder(t, t), registry: images, shows: &shows{ca: authority.File, cert: filepath.Join(dir, "farm.pem"), key: filepath.Join(dir, "farm.key")}}
	authority.Sign(t, f.shows.cert, f.shows.key, &x509.Certificate{IPAddresses: []net.IP{net.IPv4(127, 0, 0, 2)}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}})
	f.begins(t, t)
	return f
}

// endsRefused waits for the end of a worker that is let in no more.
func endsRefused(t *testing.T, w *worker, words ...string) {
	t.Helper()
	select {
	case <-w.ended:
	case <-time.After(patience):
		t.Fatalf("the worker goes on:\n%s", w)
	}
	result{w.cmd.ProcessState.ExitCode(), "", w.String()}.expect(t, 77, words...)
	noContainers(t, w.dir)
}

// A worker on another machine needs the farm's address, a token and whom to trust. One whose token is revoked while it builds ends,
// and another one builds what it had.
func TestWorkersOnOtherMachines(t *testing.T) {
	t.Parallel()
	g, c := newGuarded(t), docker(t)
	token := g.token(t, "worker", 0)
	first := g.join(t, t, g.with(token.Secret)...)
	id := g.begin(t, gated(t), "*")
	waiting(t, c, first.dir, 1)
	if _, err := g.RevokeToken(t.Context(), token.ID); err != nil {
		t.Fatal(err)
	}
	endsRefused(t, first, "the farm lets this worker in no more", "was revoked on", "wasmill token create")

	second := g.join(t, t, g.with(g.token(t, "worker", 0).Secret)...)
	waiting(t, c, second.dir, 1)
	openAll(t, second.dir)
	run := g.ends(t, id)
	passed(t, run)
	if b := g.record(t, action(t, run, "slow")); b.Attempt < 2 || b.Worker != second.name {
		t.Errorf("the record says attempt %d by %s", b.Attempt, b.Worker)
	}
	if got := g.projects(t); !slices.Equal(got, []string{"after-slow", "slow"}) {
		t.Errorf("on the index: %v", got)
	}
	noContainers(t, second.dir)
}

// Who has no worker's token is told so, and gets nothing.
func TestAWorkerWithoutAToken(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	revoked, short := g.token(t, "worker", 0), g.token(t, "worker", 1)
	if _, err := g.RevokeToken(t.Context(), revoked.ID); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(short.Created.Add(1100 * time.Millisecond)))
	id := g.begin(t, gated(t), "*")
	for name, c := range map[string]struct{ token, say string }{
		"none":            {"", "this farm asks for a token"},
		"of another farm": {"wasmill_abcdefghij_" + strings.Repeat("0", 64), "does not know this token"},
		"a reader's":      {g.token(t, "reader", 0).Secret, "takes a token with the role worker"},
		"an operator's":   {g.token(t, "operator", 0).Secret, "takes a token with the role worker"},
		"revoked":         {revoked.Secret, "was revoked on"},
		"expired":         {short.Secret, "expired on"},
	} {
		w := g.worker(t, t, dataFolder(t, t), g.with(c.token)...)
		w.process = start(t, w.env, program(t, "worker"), w.args...)
		t.Log(name)
		endsRefused(t, w, c.say)
	}
	if list, err := g.Workers(t.Context()); err != nil || len(list) > 0 {
		t.Errorf("there are workers: %+v, %v", list, err)
	}
	if run, err := g.Run(t.Context(), id); err != nil || run.State != "running" || action(t, run, "slow").Attempt != 0 {
		t.Errorf("somebody has begun: %+v, %v", run, err)
	}
	g.wasmill(t, "run", "cancel", id).expect(t, 0)
}

// A worker ends when its token does, also one that has nothing to do.
func TestATokenExpires(t *testing.T) {
	t.Parallel()
	g := newGuarded(t)
	w := g.join(t, t, g.with(g.token(t, "worker", 10).Secret)...)
	endsRefused(t, w, "the farm lets this worker in no more", "expired on")
}
