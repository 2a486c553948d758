package store_test

import (
	"bufio"
	"context"
	"database/sql"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
	"github.com/wasmill/wasmill/internal/store/storetest"
)

func TestMain(m *testing.M) {
	if path := os.Getenv("WASMILL_TEST_WRITE_UNTIL_KILLED"); path != "" {
		writeUntilKilled(path)
	}
	os.Exit(m.Run())
}

func TestSQLite(t *testing.T) {
	storetest.DB(t, func(t *testing.T) store.DB {
		return openSQLite(t, filepath.Join(t.TempDir(), "new folder", "100% odd?name#.db"))
	})
}

func openSQLite(t *testing.T, path string) *store.SQL {
	t.Helper()
	db, err := store.OpenSQLite(t.Context(), path)
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

const together = 7 // files published in one transaction

// writeUntilKilled publishes again and again, and tells after each time.
func writeUntilKilled(path string) {
	ctx := context.Background()
	db, err := store.OpenSQLite(ctx, path)
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for i := 1; ; i++ {
		var files []store.Publication
		for j := range together {
			files = append(files, store.Publication{Project: "p", Filename: fmt.Sprintf("p-%d-%d.whl", i, j), Digest: "sha256:x"})
		}
		generation, err := db.Publish(ctx, "tc", files, false)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(generation)
	}
}

func TestKilledProcessLosesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	last := int64(0)
	for round := range 5 {
		child := exec.CommandContext(t.Context(), os.Args[0])
		child.Env = append(os.Environ(), "WASMILL_TEST_WRITE_UNTIL_KILLED="+path)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; n < 3+round && lines.Scan(); n++ {
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatal(lines.Text())
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // what it could still tell is done, too
			if _, err := fmt.Sscan(lines.Text(), &last); err != nil {
				t.Fatal(lines.Text())
			}
		}
		_ = child.Wait()

		db := openSQLite(t, path)
		catalog, err := db.Catalog(t.Context(), "tc")
		if err != nil {
			t.Fatal(err)
		}
		if catalog.Generation < last {
			t.Errorf("round %d: generation %d, and the killed process had told of %d", round, catalog.Generation, last)
		}
		// The files of each round repeat those before; only the newest generations add some.
		if len(catalog.Files)%together != 0 {
			t.Errorf("round %d: %d files, which is half a publication", round, len(catalog.Files))
		}
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestNewerTablesAreRefused(t *testing.T) {
	path := filepath.Join(t.TempDir(), "db")
	db := openSQLite(t, path)
	if err := db.SetSetting(t.Context(), "a", "b"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	raw, err := sql.Open("sqlite", path)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := raw.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := raw.Close(); err != nil {
		t.Fatal(err)
	}
	_, err = store.OpenSQLite(t.Context(), path)
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(fmt.Sprint(err), "version 999") || !strings.Contains(err.Error(), path) {
		t.Errorf("opening newer tables: %v; want an error that names the file and the version", err)
	}
}

func TestWhatIsNoDatabase(t *testing.T) {
	dir := t.TempDir()
	text := filepath.Join(dir, "text")
	if err := os.WriteFile(text, []byte(strings.Repeat("not a database\n", 100)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{text, dir, filepath.Join(text, "below")} {
		if _, err := store.OpenSQLite(t.Context(), path); fault.KindOf(err) != fault.Invalid {
			t.Errorf("OpenSQLite(%s): %v, kind %v; want invalid", path, err, fault.KindOf(err))
		}
	}
}

func TestDatabaseOnAFullDisk(t *testing.T) {
	dir := t.TempDir()
	mountSmall(t, dir, "1m")
	db := openSQLite(t, filepath.Join(dir, "db"))
	if err := db.SetSetting(t.Context(), "small", "fits"); err != nil {
		t.Fatal(err)
	}
	err := db.SetSetting(t.Context(), "large", strings.Repeat("x", 4<<20))
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

func TestClosedDatabase(t *testing.T) {
	db := openSQLite(t, filepath.Join(t.TempDir(), "db"))
	for range 2 {
		if err := db.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.SetSetting(t.Context(), "a", "b"); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("writing after Close: %v, kind %v; want unavailable", err, fault.KindOf(err))
	}
}
