package api

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"path"
	"strconv"

	"github.com/wasmill/wasmill/internal/access"
	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Handler serves a farm under /api/v1/ to everybody who reaches it.
func Handler(f Farm) http.Handler { return Guarded(f, open{}) }

// routes is the one table of what can be asked: by whom, and under which name the farm's journal keeps it. Reading and what
// workers do all the time is not kept.
func routes(f Farm) (table []Route) {
	route := func(pattern string, roles []access.Role, keep string, h func(r *http.Request) (any, error)) {
		table = append(table, Route{Pattern: pattern, Roles: roles, Keep: keep, serve: func(w http.ResponseWriter, r *http.Request) (any, error) { return h(r) }})
	}
	route("GET /api/v1/join", []access.Role{access.Worker, access.Operator}, "worker.join", func(r *http.Request) (any, error) { return f.Join(r.Context()) })
	route("POST /api/v1/blobs", writers, "", func(r *http.Request) (any, error) { return f.PutBlob(r.Context(), r.Body) })
	table = append(table, Route{Pattern: "GET /api/v1/blobs/{digest}", Roles: access.Roles, serve: func(w http.ResponseWriter, r *http.Request) (any, error) {
		return raw{}, serveBlob(w, r, f)
	}})
	route("GET /api/v1/sources", readers, "", func(r *http.Request) (any, error) { return f.Sources(r.Context()) })
	route("POST /api/v1/sources", submitters, "source.add", func(r *http.Request) (any, error) {
		name, err := fileName(r)
		if err != nil {
			return nil, err
		}
		return f.PutSource(r.Context(), name, r.Body)
	})
	route("POST /api/v1/fetched", workers, "", func(r *http.Request) (any, error) {
		name, err := fileName(r)
		if err != nil {
			return nil, err
		}
		return f.PutFetched(r.Context(), name, r.URL.Query().Get("url"), r.Body)
	})
	route("DELETE /api/v1/sources/{sha256}", operators, "source.remove", func(r *http.Request) (any, error) { return f.RemoveSource(r.Context(), r.PathValue("sha256")) })
	route("POST /api/v1/plan", submitters, "", withRequest(f.Plan))
	route("POST /api/v1/runs", submitters, "run.start", withRequest(func(ctx context.Context, req RunRequest) (Run, error) {
		if who := access.Of(ctx); req.Publish && !who.Is(access.Operator) {
			return Run{}, fmt.Errorf("%w: `wasmill submit --no-publish` builds and tests only", access.Refuse(who, "publishing on the index", access.Operator))
		}
		return f.StartRun(ctx, req)
	}))
	route("GET /api/v1/runs", readers, "", func(r *http.Request) (any, error) {
		limit, err := number(r, "limit", 20)
		if err != nil {
			return nil, err
		}
		return f.Runs(r.Context(), int(limit))
	})
	route("GET /api/v1/runs/{id}", readers, "", func(r *http.Request) (any, error) { return f.Run(r.Context(), r.PathValue("id")) })
	explain := func(r *http.Request) (any, error) {
		return f.Explain(r.Context(), r.PathValue("id"), r.PathValue("name"))
	}
	route("GET /api/v1/runs/{id}/recipes/{name}/explanation", readers, "", explain)
	route("GET /api/v1/recipes/{name}/explanation", readers, "", explain)
	route("PATCH /api/v1/runs/{id}", operators, "run.steer", func(r *http.Request) (any, error) {
		var s Steering
		if err := readJSON(r, &s); err != nil {
			return nil, err
		}
		return f.SteerRun(r.Context(), r.PathValue("id"), s)
	})
	route("POST /api/v1/runs/{id}/cancel", submitters, "run.cancel", func(r *http.Request) (any, error) {
		return struct{}{}, f.CancelRun(r.Context(), r.PathValue("id"))
	})
	route("GET /api/v1/builds/{build}", readers, "", func(r *http.Request) (any, error) {
		switch outcome := r.URL.Query().Get("outcome"); outcome {
		case "":
			return f.Build(r.Context(), r.PathValue("build"))
		case string(record.Passed):
			return f.Passed(r.Context(), r.PathValue("build"))
		default:
			return nil, fault.Errorf(fault.Invalid, "outcome=%s: it can be %s, or be left out", outcome, record.Passed)
		}
	})
	route("GET /api/v1/builds/{build}/log", readers, "", func(r *http.Request) (any, error) {
		offset, err := number(r, "offset", 0)
		if err != nil {
			return nil, err
		}
		return f.Log(r.Context(), r.PathValue("build"), offset)
	})
	route("POST /api/v1/logs/{log}", workers, "", func(r *http.Request) (any, error) {
		offset, err := number(r, "offset", 0)
		if err != nil {
			return nil, err
		}
		return struct{}{}, f.AppendLog(r.Context(), r.PathValue("log"), r.URL.Query().Get("grant"), offset, r.Body)
	})
	route("PUT /api/v1/attempts/{id}", workers, "", func(r *http.Request) (any, error) {
		var a Attempt
		if err := readJSON(r, &a); err != nil {
			return nil, err
		}
		a.ID = r.PathValue("id")
		return struct{}{}, f.ReportAttempt(r.Context(), a)
	})
	route("PUT /api/v1/workers/{name}", workers, "", func(r *http.Request) (any, error) {
		var w Worker
		if err := readJSON(r, &w); err != nil {
			return nil, err
		}
		w.Name = r.PathValue("name")
		return f.ReportWorker(r.Context(), w)
	})
	route("GET /api/v1/builds/{build}/difference", readers, "", func(r *http.Request) (any, error) { return f.Difference(r.Context(), r.PathValue("build")) })
	route("POST /api/v1/collect", operators, "gc", func(r *http.Request) (any, error) {
		var req Collect
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		return f.Collect(r.Context(), req)
	})
	route("GET /api/v1/pins", readers, "", func(r *http.Request) (any, error) { return f.Pins(r.Context()) })
	route("PUT /api/v1/pins/{name}", operators, "pin.add", func(r *http.Request) (any, error) { return struct{}{}, f.Pin(r.Context(), r.PathValue("name")) })
	route("DELETE /api/v1/pins/{name}", operators, "pin.remove", func(r *http.Request) (any, error) { return struct{}{}, f.Unpin(r.Context(), r.PathValue("name")) })
	route("GET /api/v1/quarantines", readers, "", func(r *http.Request) (any, error) { return f.Quarantines(r.Context()) })
	route("PUT /api/v1/quarantines/{recipe}", operators, "quarantine.add", func(r *http.Request) (any, error) {
		var q Quarantine
		if err := readJSON(r, &q); err != nil {
			return nil, err
		}
		q.Recipe = r.PathValue("recipe")
		return struct{}{}, f.Quarantine(r.Context(), q)
	})
	route("DELETE /api/v1/quarantines/{recipe}", operators, "quarantine.lift", func(r *http.Request) (any, error) {
		return struct{}{}, f.LiftQuarantine(r.Context(), r.PathValue("recipe"))
	})
	route("GET /api/v1/toolchains", readers, "", func(r *http.Request) (any, error) { return f.Toolchains(r.Context()) })
	route("GET /api/v1/workers", access.Roles, "", func(r *http.Request) (any, error) { return f.Workers(r.Context()) })
	route("PUT /api/v1/workers/{name}/order", operators, "worker.order", func(r *http.Request) (any, error) {
		var order Order
		if err := readJSON(r, &order); err != nil {
			return nil, err
		}
		return f.OrderWorker(r.Context(), r.PathValue("name"), order)
	})
	route("GET /api/v1/top", readers, "", func(r *http.Request) (any, error) { return f.Top(r.Context()) })
	route("GET /api/v1/schedules", readers, "", func(r *http.Request) (any, error) { return f.Schedules(r.Context()) })
	route("PUT /api/v1/schedules/{name}", operators, "schedule.add", func(r *http.Request) (any, error) {
		var s Schedule
		if err := readJSON(r, &s); err != nil {
			return nil, err
		}
		s.Name = r.PathValue("name")
		return struct{}{}, f.AddSchedule(r.Context(), s)
	})
	route("GET /api/v1/schedules/{name}/releases", readers, "", func(r *http.Request) (any, error) { return f.Releases(r.Context(), r.PathValue("name")) })
	route("POST /api/v1/schedules/{name}/check", operators, "", func(r *http.Request) (any, error) {
		var s Schedule
		if err := readJSON(r, &s); err != nil {
			return nil, err
		}
		s.Name = r.PathValue("name")
		return struct{}{}, f.CheckSchedule(r.Context(), s)
	})
	route("POST /api/v1/schedules/{name}/{change}", operators, "schedule.change", func(r *http.Request) (any, error) {
		return f.ChangeSchedule(r.Context(), r.PathValue("name"), ScheduleChange(r.PathValue("change")))
	})
	route("GET /api/v1/tokens", operators, "", func(r *http.Request) (any, error) { return f.Tokens(r.Context()) })
	route("POST /api/v1/tokens", operators, "token.create", func(r *http.Request) (any, error) {
		var req TokenRequest
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		return f.CreateToken(r.Context(), req)
	})
	route("DELETE /api/v1/tokens/{token}", operators, "token.revoke", func(r *http.Request) (any, error) {
		return f.RevokeToken(r.Context(), r.PathValue("token"))
	})
	route("GET /api/v1/journal", operators, "", func(r *http.Request) (any, error) {
		limit, err := number(r, "limit", 50)
		if err != nil {
			return nil, err
		}
		return f.Journal(r.Context(), int(limit))
	})
	return table
}

