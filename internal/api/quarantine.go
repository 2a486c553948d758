package api

import "time"

// Quarantine keeps a recipe from being built by nightlies and migrations, until it ends or is lifted.
type Quarantine struct {
	Recipe    string    `json:"recipe"`
	Reason    string    `json:"reason"`
	Owner     string    `json:"owner"`               // who is to look after it
	Automatic bool      `json:"automatic,omitempty"` // the farm found that it fails and passes in turns
	Since     time.Time `json:"since,omitzero"`      // the farm's to set
	Until     time.Time `json:"until"`
}
