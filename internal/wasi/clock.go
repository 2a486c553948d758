package wasi

import (
	"time"

	"github.com/tetratelabs/wazero/api"
)

// epoch is where the steady clock of programs begins.
var epoch = time.Now()

func nanotime() int64 { return int64(time.Since(epoch)) }

// The parts of a subscription of poll_oneoff.
const (
	subscriptionSize = 48
	subscriptionTag  = 8
	subscriptionID   = 16
	subscriptionTime = 24
	subscriptionFlag = 40

	tagClock  = 0
	idSteady  = 1
	untilFlag = 1
)

// relative changes subscriptions to a time of a clock into those to as long as it is until then. What isn't in memory wazero will see.
func relative(memory api.Memory, at, count uint32) {
	for i := range count {
		s := at + i*subscriptionSize
		tag, ok := memory.ReadByte(s + subscriptionTag)
		flags, _ := memory.ReadUint16Le(s + subscriptionFlag)
		if !ok || tag != tagClock || flags&untilFlag == 0 {
			if !ok {
				return
			}
			continue
		}
		id, _ := memory.ReadUint32Le(s + subscriptionID)
		until, _ := memory.ReadUint64Le(s + subscriptionTime)
		now := uint64(time.Now().UnixNano())
		if id == idSteady {
			now = uint64(nanotime())
		}
		memory.WriteUint64Le(s+subscriptionTime, until-min(until, now))
		memory.WriteUint16Le(s+subscriptionFlag, flags&^untilFlag)
	}
}