// fileName is what is to be kept.
func fileName(r *http.Request) (string, error) {
	name := r.URL.Query().Get("name")
	if name == "" || name != path.Base(name) {
		return "", fault.Errorf(fault.Invalid, "name=%q is not the name of a file", name)
	}
	return name, nil
}

func withRequest[T any](do func(context.Context, RunRequest) (T, error)) func(*http.Request) (any, error) {
	return func(r *http.Request) (any, error) {
		var req RunRequest
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		return do(r.Context(), req)
	}
}

func serveBlob(w http.ResponseWriter, r *http.Request, f Farm) error {
	digest := record.Digest(r.PathValue("digest"))
	blob, err := f.OpenBlob(r.Context(), digest)
	if err != nil {
		return err
	}
	defer blob.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	// A digest that turns out wrong at the end must not look like a whole answer.
	if _, err := io.Copy(w, blob); err != nil {
		panic(http.ErrAbortHandler)
	}
	return nil
}

// readJSON is strict: a key that nobody reads is a mistake of the sender.
func readJSON(r *http.Request, into any) error {
	dec := json.NewDecoder(http.MaxBytesReader(nil, r.Body, 4<<20))
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return fault.Errorf(fault.Invalid, "reading the request's JSON: %w", err)
	}
	return nil
}

func number(r *http.Request, name string, without int64) (int64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return without, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fault.Errorf(fault.Invalid, "%s=%q is not a number of 0 or more", name, text)
	}
	return n, nil
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	enc.Encode(v) //nolint:errcheck // the client is gone; there is nobody left to tell
}

func writeError(w http.ResponseWriter, err error) {
	kind := fault.KindOf(err)
	if kind == fault.Unauthenticated {
		w.Header().Set("WWW-Authenticate", `Bearer realm="wasmill"`)
	}
	writeJSON(w, kind.HTTPStatus(), wireError{Kind: kind.String(), Message: err.Error()})
}
