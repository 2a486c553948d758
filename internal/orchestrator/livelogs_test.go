package orchestrator

import (
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
)

func TestALogGrowsAndAPieceSentTwiceStandsOnce(t *testing.T) {
	l := liveLogs{t.TempDir()}
	for _, piece := range []struct {
		offset int64
		text   string
	}{{0, "fetch\n"}, {6, "compile\n"}, {6, "compile\nlink\n"}} {
		if err := l.append("a-1", piece.offset, strings.NewReader(piece.text)); err != nil {
			t.Fatal(err)
		}
	}
	if text, err := l.read("a-1", 6); err != nil || string(text) != "compile\nlink\n" {
		t.Errorf("%q, %v", text, err)
	}
	if err := l.append("a-1", 100, strings.NewReader("x")); fault.KindOf(err) != fault.Invalid {
		t.Errorf("a gap: %v", err)
	}
	l.remove("a-1")
	if text, err := l.read("a-1", 0); err != nil || len(text) > 0 {
		t.Errorf("after removal: %q, %v", text, err)
	}
}

func TestAnAttemptNamesNoFileElsewhere(t *testing.T) {
	l := liveLogs{t.TempDir()}
	for _, id := range []string{"", "..", "../x", "a/b", ".hidden", strings.Repeat("a", 200)} {
		if err := l.append(id, 0, strings.NewReader("x")); fault.KindOf(err) != fault.Invalid {
			t.Errorf("%q: %v", id, err)
		}
	}
}
