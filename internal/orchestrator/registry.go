package orchestrator

import (
	"context"
	"net"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/store"
)

// registryPort is the setting that keeps the port which the registry got when any free one would do. Container engines
// know images by the address they came from: with another port for each command they would keep a name, and pull, for
// each.
const registryPort = "registry-port"

// startRegistry starts the embedded registry. Where listen leaves the port open, it is that of the last time if that is
// still free.
func startRegistry(ctx context.Context, settings store.Settings, dir, listen string, options ...store.RegistryOption) (*store.Registry, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil || port != "0" {
		return store.StartRegistry(ctx, dir, listen, options...)
	}
	switch last, err := settings.Setting(ctx, registryPort); {
	case err == nil:
		if r, err := store.StartRegistry(ctx, dir, net.JoinHostPort(host, last), options...); err == nil {
			return r, nil
		}
	case fault.KindOf(err) != fault.NotFound:
		return nil, err
	}
	r, err := store.StartRegistry(ctx, dir, listen, options...)
	if err != nil {
		return nil, err
	}
	if _, port, err = net.SplitHostPort(r.Addr()); err == nil {
		err = settings.SetSetting(ctx, registryPort, port)
	}
	if err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}
