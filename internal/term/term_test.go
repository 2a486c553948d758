package term

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTableAlignsColumns(t *testing.T) {
	var b bytes.Buffer
	if err := Table(&b, [][]string{{"recipe", "seconds>", "note"}, {"markupsafe", "1.6", ""}, {"lz4", "12.0", "größer"}}); err != nil {
		t.Fatal(err)
	}
	want := "recipe      seconds  note\nmarkupsafe      1.6\nlz4            12.0  größer\n"
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

// In a log there are no bars: a step is announced, says at intervals that it goes on, and leaves a line at its end.
func TestProgressInALogIsLinesWithElapsedTime(t *testing.T) {
	var b bytes.Buffer
	p := NewProgress(&b, false)
	clock := p.start
	p.now = func() time.Time { return clock }
	p.Update("download", 0, 2048, true, "")
	clock = clock.Add(time.Second)
	p.Update("download", 1024, 2048, true, "a.deb") // too soon for a line
	clock = clock.Add(lineEvery)
	p.Update("download", 2047, 2048, true, "b.deb")
	p.Done("download", "2 files")
	want := strings.Join([]string{
		"[    0.0s] download …",
		"[    6.0s] download 2.0 KiB of 2.0 KiB b.deb",
		"[    6.0s] download: 2 files (6.0s)", "",
	}, "\n")
	if diff := cmp.Diff(want, b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestBytes(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 5 << 20: "5.0 MiB", 3 << 40: "3.0 TiB"} {
		if got := Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %q, want %q", n, got, want)
		}
	}
}
