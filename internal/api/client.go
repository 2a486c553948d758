package api

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/telemetry"
)

// Client is a Farm on the other side of HTTP.
type Client struct {
	base  string
	token string
	http  *http.Client
}

var _ Farm = (*Client)(nil)

// Option is how a client is let in.
type Option func(*Client)

// WithToken sends a token with each request. It is never sent in the clear to another machine.
func WithToken(secret string) Option { return func(c *Client) { c.token = secret } }

// WithRoots trusts servers whose certificates one of these has signed.
func WithRoots(roots *x509.CertPool) Option {
	return func(c *Client) {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.TLSClientConfig = &tls.Config{RootCAs: roots}
		c.http = &http.Client{Transport: telemetry.AskTraced(transport)}
	}
}

// Base is the address of a server as a URL: one without a scheme is plain HTTP.
func Base(server string) string {
	if strings.Contains(server, "://") {
		return server
	}
	return "http://" + server
}

// NewClient talks to the orchestrator at base, e.g. "http://127.0.0.1:7470".
func NewClient(base string, options ...Option) *Client {
	c := &Client{base: strings.TrimRight(Base(base), "/"), http: &http.Client{Transport: telemetry.AskTraced(http.DefaultTransport)}}
	for _, o := range options {
		o(c)
	}
	return c
}

// wireError is the body of every answer with a status of 400 and above.
type wireError struct {
	Kind    string `json:"kind"`
	Message string `json:"message"`
}

func (c *Client) do(ctx context.Context, method, path string, body io.Reader) (*http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, method, c.base+"/api/v1"+path, body)
	if err != nil {
		return nil, fault.Errorf(fault.Invalid, "asking %s: %w", c.base, err)
	}
	if c.token != "" {
		if err := access.InTheClear(req.URL); err != nil {
			return nil, err
		}
		req.Header.Set("Authorization", "Bearer "+c.token)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		var urlErr *url.Error
		if errors.As(err, &urlErr) {
			err = urlErr.Err
		}
		if explained := access.Distrust(c.base, err); explained != nil {
			return nil, explained
		}
		return nil, fault.Errorf(fault.Unavailable, "no orchestrator answers at %s (%w): start one with `wasmill up`, or name another with --server", c.base, err)
	}
	if resp.StatusCode < 400 {
		return resp, nil
	}
	defer resp.Body.Close()
	text, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	var we wireError
	if json.Unmarshal(text, &we) != nil || we.Message == "" {
		return nil, fault.Errorf(fault.Unavailable, "%s %s%s: %s", method, c.base, path, resp.Status)
	}
	return nil, fault.Errorf(fault.Parse(we.Kind), "%s", we.Message)
}

// call sends in as JSON where it is not nil and reads the answer into out where that is not nil.
func (c *Client) call(ctx context.Context, method, path string, in, out any) error {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return fmt.Errorf("encoding a request: %w", err)
		}
		body = bytes.NewReader(text)
	}
	resp, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if out == nil {
		return nil
	}
	if err := json.NewDecoder(resp.Body).Decode(out); err != nil {
		return fault.Errorf(fault.Unavailable, "reading the answer of %s: %w", c.base, err)
	}
	return nil
}

func ask[T any](ctx context.Context, c *Client, method, path string, in any) (out T, err error) {
	err = c.call(ctx, method, path, in, &out)
	return out, err
}

// Join implements Farm.
func (c *Client) Join(ctx context.Context) (Join, error) {
	return ask[Join](ctx, c, http.MethodGet, "/join", nil)
}

// PutBlob implements Farm.
func (c *Client) PutBlob(ctx context.Context, r io.Reader) (b record.Blob, err error) {
	resp, err := c.do(ctx, http.MethodPost, "/blobs", r)
	if err != nil {
		return b, err
	}
	defer resp.Body.Close()
	return b, json.NewDecoder(resp.Body).Decode(&b)
}

