package store_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/store/pgtest"
	"github.com/wasmill/wasmill/internal/store/storetest"
)

func TestPostgres(t *testing.T) {
	server := pgtest.Start(t)
	storetest.DB(t, func(t *testing.T) store.DB { return openPostgres(t, server.Place(t)) })
}

func openPostgres(t *testing.T, at string) *store.SQL {
	t.Helper()
	db, err := store.OpenPostgres(t.Context(), at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestAnotherOrchestratorHasTheDatabase(t *testing.T) {
	t.Parallel() // it waits for seconds
	server := pgtest.Start(t)
	at := server.Place(t)
	first := openPostgres(t, at)
	_, err := store.OpenPostgres(t.Context(), at)
	host, _ := os.Hostname()
	if fault.KindOf(err) != fault.Conflict || !strings.Contains(fmt.Sprint(err), fmt.Sprintf("wasmill %s %d", host, os.Getpid())) {
		t.Errorf("opening it a second time: %v, kind %v; want a conflict that names who has it", err, fault.KindOf(err))
	}
	if err := first.SetSetting(t.Context(), "a", "b"); err != nil {
		t.Errorf("the first one then: %v", err)
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	if got, err := openPostgres(t, at).Setting(t.Context(), "a"); err != nil || got != "b" {
		t.Errorf("after it was closed: %q, %v", got, err)
	}
}

// Whoever has lost the lock with its connection does not write beside the one that got it.
func TestAnOrchestratorThatWasCutOffDoesNotWrite(t *testing.T) {
	t.Parallel() // it waits for seconds
	server := pgtest.Start(t)
	at := server.Place(t)
	first := openPostgres(t, at)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var taken errgroup.Group
	taken.Go(func() error {
		for ctx.Err() == nil {
			second, err := store.OpenPostgres(ctx, at)
			if err == nil {
				t.Cleanup(func() { second.Close() })
				return second.SetSetting(ctx, "owner", "second")
			}
			if fault.KindOf(err) != fault.Conflict {
				return err
			}
		}
		return ctx.Err()
	})
	time.Sleep(200 * time.Millisecond)
	server.Exec(t, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND objid::bigint = hashtext('`+schema(at)+`')::bigint & 4294967295`)
	if err := taken.Wait(); err != nil {
		t.Fatal(err)
	}
	if err := first.SetSetting(ctx, "owner", "first"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("writing without the lock: %v, kind %v; want unavailable", err, fault.KindOf(err))
	}
	if got, err := first.Setting(ctx, "owner"); err != nil || got != "second" {
		t.Errorf("the owner is %q, %v", got, err)
	}
}

func schema(at string) string {
	u, err := url.Parse(at)
	if err != nil {
		panic(err)
	}
	return u.Query().Get("search_path")
}

// A server that is restarted is waited for; one that stays away is Unavailable.
func TestPostgresGoesAwayAndComesBack(t *testing.T) {
	t.Parallel()
	server := pgtest.Own(t)
	db := openPostgres(t, server.Place(t))
	stop := make(chan struct{})
	var group errgroup.Group
	for w := range 4 {
		group.Go(func() error {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return nil
				default:
				}
				name := fmt.Sprint("w", w, " ", i)
				if err := db.SetSetting(t.Context(), name, name); err != nil {
					return err
				}
				if got, err := db.Setting(t.Context(), name); err != nil || got != name {
					return fmt.Errorf("what was written reads %q, %w", got, err)
				}
			}
		})
	}
	for range 2 {
		time.Sleep(100 * time.Millisecond)
		server.Kill()
		server.Begin(t)
	}
	time.Sleep(200 * time.Millisecond)
	close(stop)
	if err := group.Wait(); err != nil {
		t.Errorf("while the server was restarted: %v, kind %v", err, fault.KindOf(err))
	}
	server.Kill()
	for what, err := range map[string]error{
		"writing": db.SetSetting(t.Context(), "a", "b"),
		"reading": second(db.Setting(t.Context(), "a")),
		"opening": second(store.OpenPostgres(t.Context(), server.At())),
	} {
		if fault.KindOf(err) != fault.Unavailable {
			t.Errorf("%s without a server: %v, kind %v; want unavailable", what, err, fault.KindOf(err))
		}
	}
	server.Begin(t)
	if err := db.SetSetting(t.Context(), "a", "b"); err != nil {
		t.Errorf("after it is back: %v", err)
	}
}

func second[T any](_ T, err error) error { return err }

func TestPostgresRefusals(t *testing.T) {
	server := pgtest.Start(t)
	newer := server.Place(t)
	db := openPostgres(t, newer)
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	server.Exec(t, `INSERT INTO `+schema(newer)+`.goose_db_version (version_id, is_applied) VALUES (999, true)`)
	for _, c := range []struct{ story, at, says string }{
		{"no address", "postgres://%zz", "reading the database's address"},
		{"no such database", with(t, server.At(), "dbname", "nobodys"), `"nobodys" does not exist`},
		{"no such schema", with(t, server.At(), "search_path", "nobodys"), "there is no schema"},
		{"newer tables", newer, "version 999"},
	} {
		_, err := store.OpenPostgres(t.Context(), c.at)
		if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), c.says) {
			t.Errorf("%s: %v, kind %v; want invalid, with %q", c.story, err, fault.KindOf(err), c.says)
		}
	}
}

func with(t *testing.T, at, name, value string) string {
	t.Helper()
	u, err := url.Parse(at)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	q.Set(name, value)
	u.RawQuery = q.Encode()
	return u.String()
}

func TestPostgresOnAFullDisk(t *testing.T) {
	server := pgtest.Own(t)
	dir := server.Folder(t, func(dir string) { mountSmall(t, dir, "16m") })
	server.Exec(t, "CREATE TABLESPACE small LOCATION '"+dir+"'")
	db := openPostgres(t, server.Database(t, "TABLESPACE small"))
	if err := db.SetSetting(t.Context(), "small", "fits"); err != nil {
		t.Fatal(err)
	}
	var large strings.Builder
	for i := range 3 << 20 { // does not compress well
		fmt.Fprintf(&large, "%x", i*i)
	}
	err := db.SetSetting(t.Context(), "large", large.String())
	if fault.KindOf(err) != fault.Exhausted {
		t.Errorf("a write on a full disk: %v, kind %v; want exhausted", err, fault.KindOf(err))
	}
	if got, err := db.Setting(t.Context(), "small"); err != nil || got != "fits" {
		t.Errorf("what was there before: %q, %v", got, err)
	}
	if err := db.SetSetting(t.Context(), "after", "fits too"); err != nil {
		t.Errorf("a small write after it: %v", err)
	}
}
