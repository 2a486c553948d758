// Package pgtest gives tests a real PostgreSQL: the one that WASMILL_TEST_POSTGRES names, or one of their own that is
// started from Debian's programs below a temporary folder, on a socket that nobody else reaches.
package pgtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// Variable names a server whose user may make databases, as a URL.
const Variable = "WASMILL_TEST_POSTGRES"

// Server is a running PostgreSQL.
type Server struct {
	url     url.URL
	dir     string // of one of our own
	program string // pg_ctl
	as      *syscall.Credential
}

// Start gives the server that is named, or starts one. Where there are no programs of one, the test is skipped.
func Start(t testing.TB) *Server {
	t.Helper()
	if at := os.Getenv(Variable); at != "" {
		u, err := url.Parse(at)
		if err != nil {
			t.Fatalf("%s: %v", Variable, err)
		}
		return &Server{url: *u}
	}
	return Own(t)
}

// Own starts a server, also where one is named: for a test that ends it.
func Own(t testing.TB) *Server {
	t.Helper()
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/pg_ctl")
	if len(found) == 0 {
		t.Skipf("no PostgreSQL is installed (apt-get install postgresql), and %s names none", Variable)
	}
	s := &Server{program: found[len(found)-1]}
	var err error
	if s.dir, err = os.MkdirTemp("", "wasmill-pg-"); err != nil { // a socket's path is short
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(s.dir) })
	if os.Getuid() == 0 { // PostgreSQL refuses to run as root
		s.drop(t)
	}
	s.run(t, strings.TrimSuffix(s.program, "pg_ctl")+"initdb", "--pgdata", s.data(), "--username", "wasmill", "--auth", "trust", "--no-sync", "--encoding", "UTF8", "--locale", "C.UTF-8")
	s.url = url.URL{Scheme: "postgres", User: url.User("wasmill"), Path: "/postgres", RawQuery: "host=" + url.QueryEscape(s.dir)}
	s.Begin(t)
	t.Cleanup(func() { s.ctl("stop", "--mode", "immediate") })
	return s
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

func (s *Server) drop(t testing.TB) {
	for _, name := range []string{"postgres", "nobody"} {
		if u, err := user.Lookup(name); err == nil {
			uid, _ := strconv.Atoi(u.Uid)
			gid, _ := strconv.Atoi(u.Gid)
			s.as = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			if err := os.Chown(s.dir, uid, gid); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Skip("PostgreSQL does not run as root, and there is neither a user postgres nor nobody")
}

func (s *Server) run(t testing.TB, program string, args ...string) {
	t.Helper()
	if out, err := s.command(program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", program, err, out)
	}
}

func (s *Server) command(program string, args ...string) *exec.Cmd {
	cmd := exec.Command(program, args...)
	cmd.Dir = s.dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: s.as}
	return cmd
}

func (s *Server) ctl(args ...string) {
	_ = s.command(s.program, append(args, "--pgdata", s.data())...).Run()
}

// Begin starts a server of Own's.
func (s *Server) Begin(t testing.TB) {
	t.Helper()
	s.run(t, s.program, "start", "--wait", "--pgdata", s.data(), "--log", filepath.Join(s.dir, "log"),
		"--options", "-c listen_addresses= -c fsync=off -c unix_socket_directories="+s.dir)
}

// Kill ends a server of Own's as a crash does.
func (s *Server) Kill() { s.ctl("stop", "--mode", "immediate") }

// Exec carries out a statement as an administrator.
func (s *Server) Exec(t testing.TB, statement string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, s.url.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Place is the URL of an empty schema for the test, in a database that other tests use as well.
func (s *Server) Place(t testing.TB) string {
	t.Helper()
	name, at := s.Schema(t)
	t.Cleanup(func() { s.Exec(t, "DROP SCHEMA "+name+" CASCADE") })
	return at
}

// Schema is Place without an end.
func (s *Server) Schema(t testing.TB) (name, at string) {
	t.Helper()
	name = "test_" + strings.ToLower(rand.Text())
	s.Exec(t, "CREATE SCHEMA "+name)
	u := s.url
	q := u.Query()
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return name, u.String()
}

// Database is the URL of an empty database, made with options of CREATE DATABASE.
func (s *Server) Database(t testing.TB, options string) string {
	t.Helper()
	name := "test_" + strings.ToLower(rand.Text())
	s.Exec(t, fmt.Sprintf("CREATE DATABASE %s %s", name, options))
	t.Cleanup(func() { s.Exec(t, "DROP DATABASE "+name+" WITH (FORCE)") })
	u := s.url
	u.Path = "/" + name
	return u.String()
}

// At is the URL of the server's own database.
func (s *Server) At() string { return s.url.String() }

// Folder makes a place for a tablespace.
func (s *Server) Folder(t testing.TB, mount func(dir string)) string {
	t.Helper()
	dir := filepath.Join(s.dir, "folder")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	mount(dir)
	if s.as != nil {
		if err := os.Chown(dir, int(s.as.Uid), int(s.as.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}
