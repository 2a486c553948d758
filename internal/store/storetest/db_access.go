package storetest

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
)

// tokenLife is a token from its making to long after it was revoked.
func tokenLife(t *testing.T, db store.DB) {
	ctx := t.Context()
	first, _ := access.NewToken("first", access.Worker, At(0), At(60))
	second, _ := access.NewToken("second", access.Operator, At(1), time.Time{})
	for _, token := range []access.Token{second, first, first} {
		must(t, db.PutToken(ctx, token))
	}
	changed := first
	changed.Role = access.Operator
	must(t, db.PutToken(ctx, changed)) // what a token may do is decided once

	must(t, db.UseToken(ctx, first.ID, At(3)))
	must(t, db.UseToken(ctx, first.ID, At(2))) // news of an older use
	must(t, db.UseToken(ctx, "none", At(2)))   // a use must not fail because the token went meanwhile
	must(t, db.RevokeToken(ctx, first.ID, At(4)))
	must(t, db.RevokeToken(ctx, first.ID, At(5)))
	first.Used, first.Revoked = At(3), At(4)

	list, err := db.Tokens(ctx)
	if diff := cmp.Diff([]access.Token{first, second}, list); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	one, err := db.Token(ctx, first.ID)
	if diff := cmp.Diff(first, one); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	for what, err := range map[string]error{
		"reading":  func() error { _, err := db.Token(ctx, "none"); return err }(),
		"revoking": db.RevokeToken(ctx, "none", At(1)),
	} {
		if err == nil || fault.KindOf(err) != fault.NotFound {
			t.Errorf("%s a token that is not there: %v", what, err)
		}
	}
}

// journalKept is what two people did.
func journalKept(t *testing.T, db store.DB) {
	ctx := t.Context()
	entries := []store.Entry{
		{ID: "c", At: At(2), Token: "t2", Who: "bo", Role: "reader", Action: "pin.add", Subject: "numpy", Outcome: "forbidden"},
		{ID: "b", At: At(1), Token: "t1", Who: "ann", Role: "operator", Action: "run.start", Subject: "run-1", Outcome: "done"},
		{ID: "a", At: At(1), Action: "gc", Outcome: "done"},
	}
	for _, i := range []int{1, 2, 0, 1} {
		must(t, db.Note(ctx, entries[i]))
	}
	for limit, want := range map[int][]store.Entry{0: entries, 2: entries[:2], 5: entries} {
		list, err := db.Journal(ctx, limit)
		if diff := cmp.Diff(want, list); err != nil || diff != "" {
			t.Errorf("limit %d: %v (-want +got):\n%s", limit, err, diff)
		}
	}
}
