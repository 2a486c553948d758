package engine

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/docker/docker/api/types"
	"github.com/docker/docker/pkg/stdcopy"
	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/fault"
)

// attached is the stream of a container that writes these pieces: to standard error those that begin with "!".
func attached(pieces ...string) types.HijackedResponse {
	var stream bytes.Buffer
	out, err := stdcopy.NewStdWriter(&stream, stdcopy.Stdout), stdcopy.NewStdWriter(&stream, stdcopy.Stderr)
	for _, p := range pieces {
		text, isErr := strings.CutPrefix(p, "!")
		w := out
		if isErr {
			w = err
		}
		_, _ = io.WriteString(w, text)
	}
	return types.HijackedResponse{Reader: bufio.NewReader(&stream)}
}

func TestLinesStayWhole(t *testing.T) {
	long := strings.Repeat("x", maxLine+1)
	for name, c := range map[string]struct {
		pieces []string
		want   string
	}{
		"pieces of two lines":  {[]string{"comp", "!warn", "iling\n", "!ing\n"}, "compiling\nwarning\n"},
		"no end of line":       {[]string{"a\nb", "!c"}, "a\nbc"},
		"a line without end":   {[]string{long, "!error\n", "y\n"}, long + "error\ny\n"},
		"nothing":              {nil, ""},
		"several lines a time": {[]string{"a\nb\nc", "!d\n", "\n"}, "a\nb\nd\nc\n"},
	} {
		var out strings.Builder
		if err := <-copyOutput(attached(c.pieces...), &out); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if diff := cmp.Diff(c.want, out.String()); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestPullErrorsStandInTheProgress(t *testing.T) {
	for stream, want := range map[string]string{
		`{"status":"Pulling"}{"status":"Downloading","progressDetail":{"current":1}}{"status":"Done"}`:         "",
		`{"status":"Pulling"}{"errorDetail":{"message":"manifest unknown"},"error":"manifest unknown"}`:        "manifest unknown",
		`{"status":"Extracting"}{"errorDetail":{"message":"write /x: no space left on device"},"error":"..."}`: "write /x: no space left on device",
		`{"status":"Pul`: "unexpected EOF",
	} {
		got := ""
		if err := pullError(strings.NewReader(stream)); err != nil {
			got = err.Error()
		}
		if got != want {
			t.Errorf("%s: %q, want %q", stream, got, want)
		}
	}
}

func TestErrorsOfTheDaemonGetAKindAndAdvice(t *testing.T) {
	d, err := NewDocker()
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, c := range []struct {
		err    error
		want   fault.Kind
		advice string
	}{
		{errors.New("write /var/lib/docker/x: no space left on device"), fault.Exhausted, "the disk is full"},
		{errors.New("fork: cannot allocate memory"), fault.Exhausted, "no memory left"},
		{errors.New("permission denied while trying to connect to the Docker daemon socket"), fault.Unavailable, "group docker"},
		{fmt.Errorf("waiting: %w", io.ErrUnexpectedEOF), fault.Unavailable, "went away"},
		{&net.OpError{Op: "read", Err: syscall.ECONNRESET}, fault.Unavailable, "went away"},
		{errdefs.ErrNotFound, fault.NotFound, "doing"},
		{errdefs.ErrInvalidArgument, fault.Invalid, "doing"},
		{errdefs.ErrUnavailable, fault.Unavailable, "doing"},
		{errors.New("something new"), fault.Internal, "doing"},
	} {
		err := d.explain(t.Context(), "doing", c.err)
		if fault.KindOf(err) != c.want || !errors.Is(err, c.err) || !strings.Contains(err.Error(), c.advice) {
			t.Errorf("%v: kind %v: %v", c.err, fault.KindOf(err), err)
		}
	}
}
