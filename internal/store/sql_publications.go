package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Publish implements Publications.
func (s *SQL) Publish(ctx context.Context, toolchain string, files []Publication, replace bool) (generation int64, err error) {
	err = s.change(ctx, "publishing for "+toolchain, func(tx tx) error {
		changed := false
		for _, f := range files {
			var old record.Digest
			var known bool
			err := tx.QueryRowContext(ctx, `SELECT digest, requires <> '' FROM publications WHERE toolchain = ? AND filename = ?`, toolchain, f.Filename).Scan(&old, &known)
			switch {
			case errors.Is(err, sql.ErrNoRows):
			case err != nil:
				return err
			case old == f.Digest && (known || f.Requires == nil):
				continue
			case old == f.Digest: // nobody had read yet what it requires
			case !replace:
				return fault.Errorf(fault.Conflict, "%s is published with other bytes: %s, now %s", f.Filename, old, f.Digest)
			}
			if err := insertPublication(ctx, tx, toolchain, f); err != nil {
				return err
			}
			changed = true
		}
		if changed {
			if _, err := tx.ExecContext(ctx, `INSERT INTO generations (toolchain, generation) VALUES (?, 1)
				ON CONFLICT (toolchain) DO UPDATE SET generation = generations.generation + 1`, toolchain); err != nil {
				return err
			}
		}
		generation, err = readGeneration(ctx, tx, toolchain)
		return err
	})
	return generation, err
}

func insertPublication(ctx context.Context, tx tx, toolchain string, f Publication) error {
	imports, err := json.Marshal(f.Imports)
	if err != nil {
		return err
	}
	depends, err := json.Marshal(f.Depends)
	if err != nil {
		return err
	}
	requires := ""
	if f.Requires != nil {
		b, err := json.Marshal(f.Requires)
		if err != nil {
			return err
		}
		requires = string(b)
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM publications WHERE toolchain = ? AND filename = ?`, toolchain, f.Filename); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `INSERT INTO publications (toolchain, filename, project, name, version, digest, size, metadata,
		requires_python, imports, depends, key, run, published, kind, requires) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		toolchain, f.Filename, f.Project, f.Name, f.Version, f.Digest, f.Size, f.Metadata,
		f.RequiresPython, string(imports), string(depends), f.Key, f.Run, micros(f.Published), f.Kind, requires)
	return err
}

// Catalog implements Publications.
func (s *SQL) Catalog(ctx context.Context, toolchain string) (c Catalog, err error) {
	err = s.look(ctx, "reading what is published for "+toolchain, func(tx tx) error {
		if c.Generation, err = readGeneration(ctx, tx, toolchain); err != nil {
			return err
		}
		c.Files, err = query(ctx, tx, scanPublication, `SELECT toolchain, filename, project, name, version, digest, size, metadata,
			requires_python, imports, depends, key, run, published, kind, requires FROM publications WHERE toolchain = ? ORDER BY project, filename`, toolchain)
		return err
	})
	return c, err
}

// Generation implements Publications.
func (s *SQL) Generation(ctx context.Context, toolchain string) (generation int64, err error) {
	err = s.look(ctx, "reading the generation of "+toolchain, func(tx tx) error {
		generation, err = readGeneration(ctx, tx, toolchain)
		return err
	})
	return generation, err
}

func readGeneration(ctx context.Context, tx tx, toolchain string) (generation int64, err error) {
	err = tx.QueryRowContext(ctx, `SELECT generation FROM generations WHERE toolchain = ?`, toolchain).Scan(&generation)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, nil
	}
	return generation, err
}

func scanPublication(rows *sql.Rows) (f Publication, err error) {
	var imports, depends, requires string
	var published int64
	if err := rows.Scan(&f.Toolchain, &f.Filename, &f.Project, &f.Name, &f.Version, &f.Digest, &f.Size, &f.Metadata,
		&f.RequiresPython, &imports, &depends, &f.Key, &f.Run, &published, &f.Kind, &requires); err != nil {
		return f, err
	}
	f.Published = moment(published)
	if requires != "" {
		if err := json.Unmarshal([]byte(requires), &f.Requires); err != nil {
			return f, err
		}
	}
	return f, errors.Join(json.Unmarshal([]byte(imports), &f.Imports), json.Unmarshal([]byte(depends), &f.Depends))
}
