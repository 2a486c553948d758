package record

import "time"

// Reproduction is the comparison of a build with a second one, made of the same job to see whether the same comes out.
type Reproduction struct {
	Same bool   `json:"same"`
	Why  string `json:"why"` // why this build was made twice, in words
	// Blocks says that a difference failed the build, or would have.
	Blocks bool `json:"blocks"`
	// Known is the recipe's wasmill.not-reproducible: why a difference is no surprise.
	Known string `json:"known,omitempty"`
	// Worker made the second build; Record.Worker made the first. SameWorker: no other served the class.
	Worker     string    `json:"worker"`
	SameWorker bool      `json:"same_worker,omitempty"`
	Started    time.Time `json:"started"`
	Seconds    float64   `json:"seconds"` // wall of the second build
	// Varied is what was made otherwise on purpose, beside the worker, the folder and the time.
	Varied []string `json:"varied"`
	// Artifacts are those of the second build, where it gave others; they are kept like those of the first.
	Artifacts []Artifact `json:"artifacts,omitempty"`
	// Failure is why there are none: the second build failed.
	Failure *Failure `json:"failure,omitempty"`
	// Difference is what differs, file by file, as docs/reference/diff.md has it.
	Difference *Blob  `json:"difference,omitempty"`
	Summary    string `json:"summary,omitempty"` // the same in one line
	Log        *Blob  `json:"log,omitempty"`     // of the second build
}
