package api

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
)

// gate knows a token for each role: the role's name.
type gate struct{ kept []Entry }

func (g *gate) Identify(_ context.Context, secret string) (access.Identity, error) {
	if secret == "" {
		return access.Identity{}, access.Missing()
	}
	role, err := access.ParseRole(secret)
	if err != nil {
		return access.Identity{}, access.Unknown()
	}
	return access.Identity{ID: "id of " + secret, Name: "my " + secret, Role: role}, nil
}

func (g *gate) Note(_ context.Context, e Entry) { g.kept = append(g.kept, e) }

// may is the one list of who may ask what, w: worker, s: submitter, o: operator, r: reader, and how the journal names it. A route
// that is not in it, or that is and that nobody serves, fails the test.
var may = map[string]string{
	"GET /api/v1/join":                                 "w.o. worker.join",
	"POST /api/v1/blobs":                               "wso.",
	"GET /api/v1/blobs/{digest}":                       "wsor",
	"GET /api/v1/sources":                              ".sor",
	"POST /api/v1/sources":                             ".so. source.add",
	"POST /api/v1/fetched":                             "w...",
	"DELETE /api/v1/sources/{sha256}":                  "..o. source.remove",
	"POST /api/v1/plan":                                ".so.",
	"POST /api/v1/runs":                                ".so. run.start",
	"GET /api/v1/runs":                                 ".sor",
	"GET /api/v1/runs/{id}":                            ".sor",
	"GET /api/v1/runs/{id}/recipes/{name}/explanation": ".sor",
	"GET /api/v1/recipes/{name}/explanation":           ".sor",
	"POST /api/v1/runs/{id}/cancel":                    ".so. run.cancel",
	"GET /api/v1/builds/{build}":                       ".sor",
	"GET /api/v1/builds/{build}/log":                   ".sor",
	"POST /api/v1/logs/{log}":                          "w...",
	"PUT /api/v1/attempts/{id}":                        "w...",
	"PUT /api/v1/workers/{name}":                       "w...",
	"POST /api/v1/collect":                             "..o. gc",
	"GET /api/v1/pins":                                 ".sor",
	"PUT /api/v1/pins/{name}":                          "..o. pin.add",
	"DELETE /api/v1/pins/{name}":                       "..o. pin.remove",
	"GET /api/v1/quarantines":                          ".sor",
	"PUT /api/v1/quarantines/{recipe}":                 "..o. quarantine.add",
	"DELETE /api/v1/quarantines/{recipe}":              "..o. quarantine.lift",
	"GET /api/v1/toolchains":                           ".sor",
	"GET /api/v1/workers":                              "wsor",
	"GET /api/v1/builds/{build}/difference":            ".sor",
	"PUT /api/v1/workers/{name}/order":                 "..o. worker.order",
	"GET /api/v1/schedules/{name}/releases":            ".sor",
	"POST /api/v1/schedules/{name}/check":              "..o.",
	"GET /api/v1/top":                                  ".sor",
	"PATCH /api/v1/runs/{id}":                          "..o. run.steer",
	"GET /api/v1/schedules":                            ".sor",
	"PUT /api/v1/schedules/{name}":                     "..o. schedule.add",
	"POST /api/v1/schedules/{name}/{change}":           "..o. schedule.change",
	"GET /api/v1/tokens":                               "..o.",
	"POST /api/v1/tokens":                              "..o. token.create",
	"DELETE /api/v1/tokens/{token}":                    "..o. token.revoke",
	"GET /api/v1/journal":                              "..o.",
}

// unkept is what changes something and is not in the journal: content without a name, and what workers do all the time.
var unkept = []string{"POST /api/v1/blobs", "POST /api/v1/plan", "POST /api/v1/schedules/{name}/check", "POST /api/v1/fetched", "POST /api/v1/logs/{log}", "PUT /api/v1/attempts/{id}", "PUT /api/v1/workers/{name}"}

func TestWhoMayAskWhat(t *testing.T) {
	table := map[string]string{}
	for _, route := range routes(&Fake{}) {
		line := ""
		for i, role := range access.Roles {
			letter := "."
			if slices.Contains(route.Roles, role) {
				letter = "wsor"[i : i+1]
			}
			line += letter
		}
		table[route.Pattern] = strings.TrimSpace(line + " " + route.Keep)
		if line == "...." {
			t.Errorf("nobody may %s: give it roles", route.Pattern)
		}
		if !strings.HasPrefix(route.Pattern, "GET ") && (route.Keep == "") != slices.Contains(unkept, route.Pattern) {
			t.Errorf("%s changes something: say how the journal names it", route.Pattern)
		}
	}
	if diff := cmp.Diff(may, table); diff != "" {
		t.Errorf("(-want +have):\n%s", diff)
	}
}

