package fetch

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"
)

// Lock is a native build environment, resolved: which wheels, by hash. It is stored and reused as JSON.
type Lock struct {
	Requirements []string      `json:"requirements"`          // what was asked for, sorted
	Constraints  []string      `json:"constraints,omitempty"` // sorted
	ExcludeNewer time.Time     `json:"exclude_newer"`         // nothing uploaded later was looked at
	Packages     []LockedWheel `json:"packages"`              // sorted by name
}

// LockedWheel is one wheel of a Lock.
type LockedWheel struct {
	Name    string `json:"name"` // normalized (PEP 503)
	Version string `json:"version"`
	File    string `json:"file"`
	URL     string `json:"url"`
	SHA256  string `json:"sha256"`
}

// Digest is "sha256:…" over the wheels and nothing else: two locks that name the same wheels are one environment,
// whatever was asked for, when, and wherever the wheels lie. The order of Packages doesn't matter.
func (l *Lock) Digest() string {
	wheels := slices.Clone(l.Packages)
	slices.SortFunc(wheels, func(a, b LockedWheel) int {
		return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.File, b.File))
	})
	h := sha256.New()
	for i := range wheels {
		wheels[i].URL = ""
	}
	// Encoding strings can't fail, and neither can writing to a hash.
	_ = json.NewEncoder(h).Encode(wheels)
	return "sha256:" + hex.EncodeToString(h.Sum(nil))
}
