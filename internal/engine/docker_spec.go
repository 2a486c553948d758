package engine

import (
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/mount"
	"github.com/docker/docker/api/types/strslice"
	"github.com/docker/go-units"

	"github.com/wasmill/wasmill/internal/fault"
)

// validate refuses what would weaken the container or can't run; every Engine calls it first.
func (s Spec) validate() error {
	invalid := func(format string, args ...any) error {
		return fault.Errorf(fault.Invalid, "container specification: "+format, args...)
	}
	if _, err := parseRef(s.Image); err != nil {
		return err
	}
	if len(s.Command) == 0 {
		return invalid("no command")
	}
	uid, gid, ok := strings.Cut(s.User, ":")
	for _, id := range []string{uid, gid} {
		if n, err := strconv.ParseUint(id, 10, 31); !ok || err != nil || n == 0 {
			return invalid("user %q is not uid:gid in numbers other than 0", s.User)
		}
	}
	for _, m := range s.Mounts {
		if !filepath.IsAbs(m.Source) || !path.IsAbs(m.Target) {
			return invalid("mount of %q on %q: both must be absolute", m.Source, m.Target)
		}
	}
	for target, size := range s.Tmpfs {
		if !path.IsAbs(target) || size <= 0 {
			return invalid("tmpfs %q of %d bytes: the path must be absolute and the size more than 0", target, size)
		}
	}
	if s.Memory < 0 || s.Pids < 0 || s.CPUs < 0 || s.Time < 0 {
		return invalid("a limit is negative")
	}
	return nil
}

// cpuPeriod is the kernel's default scheduling period in microseconds.
const cpuPeriod = 100_000

// A daemon that is shut down stops its containers and still tells how they ended. With the usual SIGTERM that would
// look like a command that failed; no build ends by SIGHUP of its own, and all programs die of it unless they say not to.
const (
	stopSignal    = "SIGHUP"
	stoppedStatus = 128 + 1
)

// network is what a container can reach.
type network string

const (
	isolated network = "none" // nothing
	onHost   network = "host" // what the machine can
)

func translate(s Spec, n network) (*container.Config, *container.HostConfig) {
	config := &container.Config{
		// A fixed name, because build systems write the host's name into what they make.
		Hostname:     "wasmill",
		Image:        s.Image,
		Entrypoint:   strslice.StrSlice{}, // an image's own entry point would change what Command means
		Cmd:          s.Command,
		Env:          s.Env,
		WorkingDir:   s.WorkDir,
		User:         s.User,
		Labels:       s.Labels,
		AttachStdout: true,
		AttachStderr: true,
		StopSignal:   stopSignal,
		Healthcheck:  &container.HealthConfig{Test: []string{"NONE"}},
	}
	// Dead grandchildren count against the pids limit until somebody reaps them. A build's first process has
	// other things to do, so the daemon's init does.
	init := true
	host := &container.HostConfig{
		NetworkMode:    container.NetworkMode(n),
		IpcMode:        container.IPCModePrivate,
		ReadonlyRootfs: true,
		CapDrop:        strslice.StrSlice{"ALL"},
		SecurityOpt:    []string{"no-new-privileges"},
		LogConfig:      container.LogConfig{Type: "none"},
		Init:           &init,
		Tmpfs:          map[string]string{},
		Resources: container.Resources{
			Memory:     s.Memory,
			MemorySwap: s.Memory, // the sum of memory and swap: equal means no swap
			// A quota, not NanoCPUs: the daemon refuses NanoCPUs above what the machine has, and a class of build
			// must run on a small machine too.
			CPUPeriod: cpuPeriod,
			CPUQuota:  int64(s.CPUs * cpuPeriod),
			// A compiler that crashes must not leave a core file in the work folder.
			Ulimits: []*units.Ulimit{{Name: "core"}},
		},
	}
	if s.Pids > 0 {
		pids := s.Pids + 1 // the daemon's init is one
		host.PidsLimit = &pids
	}
	for _, target := range slices.Sorted(maps.Keys(s.Tmpfs)) {
		host.Tmpfs[target] = "rw,exec,nosuid,nodev,mode=1777,size=" + strconv.FormatInt(s.Tmpfs[target], 10)
	}
	for _, m := range s.Mounts {
		host.Mounts = append(host.Mounts, mount.Mount{Type: mount.TypeBind, Source: m.Source, Target: m.Target, ReadOnly: !m.Writable})
	}
	return config, host
}
