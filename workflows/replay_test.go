package workflows

import (
	"path/filepath"
	"testing"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
)

// TestRecordedHistoriesReplay shows whether this program can go on with what an earlier one has begun. A history that
// fails calls for workflow.GetVersion, not for a new recording: -update is for new stories.
func TestRecordedHistoriesReplay(t *testing.T) {
	files, err := filepath.Glob("testdata/histories/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no histories: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			replayer := worker.NewWorkflowReplayer()
			replayer.RegisterWorkflowWithOptions(Run, workflow.RegisterOptions{Name: runWorkflow})
			replayer.RegisterWorkflowWithOptions(Build, workflow.RegisterOptions{Name: buildWorkflow})
			if err := replayer.ReplayWorkflowHistoryFromJSONFile(newLogger(nil), file); err != nil {
				t.Error(err)
			}
		})
	}
}
