package temporald

import (
	"context"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	"go.temporal.io/server/common/authorization"
	"go.temporal.io/server/common/cluster"
	"go.temporal.io/server/common/config"
	sqliteplugin "go.temporal.io/server/common/persistence/sql/sqlplugin/sqlite"
)

const (
	clusterName = "active"
	// historyShards can't change during the life of a file. Four keep two cores busy; more cost start-up time and memory.
	historyShards = 4
)

type sqlConfig = config.SQL

func retention() *durationpb.Duration { return durationpb.New(Retention) }

// memoryStores counts the servers in memory: the plugin shares one database among all configurations of one name.
var memoryStores atomic.Int64

func sqlStore(file string) *sqlConfig {
	if file == "" {
		return &sqlConfig{
			PluginName:        sqliteplugin.PluginName,
			DatabaseName:      fmt.Sprintf("wasmill-%d", memoryStores.Add(1)),
			ConnectAttributes: map[string]string{"mode": "memory", "cache": "shared"},
		}
	}
	return &sqlConfig{
		PluginName:   sqliteplugin.PluginName,
		DatabaseName: file,
		ConnectAttributes: map[string]string{
			"mode":         "rwc",
			"journal_mode": "wal",
			"synchronous":  "1", // NORMAL: a power cut may lose the last transactions, it never corrupts the file
		},
	}
}

func serverConfig(file string, host netip.Addr, ports portSet) *config.Config {
	disabled := config.HistoryArchival{State: "disabled"}
	cfg := &config.Config{
		Persistence: config.Persistence{
			DefaultStore:     sqliteplugin.PluginName,
			VisibilityStore:  sqliteplugin.PluginName,
			NumHistoryShards: historyShards,
			DataStores:       map[string]config.DataStore{sqliteplugin.PluginName: {SQL: sqlStore(file)}},
		},
		ClusterMetadata: &cluster.Config{
			FailoverVersionIncrement: 10,
			MasterClusterName:        clusterName,
			CurrentClusterName:       clusterName,
			ClusterInformation: map[string]cluster.ClusterInformation{clusterName: {
				Enabled: true, InitialFailoverVersion: 1, RPCAddress: ports.address(host, frontend),
			}},
		},
		DCRedirectionPolicy: config.DCRedirectionPolicy{Policy: "noop"},
		Services:            map[string]config.Service{},
		Archival:            config.Archival{History: disabled, Visibility: config.VisibilityArchival{State: "disabled"}},
		PublicClient:        config.PublicClient{HostPort: ports.address(host, frontend)},
		NamespaceDefaults: config.NamespaceDefaults{Archival: config.ArchivalNamespaceDefaults{
			History:    config.HistoryArchivalNamespaceDefaults{State: "disabled"},
			Visibility: config.VisibilityArchivalNamespaceDefaults{State: "disabled"},
		}},
	}
	cfg.Global.Membership = config.Membership{MaxJoinDuration: 30 * time.Second, BroadcastAddress: host.String()}
	for i, name := range serviceNames {
		cfg.Services[string(name)] = config.Service{RPC: config.RPC{GRPCPort: int(ports[i]), BindOnIP: host.String()}}
	}
	return cfg
}

// allowLoopback lets everybody in who can connect at all: the server listens on loopback only.
type allowLoopback struct{}

func (allowLoopback) Authorize(context.Context, *authorization.Claims, *authorization.CallTarget) (authorization.Result, error) {
	return authorization.Result{Decision: authorization.DecisionAllow}, nil
}

func noClaims(*config.Config) authorization.ClaimMapper { return authorization.NewNoopClaimMapper() }
