package orchestratord

import (
	"testing"

	"github.com/wasmill/wasmill/internal/fault"
)

// A password belongs into the environment or a file, never on the command line.
func TestDatabaseAt(t *testing.T) {
	t.Setenv("WASMILL_DATABASE", "postgres://wasmill:secret@db/wasmill")
	for _, c := range []struct {
		named, want string
		refused     bool
	}{
		{named: "", want: "postgres://wasmill:secret@db/wasmill"},
		{named: "postgres://wasmill@db/wasmill?sslmode=verify-full", want: "postgres://wasmill@db/wasmill?sslmode=verify-full"},
		{named: "host=db user=wasmill", want: "host=db user=wasmill"},
		{named: "postgres://wasmill:secret@db/wasmill", refused: true},
		{named: "postgres://db/wasmill?user=wasmill&password=secret", refused: true},
		{named: "host=db password=secret", refused: true},
	} {
		got, err := databaseAt(c.named)
		if got != c.want || (err != nil) != c.refused || err != nil && fault.KindOf(err) != fault.Invalid {
			t.Errorf("--database %q: %q, %v", c.named, got, err)
		}
	}
}
