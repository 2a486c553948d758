package temporald

import (
	"fmt"
	"net"
	"net/netip"

	"go.temporal.io/server/common/membership/static"
	"go.temporal.io/server/common/primitives"
)

const (
	frontend = iota
	history
	matching
	internalWorker // the server's own workflows: schedules, batch operations
	services
)

var serviceNames = [services]primitives.ServiceName{
	frontend: primitives.FrontendService, history: primitives.HistoryService,
	matching: primitives.MatchingService, internalWorker: primitives.WorkerService,
}

type portSet [services]uint16

// choosePorts finds free ports. All listeners are open at the same time, so that no port is chosen twice.
func choosePorts(host netip.Addr, frontendPort uint16) (portSet, error) {
	var ports portSet
	for i := range ports {
		want := uint16(0)
		if i == frontend {
			want = frontendPort
		}
		l, err := net.Listen("tcp", netip.AddrPortFrom(host, want).String())
		if err != nil {
			return ports, fmt.Errorf("choosing ports: %w", err)
		}
		defer func() { _ = l.Close() }()
		ports[i] = l.Addr().(*net.TCPAddr).AddrPort().Port()
	}
	return ports, nil
}

func (p portSet) address(host netip.Addr, service int) string {
	return netip.AddrPortFrom(host, p[service]).String()
}

// staticHosts replaces the gossip between a cluster's members, which takes seconds to settle at every start.
func staticHosts(host netip.Addr, ports portSet) map[primitives.ServiceName]static.Hosts {
	hosts := make(map[primitives.ServiceName]static.Hosts, services)
	for i, name := range serviceNames {
		hosts[name] = static.SingleLocalHost(ports.address(host, i))
	}
	return hosts
}
