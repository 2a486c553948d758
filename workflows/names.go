package workflows

import (
	"strings"

	"go.temporal.io/sdk/temporal"
)

// FarmQueue is the task queue of all workflows and of the farm's activities.
const FarmQueue = "farm"

const queuePrefix = "build-"

// Queue is the task queue of a class.
func (c Class) Queue() string {
	if c == "" {
		c = Small
	}
	return queuePrefix + string(c)
}

// WorkerQueues are the task queues of what workers do.
func WorkerQueues() []string { return []string{Small.Queue(), Medium.Queue(), Large.Queue()} }

// classOf is the inverse of Queue.
func classOf(queue string) Class { return Class(strings.TrimPrefix(queue, queuePrefix)) }

// Names under which workflows and activities are registered; they are in every history.
const (
	runWorkflow   = "Run"
	buildWorkflow = "Build"

	planActivity    = "Plan"
	resolveActivity = "Resolve"
	recordActivity  = "Record"
	storeActivity   = "Store"
	finishActivity  = "FinishRun"
	joinActivity    = "AwaitBuild"
	builtActivity   = "Built"
	outgrewActivity = "Outgrew"
	buildActivity   = "Build"
	testActivity    = "Test"
	againActivity   = "Reproduce"
)

// Names of signals. Wait tells a build of another run that a run waits for it, or no longer does; kept tells the run that has
// started a build and was canceled that the build goes on for others; resting tells it that the build waits before another try,
// or no longer does; slots tells a run how many slots the farm has. Steer pauses, resumes or limits a run.
const (
	waitSignal    = "Wait"
	keptSignal    = "Kept"
	restingSignal = "Resting"
	slotsSignal   = "Slots"

	steerSignal = "Steer"
)

// Names of what has changed in the workflows since there were farms, for those that began before.
const (
	tellingJoined = "tell-joined-builds"
	lookingFirst  = "look-before-building"
)

const runPrefix = "run/"

// RunWorkflowID is the ID of the workflow of a run.
func RunWorkflowID(runID string) string { return runPrefix + runID }

func runIDOf(workflowID string) string { return strings.TrimPrefix(workflowID, runPrefix) }

// BuildWorkflowID is the ID of a build's workflow. Two runs that want the same key get the same ID, and so one build;
// Action.Shared takes the key's place while it is not known. A build that has neither, or that must not use the cache, belongs to
// its run alone.
func BuildWorkflowID(recipe, toolchain, key, runID string, noCache bool) string {
	last := key
	if key == "" || noCache {
		last = runID
	}
	if name, digest, ok := strings.Cut(toolchain, "@sha256:"); ok {
		toolchain = name + "@" + digest[:min(12, len(digest))]
	}
	return strings.Join([]string{"build", recipe, toolchain, last}, "/")
}

// Temporal knows five priorities, 1 is the highest. A test goes one before the builds of its own lane: it is short, and
// what depends on the recipe waits for it, while builds in a full queue may take hours to come up.
func (l Lane) buildPriority() temporal.Priority {
	key := map[Lane]int{Interactive: 2, Submission: 3, Nightly: 4, Migration: 5}[l]
	if key == 0 {
		key = 3
	}
	return temporal.Priority{PriorityKey: key}
}

func (l Lane) testPriority() temporal.Priority {
	return temporal.Priority{PriorityKey: l.buildPriority().PriorityKey - 1}
}

// laneOf is the inverse of one of the two. A priority that no lane has is a Submission's, as a lane without one has its.
func laneOf(p temporal.Priority, priority func(Lane) temporal.Priority) Lane {
	for _, lane := range []Lane{Interactive, Nightly, Migration} {
		if priority(lane) == p {
			return lane
		}
	}
	return Submission
}
