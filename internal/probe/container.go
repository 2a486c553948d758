package probe

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/wasmill/wasmill/internal/engine"
	"github.com/wasmill/wasmill/internal/fault"
)

// InContainer runs a probe's program in containers of an image, as whoever runs this; a container is never root's.
func InContainer(e engine.Engine, image string) func(context.Context, string, ...string) error {
	return func(ctx context.Context, folder string, words ...string) error {
		if err := e.Pull(ctx, image); err != nil {
			return err
		}
		const nobody = 65534
		user := os.Getuid()
		if user == 0 {
			user = nobody
		}
		var said strings.Builder
		r, err := e.Run(ctx, engine.Spec{
			Image: image, Command: words, User: fmt.Sprintf("%d:%d", user, user), WorkDir: folder, Env: []string{"HOME=/tmp"},
			Mounts: []engine.Mount{{Source: folder, Target: folder, Writable: true}}, Tmpfs: map[string]int64{"/tmp": 512 << 20}, Memory: 4 << 30,
		}, &said)
		if err == nil && r.ExitStatus != 0 {
			err = fault.Errorf(fault.Unavailable, "the container ended with status %d: %s", r.ExitStatus, last(said.String()))
		}
		return err
	}
}
