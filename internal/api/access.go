package api

import "time"

// TokenRequest asks for a token.
type TokenRequest struct {
	Name string `json:"name,omitempty"` // for people; empty: the role
	Role string `json:"role"`           // worker, submitter, operator, reader
	// Expires is after how many seconds it is of no use any more; 0 is never.
	Expires int64 `json:"expires_seconds,omitempty"`
}

// Token is what a farm says of a token that it has given.
type Token struct {
	ID      string     `json:"id"`
	Name    string     `json:"name"`
	Role    string     `json:"role"`
	Created time.Time  `json:"created"`
	Expires *time.Time `json:"expires,omitempty"`
	Revoked *time.Time `json:"revoked,omitempty"`
	Used    *time.Time `json:"last_used,omitempty"` // to the minute
}

// NewToken is a token with its secret, which nobody is told again.
type NewToken struct {
	Token
	Secret string `json:"secret"`
}

// Entry is one thing that somebody has done, or was refused.
type Entry struct {
	At      time.Time `json:"at"`
	Token   string    `json:"token,omitempty"` // the ID of the token; none where the farm asks for none
	Who     string    `json:"who,omitempty"`   // its name
	Role    string    `json:"role,omitempty"`
	Action  string    `json:"action"`            // e.g. run.start
	Subject string    `json:"subject,omitempty"` // what it was done to
	Outcome string    `json:"outcome"`           // done, or the kind of the error
}

func (t Token) subject() string  { return t.ID + " " + t.Name + " " + t.Role }
func (r Run) subject() string    { return r.ID }
func (s Source) subject() string { return s.Name }
