package store

import (
	"bytes"
	"context"
	"database/sql"
	"embed"
	"errors"
	"io"
	"io/fs"
	"path"
	"regexp"

	"github.com/pressly/goose/v3"

	"github.com/wasmill/wasmill/internal/fault"
)

// migrations are the tables, as SQLite has them. See README.md in the folder for how one is written for both databases.
//
//go:embed migrations/*.sql
var migrations embed.FS

// migrate brings the tables up to date, and refuses those of a newer version.
func migrate(ctx context.Context, db *sql.DB, dialect goose.Dialect) error {
	provider, err := provider(db, dialect)
	if err != nil {
		return err
	}
	has, knows, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if has > knows {
		return fault.Errorf(fault.Invalid, "its tables have version %d, and this program knows versions up to %d: use the newer program that wrote it", has, knows)
	}
	_, err = provider.Up(ctx)
	return err
}

func provider(db *sql.DB, dialect goose.Dialect) (*goose.Provider, error) {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if dialect == goose.DialectPostgres {
		files = translated{files}
	}
	return goose.NewProvider(dialect, db, files)
}

// translation is all that differs in the tables. Texts are ordered by their bytes, as in SQLite, wherever the database
// was made; SQLite's numbers have eight bytes.
var translation = []struct {
	sqlite   *regexp.Regexp
	postgres string
}{
	{regexp.MustCompile(`\bTEXT\b`), `TEXT COLLATE "C"`},
	{regexp.MustCompile(`\bINTEGER\b`), "BIGINT"},
	{regexp.MustCompile(`\bREAL\b`), "DOUBLE PRECISION"},
	{regexp.MustCompile(` WITHOUT ROWID\b`), ""},
}

// translated are the migrations as PostgreSQL has them.
type translated struct{ fs.FS }

// Open implements fs.FS.
func (t translated) Open(name string) (fs.File, error) {
	file, err := t.FS.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return file, err
	}
	text, err := io.ReadAll(file)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	for _, t := range translation {
		text = t.sqlite.ReplaceAll(text, []byte(t.postgres))
	}
	return translatedFile{file, bytes.NewReader(text)}, nil
}

type translatedFile struct {
	fs.File
	text io.Reader
}

func (f translatedFile) Read(b []byte) (int, error) { return f.text.Read(b) }
