//go:build engine

package e2e

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	"github.com/docker/docker/api/types/image"
	"github.com/docker/docker/client"
)

func docker(t testing.TB) *client.Client {
	t.Helper()
	c, err := client.NewClientWithOpts(client.FromEnv, client.WithAPIVersionNegotiation())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// containers are those, running or not, that were given a folder below dir: all that a program with this data folder
// has started.
func containers(t testing.TB, c *client.Client, dir string) (found []container.Summary) {
	t.Helper()
	all, err := c.ContainerList(context.Background(), container.ListOptions{All: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, each := range all {
		for _, m := range each.Mounts {
			if strings.HasPrefix(m.Source, dir+"/") {
				found = append(found, each)
				break
			}
		}
	}
	return found
}

// noContainers demands that nothing is left behind.
func noContainers(t testing.TB, dir string) {
	t.Helper()
	c := docker(t)
	eventually(t, "no container of "+dir, func() bool { return len(containers(t, c, dir)) == 0 })
}

// gate is a recipe's script that waits until open or openAll lets it go on. A script runs twice: requirements are read
// off the source that it has changed, too.
const gate = "until [ -e /work/go ]; do sleep 0.1; done"

// waiting waits until n builds of a data folder are at their gates.
func waiting(t testing.TB, c *client.Client, dir string, n int) (at []container.Summary) {
	t.Helper()
	eventually(t, "builds wait at their gates", func() bool {
		at = nil
		for _, each := range containers(t, c, dir) {
			if work := workFolder(each); each.State == "running" && work != "" && strings.Contains(each.Command, "builder") && atGate(work) {
				at = append(at, each)
			}
		}
		return len(at) >= n
	})
	return at
}

// atGate says that a folder is a build's, not one in which requirements are asked for or an environment is made.
func atGate(work string) bool {
	text, err := os.ReadFile(filepath.Join(work, "job.json"))
	return err == nil && strings.Contains(string(text), "/work/go")
}

func workFolder(c container.Summary) string {
	for _, m := range c.Mounts {
		if m.Destination == "/work" {
			return m.Source
		}
	}
	return ""
}

// open lets builds go on.
func open(t testing.TB, at ...container.Summary) {
	t.Helper()
	for _, c := range at {
		if err := os.WriteFile(filepath.Join(workFolder(c), "go"), nil, 0o644); err != nil && !os.IsNotExist(err) {
			t.Error(err)
		}
	}
}

// openAll lets all builds of a data folder go on, those too that come, until the test ends.
func openAll(t testing.TB, dir string) {
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan struct{})
	t.Cleanup(func() { stop(); <-ended })
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			folders, _ := filepath.Glob(filepath.Join(dir, "work", "*", "container*"))
			for _, f := range folders {
				_ = os.WriteFile(filepath.Join(f, "go"), nil, 0o644)
			}
			time.Sleep(100 * time.Millisecond)
		}
	}()
}

// started counts the containers that a worker has started since.
func started(t testing.TB, c *client.Client, w *worker, since time.Time) (n int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	found, end := c.Events(ctx, events.ListOptions{
		Since: since.Format(time.RFC3339Nano), Until: time.Now().Format(time.RFC3339Nano),
		Filters: filters.NewArgs(filters.Arg("label", "wasmill.worker="+w.name), filters.Arg("event", "start")),
	})
	for {
		select {
		case <-found:
			n++
		case <-end:
			return n
		}
	}
}

// forget lets the engine forget in the end that it has the images under a registry's address, which no one will use
// again. Their layers stay, under the names that others use.
func forget(t testing.TB, c *client.Client, address string) {
	t.Cleanup(func() {
		all, err := c.ImageList(context.Background(), image.ListOptions{})
		if err != nil {
			t.Error(err)
		}
		for _, each := range all {
			for _, name := range each.RepoDigests {
				if strings.HasPrefix(name, address+"/") && len(each.RepoDigests) > 1 {
					_, _ = c.ImageRemove(context.Background(), name, image.RemoveOptions{})
				}
			}
		}
	})
}
