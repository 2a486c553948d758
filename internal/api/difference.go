package api

import (
	"github.com/wasmill/wasmill/internal/diff"
	"github.com/wasmill/wasmill/internal/record"
)

// Difference is how two builds of the same inputs differ.
type Difference struct {
	Recipe  string `json:"recipe"`
	Version string `json:"version"`
	Key     string `json:"key"`
	Worker  string `json:"worker"` // of the first build
	// First and Second are what the builds gave, to be fetched as blobs; Second is empty where the second build failed.
	First  []record.Artifact `json:"first"`
	Second []record.Artifact `json:"second"`
	// Reproduction is as in the record; its Failure is set where the second build failed, and Report is nil then.
	Reproduction record.Reproduction `json:"reproduction"`
	Report       *diff.Report        `json:"report,omitempty"`
}
