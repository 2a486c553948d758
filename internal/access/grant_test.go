package access_test

import (
	"strings"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
)

func newKey(t *testing.T) access.Key {
	t.Helper()
	key, err := access.ParseKey(access.NewKey())
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// A grant is what was signed, until it expires, and nothing that anybody has changed.
func TestAGrantIsKnownAgain(t *testing.T) {
	now := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)
	key, other := newKey(t), newKey(t)
	want := access.Grant{Run: "r", Recipe: "lxml", Job: "sha256:x", Expires: now.Add(time.Hour)}
	good, err := key.Sign(want)
	if err != nil {
		t.Fatal(err)
	}
	if got, err := key.Read(good, now); err != nil || got != want {
		t.Errorf("%+v, %v", got, err)
	}
	another, err := key.Sign(access.Grant{Run: "r", Recipe: "numpy", Expires: now.Add(time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	body, _, _ := strings.Cut(another, ".")
	_, signature, _ := strings.Cut(good, ".")
	foreign, err := other.Sign(want)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"nothing": "", "another's body": body + "." + signature, "cut short": good[:len(good)-4], "of another farm": foreign, "no signature": body, "only dots": "..",
	} {
		if _, err := key.Read(text, now); fault.KindOf(err) != fault.Forbidden || !strings.Contains(err.Error(), "not given") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := key.Read(good, now.Add(time.Hour)); fault.KindOf(err) != fault.Forbidden || !strings.Contains(err.Error(), "too long ago") {
		t.Errorf("expired: %v", err)
	}
	if _, err := access.ParseKey("abc"); err == nil {
		t.Error("a damaged key is taken")
	}
}

// A task is answered by the worker that it was given to.
func TestATaskIsSealedForOneWorker(t *testing.T) {
	key := newKey(t)
	sealed := key.Seal("w1", []byte("task"))
	if got, err := key.Open("w1", sealed); err != nil || string(got) != "task" {
		t.Errorf("%q, %v", got, err)
	}
	changed := append([]byte{}, sealed...)
	changed[len(changed)-1] ^= 1
	for name, err := range map[string]error{
		"another worker":  second(key.Open("w2", sealed)),
		"nobody":          second(key.Open("", sealed)),
		"another task":    second(key.Open("w1", changed)),
		"never sealed":    second(key.Open("w1", []byte("task"))),
		"of another farm": second(newKey(t).Open("w1", sealed)),
	} {
		if fault.KindOf(err) != fault.Forbidden {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func second(_ []byte, err error) error { return err }
