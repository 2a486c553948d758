package access

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Key signs what an orchestrator hands out and wants to know again, also after a restart. It never leaves it.
type Key []byte

// NewKey makes one, as it is kept.
func NewKey() string {
	random := make([]byte, 32)
	rand.Read(random) // never fails (crypto/rand)
	return hex.EncodeToString(random)
}

// ParseKey reads what NewKey has made.
func ParseKey(text string) (Key, error) {
	key, err := hex.DecodeString(text)
	if err != nil || len(key) != 32 {
		return nil, fault.Errorf(fault.Internal, "the key that signs grants is damaged")
	}
	return key, nil
}

// Grant is what one task of a worker is good for: to report attempts at this job, to print to its log, and to have a result
// of it stored. It does not say to whom it was given: build and test of one job may go to two workers.
type Grant struct {
	Run     string        `json:"run"`
	Recipe  string        `json:"recipe"`
	Job     record.Digest `json:"job"`
	Expires time.Time     `json:"expires"`
}

func (k Key) mac(what, text string) []byte {
	m := hmac.New(sha256.New, k)
	m.Write([]byte(what + "\x00" + text))
	return m.Sum(nil)
}

// Sign writes a grant so that Read knows it again.
func (k Key) Sign(g Grant) (string, error) {
	text, err := json.Marshal(g)
	if err != nil {
		return "", err
	}
	body := base64.RawURLEncoding.EncodeToString(text)
	return body + "." + base64.RawURLEncoding.EncodeToString(k.mac("grant", body)), nil
}

// Read is fault.Forbidden for what Sign has not written, and for what has expired.
func (k Key) Read(text string, now time.Time) (g Grant, err error) {
	body, signature, _ := strings.Cut(text, ".")
	mac, err := base64.RawURLEncoding.DecodeString(signature)
	if err != nil || !hmac.Equal(mac, k.mac("grant", body)) {
		return Grant{}, fault.Errorf(fault.Forbidden, "this was not given as a task: its grant is none of the farm's")
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err == nil {
		err = json.Unmarshal(raw, &g)
	}
	if err != nil {
		return Grant{}, fault.Errorf(fault.Internal, "reading a grant: %w", err)
	}
	if !now.Before(g.Expires) {
		return Grant{}, fault.Errorf(fault.Forbidden, "the task of %s in run %s was given too long ago: its grant expired on %s", g.Recipe, g.Run, g.Expires.UTC().Format(time.DateOnly))
	}
	return g, nil
}

// Seal ties a token of a task to the one that it was given to (its token, and its name).
func (k Key) Seal(to string, token []byte) []byte {
	return append(k.mac("task of "+to, string(token)), token...)
}

// Open is the token in a seal; fault.Forbidden where it was given to somebody else, or to nobody.
func (k Key) Open(by string, sealed []byte) ([]byte, error) {
	if len(sealed) < sha256.Size || !hmac.Equal(sealed[:sha256.Size], k.mac("task of "+by, string(sealed[sha256.Size:]))) {
		return nil, fault.Errorf(fault.Forbidden, "this task was not given to who reports it")
	}
	return sealed[sha256.Size:], nil
}
