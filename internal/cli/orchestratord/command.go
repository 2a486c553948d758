// Package orchestratord is the command of the orchestrator daemon: flags, and the wiring of package orchestrator.
package orchestratord

import (
	"fmt"
	"net/url"
	"os"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/orchestrator"
	"github.com/wasmill/wasmill/internal/temporald"
)

// Command is `orchestrator`.
func Command() *cobra.Command {
	data, toolchains, database, ca, security, temporal := "", "", "", "", Security{}, command.Temporal{}
	cfg := orchestrator.Config{
		Listen: orchestrator.DefaultListen, RegistryListen: orchestrator.DefaultRegistry, TemporalListen: orchestrator.DefaultTemporal,
	}
	cmd := &cobra.Command{
		Use:   "orchestrator",
		Short: "Plan, remember, serve the API and the index; workers build",
		Example: `  orchestrator
  orchestrator --listen 0.0.0.0:7470 --registry-listen 0.0.0.0:7471 --announce farm.example.org --tls-cert farm.pem --tls-key farm.key
  orchestrator --database postgres://wasmill@db.example/wasmill --temporal temporal.example:7233 --registry registry.example
  orchestrator --reproduce new,sample:5%,warn`,
		Args: command.Arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) (err error) {
			if cfg.Dir, err = datadir.Open(data); err != nil {
				return err
			}
			if cfg.Log, err = command.DaemonLog(); err != nil {
				return err
			}
			if cfg.Security, err = security.Read(cfg.Log); err != nil {
				return err
			}
			if cfg.Roots, err = access.Roots(ca); err != nil {
				return err
			}
			if cfg.TemporalTLS, err = temporal.Config(cfg.Temporal, cfg.Roots, cfg.Log); err != nil {
				return err
			}
			cfg.Runner = command.Runner()
			if cfg.Wrapper, err = command.Wrapper(); err != nil {
				return err
			}
			if cfg.Toolchains, err = command.Toolchains(toolchains, cfg.Dir); err != nil {
				return err
			}
			if cfg.Database, err = databaseAt(database); err != nil {
				return err
			}
			o, err := orchestrator.Start(cmd.Context(), cfg)
			if err != nil {
				return err
			}
			defer o.Close()
			if err := o.StartTemporal(cmd.Context()); err != nil {
				return err
			}
			fmt.Fprintf(cmd.ErrOrStderr(), "farm     %s\nindex    %s/simple/\nregistry %s\n", o.URL(), o.URL(), o.Registry())
			<-cmd.Context().Done()
			return nil
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&data, "data", command.DefaultData(), "folder for what the farm keeps ($WASMILL_DATA)")
	flags.StringVar(&toolchains, "toolchains", os.Getenv("WASMILL_TOOLCHAINS"), "folder of toolchains instead of those of this program ($WASMILL_TOOLCHAINS)")
	command.CratesFlag(flags, &cfg.Crates)
	flags.StringVar(&cfg.Index, "index", command.DefaultIndex(), "simple index for sources and build requirements ($WASMILL_INDEX)")
	command.MirrorsFlag(flags, &cfg.Mirrors)
	command.ReproduceFlag(flags, &cfg.Reproduce)
	flags.StringVar(&cfg.Listen, "listen", cfg.Listen, "address of the API and the index")
	command.MetricsFlags(flags, &cfg.MetricsListen, "they are beside the API too")
	flags.StringVar(&cfg.RegistryListen, "registry-listen", cfg.RegistryListen, "address of the embedded registry")
	flags.StringVar(&cfg.TemporalListen, "temporal-listen", cfg.TemporalListen, "address of the embedded Temporal server (loopback)")
	flags.StringVar(&database, "database", "", "URL of a PostgreSQL database instead of a file in the data folder; the password comes from $PGPASSWORD, $PGPASSFILE or ~/.pgpass ($WASMILL_DATABASE)")
	security.Flags(flags)
	command.CAFlag(flags, &ca)
	flags.StringVar(&cfg.Registry, "registry", "", "address of an external registry instead of the embedded one")
	flags.StringVar(&cfg.Temporal, "temporal", "", "address of an external Temporal cluster instead of the embedded server")
	temporal.Flags(flags)
	flags.StringVar(&cfg.Namespace, "temporal-namespace", temporald.Namespace, "namespace of an external Temporal cluster; it is made where it is missing")
	return cmd
}

// databaseAt is the database that was named by the flag or, where none was, by the environment.
func databaseAt(named string) (string, error) {
	if named == "" {
		return os.Getenv("WASMILL_DATABASE"), nil
	}
	u, err := url.Parse(named)
	secret := err == nil && u.Query().Has("password")
	if err == nil {
		_, inside := u.User.Password()
		secret = secret || inside
	}
	if secret || strings.Contains(named, "password=") {
		return "", fault.Errorf(fault.Invalid, "--database has a password in it, which everybody on the machine can read: give it in $PGPASSWORD or in the file of $PGPASSFILE")
	}
	return named, nil
}
