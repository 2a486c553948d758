package temporald

import (
	"time"

	"go.temporal.io/server/common/dynamicconfig"
)

// settings replaces defaults that are made for clusters with thousands of shards and a database of their own. With the
// defaults, start, one activity and the result take 100 ms, with these 16 ms.
var settings = dynamicconfig.StaticClient{
	// One partition: priorities are strict only within a partition.
	dynamicconfig.MatchingNumTaskqueueReadPartitions.Key():  always(1),
	dynamicconfig.MatchingNumTaskqueueWritePartitions.Key(): always(1),
	// Queues are looked at as soon as something is in them.
	dynamicconfig.TransferProcessorMaxPollRPS.Key():   always(200),
	dynamicconfig.TimerProcessorMaxPollRPS.Key():      always(200),
	dynamicconfig.VisibilityProcessorMaxPollRPS.Key(): always(200),
	// A wait for a result that races with the workflow's end otherwise hangs for 20 s.
	dynamicconfig.HistoryLongPollExpirationInterval.Key(): always(500 * time.Millisecond),
	// Memory: a farm has hundreds of workflows in flight, not a hundred thousand.
	dynamicconfig.HistoryCacheHostLevelMaxSize.Key():     always(2000),
	dynamicconfig.EventsCacheMaxSizeBytes.Key():          always(4 << 20),
	dynamicconfig.EnableHostLevelEventsCache.Key():       always(true),
	dynamicconfig.EventsHostLevelCacheMaxSizeBytes.Key(): always(16 << 20),
	// Nothing here is archived or replicated, and retention is done by timers.
	dynamicconfig.TaskQueueScannerEnabled.Key(): always(false),
	dynamicconfig.HistoryScannerEnabled.Key():   always(false),
}

func always(v any) []dynamicconfig.ConstrainedValue {
	return []dynamicconfig.ConstrainedValue{{Value: v}}
}
