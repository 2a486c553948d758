package cli

import (
	"bytes"
	"context"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"

	"github.com/wasmill/wasmill/internal/api"
	"github.com/wasmill/wasmill/internal/command"
	"github.com/wasmill/wasmill/internal/datadir"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/term"
)

// Two people build at the same time on one data folder: the second one's work is done by the first one's command. When that
// ends, it goes on with who has the folder then.
func TestABuildOutlivesTheCommandThatDidItsWork(t *testing.T) {
	var errs bytes.Buffer
	a := &app{data: t.TempDir(), out: &bytes.Buffer{}, err: &errs}
	command.Prepare(a.root())
	dir, err := datadir.Open(a.data)
	if err != nil {
		t.Fatal(err)
	}
	release, err := dir.Claim()
	if err != nil {
		t.Fatal(err)
	}
	defer release()
	first, second := httptest.NewServer(api.Handler(&api.Fake{})), httptest.NewServer(api.Handler(&api.Fake{JoinAnswer: api.Join{Index: "second"}}))
	defer second.Close()
	if err := dir.Announce(first.URL, ""); err != nil {
		t.Fatal(err)
	}
	var asked []string
	work := a.outliving(func(ctx context.Context, farm api.Farm, _ []string) error {
		join, err := farm.Join(ctx)
		if err != nil {
			return err
		}
		asked = append(asked, join.Index)
		if len(asked) > 1 {
			return nil
		}
		first.Close()
		if err := dir.Announce(second.URL, ""); err != nil {
			t.Error(err)
		}
		_, err = farm.Runs(ctx, 1)
		return err
	})
	cmd := &cobra.Command{}
	cmd.SetContext(t.Context())
	if err := work(cmd, nil); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"", "second"}, asked); diff != "" || !strings.Contains(errs.String(), "going on without it") {
		t.Errorf("%s: %s", diff, errs.String())
	}
}

// Not every error is one of a farm that has gone.
func TestAFarmThatIsNotLost(t *testing.T) {
	a := &app{data: t.TempDir()}
	gone, defect := fault.Errorf(fault.Unavailable, "it does not answer"), fault.Errorf(fault.Internal, "nil")
	client := api.NewClient("127.0.0.1:1")
	for story, c := range map[string]struct {
		server string
		farm   api.Farm
		err    error
		want   bool
	}{
		"the other command has ended":          {"", client, gone, true},
		"the farm is one that was named":       {"http://127.0.0.1:1", client, gone, false},
		"the farm is this process":             {"", &api.Fake{}, gone, false},
		"the farm has answered, with an error": {"", client, defect, false},
	} {
		t.Run(story, func(t *testing.T) {
			a.server = c.server
			if got := a.lost(t.Context(), c.farm, c.err); got != c.want {
				t.Errorf("lost: %t", got)
			}
		})
	}
}

// A run whose recipe waits for another run's build names that run, while it waits and when it has ended.
func TestWhoseBuildIsWaitedFor(t *testing.T) {
	run := api.Run{ID: "mine", State: "running", Actions: []api.Action{{Recipe: "app", Version: "1", Status: "queued", Joined: "theirs"}, {Recipe: "b", Status: "queued"}}}
	for status, want := range map[string]string{"queued": "waits for the build of the same key by run theirs", "passed": "built by run theirs"} {
		run.Actions[0].Status = status
		var page, lines strings.Builder
		if err := runTable(&page, run); err != nil || strings.Count(page.String(), want) != 1 {
			t.Errorf("%v, %s", err, page.String())
		}
		p := term.NewProgress(&lines, false)
		seen := map[string]string{}
		if !showRun(p, run, seen, "") || showRun(p, run, seen, "") {
			t.Error("what is new is told once")
		}
		p.Close()
		if strings.Count(lines.String(), want) != 1 {
			t.Errorf("%s", lines.String())
		}
	}
}
