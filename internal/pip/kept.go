package pip

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// keptPages is where the indexes' pages are kept, from which --offline tells whether there is something newer.
func (p *Python) keptPages(r *request) string {
	if r.noCache {
		return ""
	}
	return filepath.Join(p.Cache, "pages")
}

func (p *projects) keptAs(address string) string {
	sum := sha256.Sum256([]byte(address))
	return filepath.Join(p.kept, hex.EncodeToString(sum[:]))
}

// remember keeps an answer for later. Where it can't be written, only --offline misses it.
func (p *projects) remember(address string, data []byte) {
	if p.kept == "" || os.MkdirAll(p.kept, 0o755) != nil {
		return
	}
	file := p.keptAs(address)
	aside := fmt.Sprintf("%s.%d", file, os.Getpid())
	if os.WriteFile(aside, data, 0o644) != nil || os.Rename(aside, file) != nil {
		_ = os.Remove(aside)
	}
}

func (p *projects) recall(address string) ([]byte, error) {
	data, err := os.ReadFile(p.keptAs(address))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fault.Errorf(fault.NotFound, "%s: not kept, and --offline asks nobody", withoutPassword(address))
	}
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "reading what is kept of %s: %w", withoutPassword(address), err)
	}
	return data, nil
}

// unplugged answers for the network where nobody is to be asked.
type unplugged struct{}

func (unplugged) RoundTrip(req *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s is not kept, and --offline asks nobody", req.URL.Redacted())
}

// envRetries is uv's.
const envRetries = "UV_HTTP_RETRIES"

// silence finds out beside uv whether an index can be reached at all, and tells where none can: uv alone would go on trying for ten
// seconds. What it reads is needed anyway.
func (in *installation) silence(ctx context.Context) <-chan struct{} {
	silent := make(chan struct{})
	if in.r.offline || in.r.noIndex || len(in.w.requirements) == 0 || slices.ContainsFunc(in.r.env, func(e string) bool { return strings.HasPrefix(e, envRetries) }) {
		return silent
	}
	go func() {
		const tries = 2
		for range tries {
			if _, err := in.s.page(ctx, in.w.requirements[0].Name); !unreachable(err) {
				return
			}
			select {
			case <-ctx.Done():
				return
			case <-time.After(time.Second):
			}
		}
		close(silent)
	}()
	return silent
}

// unreachable is for the failures that come before anybody could answer.
func unreachable(err error) bool {
	if name := (*net.DNSError)(nil); errors.As(err, &name) {
		return true
	}
	op := (*net.OpError)(nil)
	return errors.As(err, &op) && (op.Op == "dial" || op.Op == "proxyconnect")
}

// network adds to what uv says of a network that isn't there what helps.
func (in *installation) network(said string) string {
	switch {
	case in.r.offline && (strings.Contains(said, "offline") || strings.Contains(said, "disabled") || strings.Contains(said, "cache")):
		return said + "\n--offline takes what an installation with the network has left in the cache (" + in.p.Cache + ")."
	case !in.r.offline && slices.ContainsFunc([]string{"client error (Connect)", "dns error", "tcp connect error"}, func(s string) bool { return strings.Contains(said, s) }):
		return said + "\nThe index can't be reached. What was installed before: the same command with --offline. From a folder of wheels: --no-index --find-links DIR."
	}
	return said
}
