package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
)

const (
	userAgent = "wasmill (+https://github.com/wasmill/wasmill)"
	// stall is how long a server may send nothing before it counts as gone.
	stall = time.Minute
)

var defaultClient = func() *http.Client {
	t := http.DefaultTransport.(*http.Transport).Clone()
	t.ResponseHeaderTimeout = stall
	return &http.Client{Transport: t}
}()

func (f *Fetcher) client() *http.Client {
	if f.Client != nil {
		return f.Client
	}
	return defaultClient
}

// download brings the file from one address, going on where an earlier attempt ended. An error that errAgain matches
// may pass.
func (f *Fetcher) download(ctx context.Context, address string, src Source, e entry) error {
	u, err := url.Parse(address)
	if err != nil {
		return fault.Errorf(fault.Invalid, "reading the address: %w", err)
	}
	resumed, kind := false, ""
	switch u.Scheme {
	case "http", "https":
		resumed, kind, err = f.transfer(ctx, address, src, e)
	case "file":
		if !f.AllowFiles {
			return fault.Errorf(fault.Invalid, "addresses that begin with file:// are not allowed here")
		}
		if err = copyFile(u.Path, e.partial); errors.Is(err, os.ErrNotExist) {
			err = fault.Errorf(fault.NotFound, "%w", err)
		}
	default:
		return fault.Errorf(fault.Invalid, "the address begins with neither https:// nor http://")
	}
	if err != nil {
		return diskError(err)
	}
	err = e.settle(address)
	if mismatch := (*HashMismatchError)(nil); errors.As(err, &mismatch) {
		if mismatch.Hint = kind; resumed {
			return again(fmt.Errorf("the parts of a resumed download do not fit together: %w", mismatch))
		}
	}
	return err
}

// settle makes the partial file, which is complete, the verified one, or removes it and says what it is instead.
func (e entry) settle(address string) error {
	ok, err := e.commit()
	if err != nil || ok {
		return err
	}
	mismatch := &HashMismatchError{Address: address, Want: e.sum}
	if info, err := os.Stat(e.partial); err == nil {
		mismatch.Size = info.Size()
	}
	if mismatch.Got, err = hashFile(e.partial); err != nil {
		return err
	}
	if err := os.Remove(e.partial); err != nil {
		return err
	}
	return &fault.Error{Kind: fault.Invalid, Err: mismatch}
}

// transfer appends to the partial file. It says whether there was something before, and what the answer looks like.
func (f *Fetcher) transfer(ctx context.Context, address string, src Source, e entry) (resumed bool, kind string, err error) {
	out, err := os.OpenFile(e.partial, os.O_CREATE|os.O_RDWR, 0o644)
	if err != nil {
		return false, "", err
	}
	defer func() { err = errors.Join(err, out.Close()) }()
	offset, err := out.Seek(0, io.SeekEnd)
	if err != nil {
		return false, "", err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	body, status, err := f.request(ctx, address, offset, e.validator(address))
	if err != nil {
		return false, "", err
	}
	defer body.Close()
	if status.StatusCode != http.StatusPartialContent {
		if offset > 0 {
			err = errors.Join(out.Truncate(0), seekStart(out))
		}
		if err := errors.Join(err, e.setValidator(address, status)); err != nil {
			return false, "", err
		}
		offset = 0
	}
	if strings.HasPrefix(status.Header.Get("Content-Type"), "text/html") {
		kind = "a web page"
	}
	alive := time.AfterFunc(stall, func() { cancel(errStalled) })
	defer alive.Stop()
	progress := Progress{File: src.File(), Done: offset, Total: -1}
	if status.ContentLength >= 0 {
		progress.Total = offset + status.ContentLength
	}
	w := writerFunc(func(p []byte) (int, error) {
		alive.Reset(stall)
		n, err := out.Write(p)
		progress.Done += int64(n)
		if f.Progress != nil {
			f.Progress(progress)
		}
		if err != nil {
			err = writeError{err}
		}
		return n, err
	})
	if _, err = io.Copy(w, body); err != nil && !errors.As(err, new(writeError)) {
		if context.Cause(ctx) == errStalled {
			err = errStalled
		}
		err = again(fmt.Errorf("the connection broke after %d bytes: %w", progress.Done, err))
	}
	return offset > 0, kind, err
}

var errStalled = fmt.Errorf("nothing came for %v", stall)

// request asks for what lies after offset; a server is free to give everything, and does where the file is not what the
// validator stands for. Of a good answer the body must be closed.
func (f *Fetcher) request(ctx context.Context, address string, offset int64, validator string) (io.ReadCloser, *http.Response, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, nil, fault.Errorf(fault.Invalid, "reading the address: %w", err)
	}
	req.Header.Set("User-Agent", userAgent)
	// Otherwise a transport may unpack what a server calls gzip, and the hash would be of something else.
	req.Header.Set("Accept-Encoding", "identity")
	if offset > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", offset))
		if validator != "" {
			req.Header.Set("If-Range", validator)
		}
	}
	resp, err := f.client().Do(req)
	if err != nil {
		return nil, nil, connectError(err)
	}
	switch {
	case resp.StatusCode == http.StatusOK:
		return resp.Body, resp, nil
	case resp.StatusCode == http.StatusPartialContent && strings.HasPrefix(resp.Header.Get("Content-Range"), fmt.Sprintf("bytes %d-", offset)):
		return resp.Body, resp, nil
	}
	resp.Body.Close()
	if offset > 0 && (resp.StatusCode == http.StatusRequestedRangeNotSatisfiable || resp.StatusCode == http.StatusPartialContent) {
		return f.request(ctx, address, 0, "")
	}
	return nil, nil, statusError(resp)
}

// validator is what the server at an address calls the file of which there is a part: a strong ETag. It is empty where the
// part came from another address, which may well go on with it: the hash of the whole decides.
func (e entry) validator(address string) string {
	note, err := os.ReadFile(e.note)
	if err != nil {
		return ""
	}
	from, tag, _ := strings.Cut(string(note), "\n")
	if from != address {
		return ""
	}
	return tag
}

// setValidator notes whose part begins now.
func (e entry) setValidator(address string, resp *http.Response) error {
	tag := resp.Header.Get("ETag")
	if !strings.HasPrefix(tag, `"`) {
		tag = "" // a weak one is no promise about bytes
	}
	return os.WriteFile(e.note, []byte(address+"\n"+tag), 0o644)
}

// statusError gives an answer without a file its kind.
func statusError(resp *http.Response) error {
	err := errors.New(resp.Status)
	switch {
	case resp.StatusCode >= 500, resp.StatusCode == http.StatusTooManyRequests, resp.StatusCode == http.StatusRequestTimeout:
		return again(err)
	default:
		return &fault.Error{Kind: fault.NotFound, Err: err}
	}
}

// connectError gives a request without an answer its kind. A name that doesn't exist won't begin to in a few seconds,
// but the machine may be off the network, so it is not fault.NotFound.
func connectError(err error) error {
	if e := (*url.Error)(nil); errors.As(err, &e) {
		err = e.Err // the address stands beside it already
	}
	if e := (*net.DNSError)(nil); errors.As(err, &e) && e.IsNotFound {
		return &fault.Error{Kind: fault.Unavailable, Err: err}
	}
	return again(err)
}

type writerFunc func([]byte) (int, error)

func (w writerFunc) Write(p []byte) (int, error) { return w(p) }

// writeError tells an error of our disk from one of the server.
type writeError struct{ error }

func (e writeError) Unwrap() error { return e.error }

func seekStart(f *os.File) error {
	_, err := f.Seek(0, io.SeekStart)
	return err
}
