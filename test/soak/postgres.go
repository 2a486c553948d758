package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/wasmill/wasmill/internal/fault"
)

// cluster is a PostgreSQL of the soak's own, on a socket in its folder. A farm has a database in it.
type cluster struct {
	*process
	programs, dir string
	as            *syscall.Credential // PostgreSQL refuses to run as root
}

func newCluster(programs, log string) (*cluster, error) {
	who, err := user.Lookup("postgres")
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "%w: the package postgresql makes one", err)
	}
	uid, _ := strconv.Atoi(who.Uid) // they are numbers on Linux
	gid, _ := strconv.Atoi(who.Gid)
	// Not below the data folder, which others may be unable to enter; and a socket's path is short.
	dir, err := os.MkdirTemp("", "wasmill-soak-pg-")
	if err == nil {
		err = os.Chown(dir, uid, gid)
	}
	if err != nil {
		return nil, err
	}
	c := &cluster{programs: programs, dir: dir, as: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	initdb := exec.Command(filepath.Join(programs, "initdb"), "--pgdata", c.data(), "--username", "wasmill", "--auth", "trust", "--encoding", "UTF8", "--locale", "C.UTF-8")
	initdb.Dir, initdb.SysProcAttr = dir, &syscall.SysProcAttr{Credential: c.as}
	if out, err := initdb.CombinedOutput(); err != nil {
		return nil, errors.Join(fmt.Errorf("making a cluster: %w\n%s", err, out), os.RemoveAll(dir))
	}
	c.process = &process{
		name: database, path: filepath.Join(programs, "postgres"), log: log, as: c.as,
		args: []string{"-D", c.data(), "-c", "listen_addresses=", "-c", "unix_socket_directories=" + dir, "-c", "max_connections=50"},
		ready: func(ctx context.Context) error {
			conn, err := pgx.Connect(ctx, c.at("postgres"))
			if err != nil {
				return err
			}
			return conn.Close(ctx)
		},
		// Until the last child of a killed server has noticed, its memory is in use, and the next one does not start.
		restarts: 30, clean: func() { time.Sleep(200 * time.Millisecond) },
	}
	return c, nil
}

// end stops the server and removes its folder.
func (c *cluster) end() error { return errors.Join(c.stop(), os.RemoveAll(c.dir)) }

func (c *cluster) data() string { return filepath.Join(c.dir, "data") }

// at is the address of a database.
func (c *cluster) at(name string) string {
	return "postgres://wasmill@/" + name + "?host=" + c.dir
}

// database makes an empty one.
func (c *cluster) database(ctx context.Context) (at string, err error) {
	conn, err := pgx.Connect(ctx, c.at("postgres"))
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	name := "farm_" + strings.ToLower(rand.Text())
	if _, err := conn.Exec(ctx, "CREATE DATABASE "+name); err != nil {
		return "", fmt.Errorf("making a database: %w", err)
	}
	return c.at(name), nil
}
