package api

import (
	"context"
	"net/http"
	"regexp"
	"strings"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
)

// Guard knows who may ask a farm, and keeps what was done.
type Guard interface {
	// Identify says who has a secret. An empty one is that of who sent none. fault.Unauthenticated for one that is of no
	// use.
	Identify(ctx context.Context, secret string) (access.Identity, error)
	// Note keeps what was done, or refused, in the farm's journal.
	Note(ctx context.Context, entry Entry)
}

// Route is one thing that can be asked.
type Route struct {
	Pattern string        // as http.ServeMux has it
	Roles   []access.Role // who may ask; nobody, where there is none
	Keep    string        // how the journal names it; empty where it is not kept

	serve func(w http.ResponseWriter, r *http.Request) (any, error)
}

// raw is the answer of what has written it itself.
type raw struct{}

// The roles of most routes.
var (
	readers    = []access.Role{access.Reader, access.Submitter, access.Operator}
	submitters = []access.Role{access.Submitter, access.Operator}
	operators  = []access.Role{access.Operator}
	workers    = []access.Role{access.Worker}
	writers    = []access.Role{access.Worker, access.Submitter, access.Operator} // of content, which is named by its digest
)

// Guarded serves a farm under /api/v1/ to those who may ask.
func Guarded(f Farm, guard Guard) http.Handler {
	mux := http.NewServeMux()
	for _, route := range routes(f) {
		mux.HandleFunc(route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			who, err := Admit(r, guard, route.Pattern, route.Roles...)
			var out any
			if err == nil {
				r = r.WithContext(access.With(r.Context(), who))
				out, err = route.serve(w, r)
			}
			if route.Keep != "" && (err == nil || fault.KindOf(err) != fault.Unauthenticated) {
				guard.Note(context.WithoutCancel(r.Context()), entry(route, who, r, out, err))
			}
			switch _, written := out.(raw); {
			case err != nil:
				writeError(w, err)
			case !written:
				writeJSON(w, http.StatusOK, out)
			}
		})
	}
	return mux
}

// Admit says who asks, by the token that comes with a request as `Authorization: Bearer TOKEN` or as the password of Basic.
// The identity is known also where it is refused.
func Admit(r *http.Request, guard Guard, what string, roles ...access.Role) (access.Identity, error) {
	who, err := guard.Identify(r.Context(), secretOf(r))
	if err == nil && !who.Is(roles...) {
		err = access.Refuse(who, what, roles...)
	}
	return who, err
}

func secretOf(r *http.Request) string {
	if _, password, ok := r.BasicAuth(); ok {
		return password
	}
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(secret)
}

// subject is what an answer is about, where the request's path does not say it.
type subject interface{ subject() string }

var wildcard = regexp.MustCompile(`\{(\w+)\}`)

func entry(route Route, who access.Identity, r *http.Request, out any, err error) Entry {
	e := Entry{Token: who.ID, Who: who.Name, Role: string(who.Role), Action: route.Keep, Outcome: "done"}
	var about []string
	for _, m := range wildcard.FindAllStringSubmatch(route.Pattern, -1) {
		about = append(about, r.PathValue(m[1]))
	}
	if err != nil {
		e.Outcome = fault.KindOf(err).String()
	} else if s, ok := out.(subject); ok {
		about = append(about, s.subject())
	}
	e.Subject = strings.Join(about, " ")
	return e
}

// open is the guard of a farm that only this machine hears.
type open struct{}

func (open) Identify(ctx context.Context, _ string) (access.Identity, error) {
	return access.Of(ctx), nil
}

func (open) Note(context.Context, Entry) {}
