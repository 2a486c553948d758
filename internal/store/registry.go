package store

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	"github.com/distribution/distribution/v3/registry/storage"
	"github.com/distribution/distribution/v3/registry/storage/driver/filesystem"
	"github.com/sirupsen/logrus"

	"github.com/wasmill/wasmill/internal/fault"
)

// Registry is an OCI registry on a local folder, served over plain HTTP or TLS: dockerd pulls from it and any registry client
// pushes to it. One process may serve a folder at a time; a second one on the same folder is an error of the operator
// that the caller's own lock has to prevent.
type Registry struct {
	addr     string
	dir      string
	server   *http.Server
	silent   sync.Map // net.Conn → nothing: connections on which no request came yet
	tls      *tls.Config
	gate     Gate
	stop     context.CancelFunc
	finished sync.WaitGroup
	sweeping sync.RWMutex // held by a Sweep between its look at something and its removal
}

// StartRegistry serves the registry in dir, which is made if needed, at addr ("127.0.0.1:0" picks a free port). Without
// TLS (WithTLS) and without a Gate, addr belongs on the loopback interface, where dockerd too wants no TLS. ctx bounds the start
// only; Close ends the registry.
func StartRegistry(ctx context.Context, dir, addr string, options ...RegistryOption) (*Registry, error) {
	if err := writable(dir); err != nil {
		return nil, fmt.Errorf("preparing the registry's folder: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fault.Errorf(fault.Unavailable, "listening for the registry: %w", err)
	}

	// The library logs each request through logrus' global logger and offers no other way in. Its clients hear of each
	// error from the answer, so nothing is lost.
	logrus.SetOutput(io.Discard)
	logrus.SetLevel(logrus.PanicLevel)

	background, stop := context.WithCancel(context.WithoutCancel(ctx))
	app := handlers.NewApp(background, settings(dir))
	r := &Registry{addr: listener.Addr().String(), dir: dir, stop: stop}
	for _, o := range options {
		o(r)
	}
	r.server = &http.Server{
		Handler:           r.guarded(r.noting(tellFullDisk(dir, app))),
		TLSConfig:         r.tls,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0),
	}
	r.server.ConnState = func(c net.Conn, state http.ConnState) {
		if state == http.StateNew {
			r.silent.Store(c, nil)
		} else {
			r.silent.Delete(c)
		}
	}
	uploads := filesystem.New(filesystem.DriverParameters{RootDirectory: dir, MaxThreads: 4})
	// At the start nobody can be uploading: whatever lies there was left by a writer that was killed.
	storage.PurgeUploads(background, uploads, endOfTime, true)
	r.finished.Go(func() { purge(background, uploads) })
	serve := r.server.Serve
	if r.tls != nil {
		serve = func(l net.Listener) error { return r.server.ServeTLS(l, "", "") }
	}
	r.finished.Go(func() { _ = serve(listener) })
	return r, nil
}

// Addr is "host:port", as it stands in image references.
func (r *Registry) Addr() string { return r.addr }

// Close lets running requests finish for up to ten seconds, then cuts them off. It is safe to call twice.
func (r *Registry) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	// Clients dial ahead of need, and Shutdown would wait five seconds for a first request on each such connection.
	r.silent.Range(func(c, _ any) bool {
		_ = c.(net.Conn).Close()
		return true
	})
	err := r.server.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, r.server.Close())
	}
	r.stop()
	r.finished.Wait()
	if err != nil {
		return fmt.Errorf("stopping the registry: %w", err)
	}
	return nil
}

func settings(dir string) *configuration.Configuration {
	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem": {"rootdirectory": dir},
			"delete":     {"enabled": true},
			// The library's own purger can't be stopped; see purge.
			"maintenance": {"uploadpurging": map[any]any{"enabled": false}},
		},
	}
	// Clients come through whatever name they know us by, so no absolute address is told to them.
	config.HTTP.RelativeURLs = true
	return config
}

// endOfTime is later than any upload has begun.
var endOfTime = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// purge removes, once an hour, uploads that were begun a day ago and never completed. They are invisible to readers;
// only their space matters.
func purge(ctx context.Context, uploads *filesystem.Driver) {
	tick := time.NewTicker(time.Hour)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			storage.PurgeUploads(ctx, uploads, now.Add(-24*time.Hour), true)
		}
	}
}

func writable(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fault.Errorf(kindOfIO(err), "%w", err)
	}
	probe, err := os.CreateTemp(dir, ".writable-")
	if err != nil {
		return fault.Errorf(kindOfIO(err), "%w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}
