package orchestrator

import (
	"bytes"
	"math"
	"testing"

	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/store"
)

// A finished build's log is the build's and behind it the test's, whichever part is asked for.
func TestAStoredLogIsReadInParts(t *testing.T) {
	o := start(t, t.TempDir())
	whole := bytes.Repeat([]byte("0123456789abcdef"), (maxStoredPart+maxStoredPart/2)/16)
	keep := func(text []byte) *record.Blob {
		blob, err := o.blobs.Put(t.Context(), store.MediaTypeLog, bytes.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		return &blob
	}
	middle := maxStoredPart - 5
	b := &record.Build{Log: keep(whole[:middle]), TestLog: keep(whole[middle:])}
	for story, c := range map[string]struct {
		offset, size int
		ended        bool
	}{
		"from the start, into the test's": {0, maxStoredPart, false},
		"the rest":                        {maxStoredPart, maxStoredPart / 2, true},
		"across the seam":                 {middle - 3, len(whole) - middle + 3, true},
		"the test's only":                 {len(whole) - 7, 7, true},
		"at the end":                      {len(whole), 0, true},
		"behind the end":                  {len(whole) + 9, 0, true},
		"far behind the end":              {math.MaxInt, 0, true},
	} {
		t.Run(story, func(t *testing.T) {
			got, err := o.storedLog(t.Context(), b, int64(c.offset))
			if err != nil {
				t.Fatal(err)
			}
			if len(got.Text) != c.size || got.Offset != int64(c.offset+c.size) || got.Ended != c.ended {
				t.Fatalf("%d bytes, up to %d, ended: %v", len(got.Text), got.Offset, got.Ended)
			}
			if c.size > 0 && !bytes.Equal(got.Text, whole[c.offset:c.offset+c.size]) {
				t.Error("other bytes")
			}
		})
	}
	for story, b := range map[string]*record.Build{"no log": {}, "no test": {Log: keep([]byte("x"))}} {
		if got, err := o.storedLog(t.Context(), b, 0); err != nil || !got.Ended {
			t.Errorf("%s: %+v, %v", story, got, err)
		}
	}
}