// OpenBlob implements Farm.
func (c *Client) OpenBlob(ctx context.Context, digest record.Digest) (io.ReadCloser, error) {
	resp, err := c.do(ctx, http.MethodGet, "/blobs/"+string(digest), nil)
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// PutSource implements Farm.
func (c *Client) PutSource(ctx context.Context, name string, r io.Reader) (Source, error) {
	return c.put(ctx, "/sources?name="+url.QueryEscape(name), r)
}

// PutFetched implements Farm.
func (c *Client) PutFetched(ctx context.Context, name, from string, r io.Reader) (Source, error) {
	return c.put(ctx, "/fetched?"+url.Values{"name": {name}, "url": {from}}.Encode(), r)
}

func (c *Client) put(ctx context.Context, path string, r io.Reader) (s Source, err error) {
	resp, err := c.do(ctx, http.MethodPost, path, r)
	if err != nil {
		return s, err
	}
	defer resp.Body.Close()
	return s, json.NewDecoder(resp.Body).Decode(&s)
}

// Sources implements Farm.
func (c *Client) Sources(ctx context.Context) ([]Source, error) {
	return ask[[]Source](ctx, c, http.MethodGet, "/sources", nil)
}

// RemoveSource implements Farm.
func (c *Client) RemoveSource(ctx context.Context, sha256 string) (RemovedSource, error) {
	return ask[RemovedSource](ctx, c, http.MethodDelete, "/sources/"+url.PathEscape(sha256), nil)
}

// Plan implements Farm.
func (c *Client) Plan(ctx context.Context, req RunRequest) ([]Action, error) {
	return ask[[]Action](ctx, c, http.MethodPost, "/plan", req)
}

// StartRun implements Farm.
func (c *Client) StartRun(ctx context.Context, req RunRequest) (Run, error) {
	return ask[Run](ctx, c, http.MethodPost, "/runs", req)
}

// Runs implements Farm.
func (c *Client) Runs(ctx context.Context, limit int) ([]Run, error) {
	return ask[[]Run](ctx, c, http.MethodGet, "/runs?limit="+strconv.Itoa(limit), nil)
}

// Run implements Farm.
func (c *Client) Run(ctx context.Context, id string) (Run, error) {
	return ask[Run](ctx, c, http.MethodGet, "/runs/"+url.PathEscape(id), nil)
}

// Explain implements Farm.
func (c *Client) Explain(ctx context.Context, run, recipe string) (Explanation, error) {
	path := "/recipes/" + url.PathEscape(recipe) + "/explanation"
	if run != "" {
		path = "/runs/" + url.PathEscape(run) + path
	}
	return ask[Explanation](ctx, c, http.MethodGet, path, nil)
}

// SteerRun implements Farm.
func (c *Client) SteerRun(ctx context.Context, id string, s Steering) (Run, error) {
	return ask[Run](ctx, c, http.MethodPatch, "/runs/"+url.PathEscape(id), s)
}

// CancelRun implements Farm.
func (c *Client) CancelRun(ctx context.Context, id string) error {
	return c.call(ctx, http.MethodPost, "/runs/"+url.PathEscape(id)+"/cancel", nil, nil)
}

// Build implements Farm.
func (c *Client) Build(ctx context.Context, keyOrRecipe string) (record.Build, error) {
	return ask[record.Build](ctx, c, http.MethodGet, "/builds/"+url.PathEscape(keyOrRecipe), nil)
}

// Passed implements Farm.
func (c *Client) Passed(ctx context.Context, keyOrRecipe string) (record.Build, error) {
	return ask[record.Build](ctx, c, http.MethodGet, "/builds/"+url.PathEscape(keyOrRecipe)+"?outcome=passed", nil)
}

// Difference implements Farm.
func (c *Client) Difference(ctx context.Context, keyOrRecipe string) (Difference, error) {
	return ask[Difference](ctx, c, http.MethodGet, "/builds/"+url.PathEscape(keyOrRecipe)+"/difference", nil)
}

// Log implements Farm.
func (c *Client) Log(ctx context.Context, keyOrRecipe string, offset int64) (Log, error) {
	return ask[Log](ctx, c, http.MethodGet, fmt.Sprintf("/builds/%s/log?offset=%d", url.PathEscape(keyOrRecipe), offset), nil)
}

// AppendLog implements Farm.
func (c *Client) AppendLog(ctx context.Context, log, grant string, offset int64, r io.Reader) error {
	resp, err := c.do(ctx, http.MethodPost, fmt.Sprintf("/logs/%s?offset=%d&grant=%s", url.PathEscape(log), offset, url.QueryEscape(grant)), r)
	if err != nil {
		return err
	}
	return resp.Body.Close()
}

// ReportAttempt implements Farm.
func (c *Client) ReportAttempt(ctx context.Context, a Attempt) error {
	return c.call(ctx, http.MethodPut, "/attempts/"+url.PathEscape(a.ID), a, nil)
}

// ReportWorker implements Farm.
func (c *Client) ReportWorker(ctx context.Context, w Worker) (Order, error) {
	return ask[Order](ctx, c, http.MethodPut, "/workers/"+url.PathEscape(w.Name), w)
}

// Toolchains implements Farm.
func (c *Client) Toolchains(ctx context.Context) ([]Toolchain, error) {
	return ask[[]Toolchain](ctx, c, http.MethodGet, "/toolchains", nil)
}

// Workers implements Farm.
func (c *Client) Workers(ctx context.Context) ([]Worker, error) {
	return ask[[]Worker](ctx, c, http.MethodGet, "/workers", nil)
}

// OrderWorker implements Farm.
func (c *Client) OrderWorker(ctx context.Context, name string, order Order) (Worker, error) {
	return ask[Worker](ctx, c, http.MethodPut, "/workers/"+url.PathEscape(name)+"/order", order)
}

// Top implements Farm.
func (c *Client) Top(ctx context.Context) (Top, error) {
	return ask[Top](ctx, c, http.MethodGet, "/top", nil)
}

// AddSchedule implements Farm.
func (c *Client) AddSchedule(ctx context.Context, s Schedule) error {
	return c.call(ctx, http.MethodPut, "/schedules/"+url.PathEscape(s.Name), s, nil)
}

// CheckSchedule implements Farm.
func (c *Client) CheckSchedule(ctx context.Context, s Schedule) error {
	return c.call(ctx, http.MethodPost, "/schedules/"+url.PathEscape(s.Name)+"/check", s, nil)
}

// Releases implements Farm.
func (c *Client) Releases(ctx context.Context, schedule string) ([]Release, error) {
	return ask[[]Release](ctx, c, http.MethodGet, "/schedules/"+url.PathEscape(schedule)+"/releases", nil)
}

// Schedules implements Farm.
func (c *Client) Schedules(ctx context.Context) ([]Schedule, error) {
	return ask[[]Schedule](ctx, c, http.MethodGet, "/schedules", nil)
}

// ChangeSchedule implements Farm.
func (c *Client) ChangeSchedule(ctx context.Context, name string, change ScheduleChange) (ChangedSchedule, error) {
	return ask[ChangedSchedule](ctx, c, http.MethodPost, "/schedules/"+url.PathEscape(name)+"/"+string(change), nil)
}

// Collect implements Farm.
func (c *Client) Collect(ctx context.Context, req Collect) (Collected, error) {
	return ask[Collected](ctx, c, http.MethodPost, "/collect", req)
}

// Pin implements Farm.
func (c *Client) Pin(ctx context.Context, keyOrRecipe string) error {
	return c.call(ctx, http.MethodPut, "/pins/"+url.PathEscape(keyOrRecipe), nil, nil)
}

// Unpin implements Farm.
func (c *Client) Unpin(ctx context.Context, keyOrRecipe string) error {
	return c.call(ctx, http.MethodDelete, "/pins/"+url.PathEscape(keyOrRecipe), nil, nil)
}

// Pins implements Farm.
func (c *Client) Pins(ctx context.Context) ([]Pin, error) {
	return ask[[]Pin](ctx, c, http.MethodGet, "/pins", nil)
}

// CreateToken implements Farm.
func (c *Client) CreateToken(ctx context.Context, req TokenRequest) (NewToken, error) {
	return ask[NewToken](ctx, c, http.MethodPost, "/tokens", req)
}

// Tokens implements Farm.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	return ask[[]Token](ctx, c, http.MethodGet, "/tokens", nil)
}

// RevokeToken implements Farm.
func (c *Client) RevokeToken(ctx context.Context, idOrName string) (Token, error) {
	return ask[Token](ctx, c, http.MethodDelete, "/tokens/"+url.PathEscape(idOrName), nil)
}

// Journal implements Farm.
func (c *Client) Journal(ctx context.Context, limit int) ([]Entry, error) {
	return ask[[]Entry](ctx, c, http.MethodGet, "/journal?limit="+strconv.Itoa(limit), nil)
}

// Quarantine implements Farm.
func (c *Client) Quarantine(ctx context.Context, q Quarantine) error {
	return c.call(ctx, http.MethodPut, "/quarantines/"+url.PathEscape(q.Recipe), q, nil)
}

// LiftQuarantine implements Farm.
func (c *Client) LiftQuarantine(ctx context.Context, recipe string) error {
	return c.call(ctx, http.MethodDelete, "/quarantines/"+url.PathEscape(recipe), nil, nil)
}

// Quarantines implements Farm.
func (c *Client) Quarantines(ctx context.Context) ([]Quarantine, error) {
	return ask[[]Quarantine](ctx, c, http.MethodGet, "/quarantines", nil)
}
