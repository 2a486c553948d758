package store

import (
	"database/sql"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/pressly/goose/v3"

	"github.com/wasmill/wasmill/internal/store/pgtest"
)

// The migrations go up, down and up again, and give both databases the same tables.
func TestMigrationsOnBoth(t *testing.T) {
	lite, err := OpenSQLite(t.Context(), filepath.Join(t.TempDir(), "db"))
	if err != nil {
		t.Fatal(err)
	}
	defer lite.Close()
	big, err := OpenPostgres(t.Context(), pgtest.Start(t).Place(t))
	if err != nil {
		t.Fatal(err)
	}
	defer big.Close()
	columns := map[goose.Dialect]map[string][]string{}
	for dialect, c := range map[goose.Dialect]struct {
		db    *sql.DB
		names string
	}{
		goose.DialectSQLite3: {lite.write, `SELECT m.name, c.name FROM sqlite_schema m, pragma_table_info(m.name) c
			WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite%' ORDER BY 1, 2`},
		goose.DialectPostgres: {big.write, `SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = current_schema()
			ORDER BY table_name COLLATE "C", column_name COLLATE "C"`},
	} {
		tables := func() map[string][]string {
			rows, err := c.db.Query(c.names)
			if err != nil {
				t.Fatal(err)
			}
			defer rows.Close()
			found := map[string][]string{}
			for rows.Next() {
				var table, column string
				if err := rows.Scan(&table, &column); err != nil {
					t.Fatal(err)
				}
				if table != "goose_db_version" {
					found[table] = append(found[table], column)
				}
			}
			return found
		}
		columns[dialect] = tables()
		provider, err := provider(c.db, dialect)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := provider.DownTo(t.Context(), 0); err != nil {
			t.Fatalf("%s, down: %v", dialect, err)
		}
		if left := tables(); len(left) != 0 {
			t.Errorf("%s, down: %v are left", dialect, left)
		}
		if _, err := provider.Up(t.Context()); err != nil {
			t.Fatalf("%s, up again: %v", dialect, err)
		}
		if diff := cmp.Diff(columns[dialect], tables()); diff != "" {
			t.Errorf("%s, up again (-before +after):\n%s", dialect, diff)
		}
	}
	if diff := cmp.Diff(columns[goose.DialectSQLite3], columns[goose.DialectPostgres]); diff != "" {
		t.Errorf("tables (-SQLite +PostgreSQL):\n%s", diff)
	}
}
