package fetch

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

// Pages asks an index for many pages without being a burden: no more often than one in every Gap, and with growing pauses where
// the index says that it is too much, or fails. It is safe for concurrent use.
type Pages struct {
	Client *http.Client
	Gap    time.Duration // between two requests
	Tries  int           // of each page; 0 is 1
	Pause  time.Duration // after the first failure, then twice as long each time; an index that says how long is believed

	mu   sync.Mutex
	next time.Time
}

// maxPause is as long as an index is waited for at its word.
const maxPause = 2 * time.Minute

// Page is what an index serves at an address.
type Page struct {
	Text []byte
	ETag string // names this state of it; empty where the index gives none
	Same bool   // it is what it was: there is no Text
}

// Get gives a page of one of the types that accept names. One that is not there is fault.NotFound.
func (p *Pages) Get(ctx context.Context, url, accept string) ([]byte, error) {
	page, err := p.GetNew(ctx, url, accept, "")
	return page.Text, err
}

// GetNew is Get for who has the page as it was at an ETag, and does not want it again.
func (p *Pages) GetNew(ctx context.Context, url, accept, etag string) (Page, error) {
	pause := p.Pause
	for try := 1; ; try++ {
		if err := p.turn(ctx); err != nil {
			return Page{}, err
		}
		page, wait, err := p.once(ctx, url, accept, etag)
		if err == nil || fault.KindOf(err) != fault.Unavailable || try >= p.Tries {
			return page, err
		}
		if wait = min(max(wait, pause), maxPause); !p.hold(ctx, wait) {
			return Page{}, ctx.Err()
		}
		pause *= 2
	}
}

// turn waits for this request's turn.
func (p *Pages) turn(ctx context.Context) error {
	p.mu.Lock()
	now := time.Now()
	at := p.next
	if at.Before(now) {
		at = now
	}
	p.next = at.Add(p.Gap)
	p.mu.Unlock()
	if !sleep(ctx, at.Sub(now)) {
		return ctx.Err()
	}
	return nil
}

// hold keeps back all requests for a while: where one is too much, so are the others.
func (p *Pages) hold(ctx context.Context, wait time.Duration) bool {
	p.mu.Lock()
	if until := time.Now().Add(wait); until.After(p.next) {
		p.next = until
	}
	p.mu.Unlock()
	return ctx.Err() == nil
}

func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

func (p *Pages) once(ctx context.Context, url, accept, etag string) (page Page, wait time.Duration, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return page, 0, fault.Errorf(fault.Invalid, "asking the package index: %w", err)
	}
	req.Header.Set("Accept", accept)
	if etag != "" {
		req.Header.Set("If-None-Match", etag)
	}
	client := p.Client
	if client == nil {
		client = http.DefaultClient
	}
	resp, err := client.Do(req)
	if err != nil {
		return page, 0, fault.Errorf(fault.Unavailable, "asking the package index: %w", err)
	}
	defer resp.Body.Close()
	page.ETag = resp.Header.Get("ETag")
	switch {
	case resp.StatusCode == http.StatusNotModified && etag != "":
		return Page{ETag: etag, Same: true}, 0, nil
	case resp.StatusCode == http.StatusNotFound:
		return page, 0, fault.Errorf(fault.NotFound, "%s: not there", url)
	case resp.StatusCode != http.StatusOK:
		seconds, err := strconv.Atoi(resp.Header.Get("Retry-After"))
		if err != nil {
			seconds = 0
		}
		return page, time.Duration(seconds) * time.Second, fault.Errorf(fault.Unavailable, "%s: %s", url, resp.Status)
	}
	if page.Text, err = io.ReadAll(io.LimitReader(resp.Body, 64<<20)); err != nil {
		return page, 0, fault.Errorf(fault.Unavailable, "asking the package index: %w", err)
	}
	return page, 0, nil
}
