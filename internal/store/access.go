package store

import (
	"context"
	"time"

	"github.com/wasmill/wasmill/internal/access"
)

// Tokens keeps who may ask something of the farm.
type Tokens interface {
	// PutToken keeps a new token; one with this ID that is there already stays as it is.
	PutToken(ctx context.Context, t access.Token) error
	// Token finds a token by its ID, also one that is of no use any more.
	Token(ctx context.Context, id string) (access.Token, error)
	// Tokens lists all tokens, the oldest first.
	Tokens(ctx context.Context) ([]access.Token, error)
	// RevokeToken makes a token useless for good. The first time stands.
	RevokeToken(ctx context.Context, id string, at time.Time) error
	// UseToken notes when a token was last used.
	UseToken(ctx context.Context, id string, at time.Time) error
}

// Entry is one thing that somebody has done, or was refused.
type Entry struct {
	ID      string // unique
	At      time.Time
	Token   string // the ID of the token; empty on a farm that asks for none
	Who     string // its name
	Role    string
	Action  string // e.g. "run.start"
	Subject string // what it was done to: a run, a build, a token
	Outcome string // "done", or the fault.Kind of the error
}

// Journal keeps who has done what.
type Journal interface {
	// Note keeps an entry; one with this ID that is there already stays as it is.
	Note(ctx context.Context, e Entry) error
	// Journal lists the newest entries first. A limit of 0 is no limit.
	Journal(ctx context.Context, limit int) ([]Entry, error)
}
