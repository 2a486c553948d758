// Package workflows holds the two Temporal workflows of the farm, Run and Build, the activity interfaces that they call,
// and what others need to start and serve them. The farm (plan, database, index) implements FarmActivities, the worker
// (containers) WorkerActivities; neither sees Temporal's SDK. No other package imports the SDK's workflow package.
//
// Run carries out a plan: it asks for the plan, starts a Build for each action as soon as all that it needs is there, and
// notes every change. Build takes one recipe through its activities on a worker of its class: build, test, and then store
// on the farm. A compile that fails is a result and is never tried again; trouble with the machinery is an error and is.
//
// Workflow code is replayed from its history, also by a newer program. A change in the order of commands must go behind
// workflow.GetVersion with a named constant; the histories in testdata, which the tests replay, show whether it was
// needed. `workflowcheck ./workflows` finds what is not deterministic.
package workflows