// Each route is asked with each role's token, with none, and with one that nobody knows.
func TestEveryRouteHoldsToItsRoles(t *testing.T) {
	srv := httptest.NewServer(Guarded(&Fake{}, &gate{}))
	defer srv.Close()
	for _, route := range routes(&Fake{}) {
		method, path, _ := strings.Cut(wildcard.ReplaceAllString(route.Pattern, "x"), " ")
		ask := func(authorize func(*http.Request)) int {
			req, _ := http.NewRequest(method, srv.URL+path, strings.NewReader("{}"))
			authorize(req)
			resp, err := srv.Client().Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			if resp.StatusCode == http.StatusUnauthorized && resp.Header.Get("WWW-Authenticate") == "" {
				t.Errorf("%s: 401 without WWW-Authenticate", route.Pattern)
			}
			return resp.StatusCode
		}
		for _, role := range access.Roles {
			allowed := slices.Contains(route.Roles, role)
			for how, authorize := range map[string]func(*http.Request){
				"Bearer": func(r *http.Request) { r.Header.Set("Authorization", "Bearer "+string(role)) },
				"Basic":  func(r *http.Request) { r.SetBasicAuth("anybody", string(role)) },
			} {
				if status := ask(authorize); (status == http.StatusForbidden) == allowed || status == http.StatusUnauthorized {
					t.Errorf("%s as %s (%s): %d", route.Pattern, role, how, status)
				}
			}
		}
		for what, header := range map[string]string{"no token": "", "an unknown one": "Bearer root", "another scheme": "Digest operator"} {
			if status := ask(func(r *http.Request) { r.Header.Set("Authorization", header) }); status != http.StatusUnauthorized {
				t.Errorf("%s with %s: %d", route.Pattern, what, status)
			}
		}
	}
}

// The journal has the names of who did and who was refused, and of what; who gave no name leaves none.
func TestTheJournalSaysWhoDidWhat(t *testing.T) {
	ctx, fake, g := context.Background(), &Fake{}, &gate{}
	srv := httptest.NewServer(Guarded(fake, g))
	defer srv.Close()
	as := func(role access.Role) *Client { return NewClient(srv.URL, WithToken(string(role))) }
	blob, err := as(access.Submitter).PutBlob(ctx, strings.NewReader("recipes"))
	if err != nil {
		t.Fatal(err)
	}
	req := RunRequest{Recipes: blob.Digest, Lane: "submission"}
	run, err := as(access.Submitter).StartRun(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	req.Publish = true
	if _, err := as(access.Submitter).StartRun(ctx, req); fault.KindOf(err) != fault.Forbidden || !strings.Contains(err.Error(), "--no-publish") {
		t.Errorf("a submitter publishes: %v", err)
	}
	if _, err := as(access.Operator).StartRun(ctx, req); err != nil {
		t.Error(err)
	}
	if _, err := as(access.Operator).CreateToken(ctx, TokenRequest{Name: "w", Role: "worker"}); err != nil {
		t.Error(err)
	}
	as(access.Reader).CancelRun(ctx, run.ID)
	as(access.Operator).ChangeSchedule(ctx, "nightly", Pause)
	NewClient(srv.URL).CancelRun(ctx, run.ID)

	var got []string
	for _, e := range g.kept {
		got = append(got, fmt.Sprintf("%s: %s %s: %s", e.Who, e.Action, e.Subject, e.Outcome))
	}
	want := []string{
		"my submitter: run.start run-1: done",
		"my submitter: run.start : forbidden",
		"my operator: run.start run-2: done",
		"my operator: token.create t1 w worker: done",
		"my reader: run.cancel run-1: forbidden",
		"my operator: schedule.change nightly pause: not-found",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A token is for the farm, not for the network between.
func TestATokenIsNotSentInTheClear(t *testing.T) {
	_, err := NewClient("http://192.0.2.1:7470", WithToken("secret")).Runs(context.Background(), 1)
	if fault.KindOf(err) != fault.Invalid || !strings.Contains(err.Error(), "https://") || strings.Contains(err.Error(), "secret") {
		t.Errorf("%v", err)
	}
}

// A server that nobody vouches for is a matter of its certificate, not of trying again.
func TestACertificateThatIsNotTrusted(t *testing.T) {
	srv := httptest.NewUnstartedServer(Handler(&Fake{}))
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	defer srv.Close()
	_, err := NewClient(srv.URL).Runs(context.Background(), 1)
	if fault.KindOf(err) != fault.Unauthenticated || !strings.Contains(err.Error(), "--ca") {
		t.Errorf("%v (%v)", err, fault.KindOf(err))
	}
	pool := srv.Client().Transport.(*http.Transport).TLSClientConfig.RootCAs
	if _, err := NewClient(srv.URL, WithRoots(pool), WithToken("x")).Runs(context.Background(), 1); err != nil {
		t.Errorf("with its authority: %v", err)
	}
}
