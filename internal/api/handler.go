package api

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"path"
	"strconv"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
)

// Handler serves a farm under /api/v1/.
func Handler(f Farm) http.Handler {
	mux := http.NewServeMux()
	route := func(pattern string, h func(r *http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) {
			out, err := h(r)
			if err != nil {
				writeError(w, err)
				return
			}
			writeJSON(w, http.StatusOK, out)
		})
	}
	route("GET /api/v1/join", func(r *http.Request) (any, error) { return f.Join(r.Context()) })
	route("POST /api/v1/blobs", func(r *http.Request) (any, error) { return f.PutBlob(r.Context(), r.Body) })
	mux.HandleFunc("GET /api/v1/blobs/{digest}", func(w http.ResponseWriter, r *http.Request) { serveBlob(w, r, f) })
	route("GET /api/v1/sources", func(r *http.Request) (any, error) { return f.Sources(r.Context()) })
	route("POST /api/v1/sources", func(r *http.Request) (any, error) {
		name := r.URL.Query().Get("name")
		if name == "" || name != path.Base(name) {
			return nil, fault.Errorf(fault.Invalid, "name=%q is not the name of a file", name)
		}
		return f.PutSource(r.Context(), name, r.Body)
	})
	route("DELETE /api/v1/sources/{sha256}", func(r *http.Request) (any, error) { return f.RemoveSource(r.Context(), r.PathValue("sha256")) })
	route("POST /api/v1/plan", withRequest(f.Plan))
	route("POST /api/v1/runs", withRequest(f.StartRun))
	route("GET /api/v1/runs", func(r *http.Request) (any, error) {
		limit, err := number(r, "limit", 20)
		if err != nil {
			return nil, err
		}
		return f.Runs(r.Context(), int(limit))
	})
	route("GET /api/v1/runs/{id}", func(r *http.Request) (any, error) { return f.Run(r.Context(), r.PathValue("id")) })
	explain := func(r *http.Request) (any, error) {
		return f.Explain(r.Context(), r.PathValue("id"), r.PathValue("name"))
	}
	route("GET /api/v1/runs/{id}/recipes/{name}/explanation", explain)
	route("GET /api/v1/recipes/{name}/explanation", explain)
	route("PATCH /api/v1/runs/{id}", func(r *http.Request) (any, error) {
		var s Steering
		if err := readJSON(r, &s); err != nil {
			return nil, err
		}
		return f.SteerRun(r.Context(), r.PathValue("id"), s)
	})
	route("POST /api/v1/runs/{id}/cancel", func(r *http.Request) (any, error) {
		return struct{}{}, f.CancelRun(r.Context(), r.PathValue("id"))
	})
	route("GET /api/v1/builds/{build}", func(r *http.Request) (any, error) { return f.Build(r.Context(), r.PathValue("build")) })
	route("GET /api/v1/builds/{build}/log", func(r *http.Request) (any, error) {
		offset, err := number(r, "offset", 0)
		if err != nil {
			return nil, err
		}
		return f.Log(r.Context(), r.PathValue("build"), offset)
	})
	route("POST /api/v1/logs/{log}", func(r *http.Request) (any, error) {
		offset, err := number(r, "offset", 0)
		if err != nil {
			return nil, err
		}
		return struct{}{}, f.AppendLog(r.Context(), r.PathValue("log"), offset, r.Body)
	})
	route("PUT /api/v1/attempts/{id}", func(r *http.Request) (any, error) {
		var a Attempt
		if err := readJSON(r, &a); err != nil {
			return nil, err
		}
		a.ID = r.PathValue("id")
		return struct{}{}, f.ReportAttempt(r.Context(), a)
	})
	route("PUT /api/v1/workers/{name}", func(r *http.Request) (any, error) {
		var w Worker
		if err := readJSON(r, &w); err != nil {
			return nil, err
		}
		w.Name = r.PathValue("name")
		return f.ReportWorker(r.Context(), w)
	})
	route("GET /api/v1/builds/{build}/difference", func(r *http.Request) (any, error) { return f.Difference(r.Context(), r.PathValue("build")) })
	route("POST /api/v1/collect", func(r *http.Request) (any, error) {
		var req Collect
		if err := readJSON(r, &req); err != nil {
			return nil, err
		}
		return f.Collect(r.Context(), req)
	})
	route("GET /api/v1/pins", func(r *http.Request) (any, error) { return f.Pins(r.Context()) })
	route("PUT /api/v1/pins/{name}", func(r *http.Request) (any, error) { return struct{}{}, f.Pin(r.Context(), r.PathValue("name")) })
	route("DELETE /api/v1/pins/{name}", func(r *http.Request) (any, error) { return struct{}{}, f.Unpin(r.Context(), r.PathValue("name")) })
	route("GET /api/v1/toolchains", func(r *http.Request) (any, error) { return f.Toolchains(r.Context()) })
	route("GET /api/v1/workers", func(r *http.Request) (any, error) { return f.Workers(r.Context()) })
	route("PUT /api/v1/workers/{name}/order", func(r *http.Request) (any, error) {
		var order Order
		if err := readJSON(r, &order); err != nil {
			return nil, err
		}
		return f.OrderWorker(r.Context(), r.PathValue("name"), order)
	})
	route("GET /api/v1/top", func(r *http.Request) (any, error) { return f.Top(r.Context()) })
	route("GET /api/v1/schedules", func(r *http.Request) (any, error) { return f.Schedules(r.Context()) })
	route("PUT /api/v1/schedules/{name}", func(r *http.Request) (any, error) {
		var s Schedule
		if err := readJSON(r, &s); err != nil {
			return nil, err
		}
		s.Name = r.PathValue("name")
		return struct{}{}, f.AddSchedule(r.Context(), s)
	})
	route("GET /api/v1/schedules/{name}/releases", func(r *http.Request) (any, error) { return f.Releases(r.Context(), r.PathValue("name")) })
	route("POST /api/v1/schedules/{name}/check", func(r *http.Request) (any, error) {
		var s Schedule
		if err := readJSON(r, &s); err != nil {
			return nil, err
		}
		s.Name = r.PathValue("name")
		return struct{}{}, f.CheckSchedule(r.Context(), s)
	})
	route("POST /api/v1/schedules/{name}/{change}", func(r *http.Request) (any, error) {
		return struct{}{}, f.ChangeSchedule(r.Context(), r.PathValue("name"), ScheduleChange(r.PathValue("change")))
	})
	return mux
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

func serveBlob(w http.ResponseWriter, r *http.Request, f Farm) {
	digest := record.Digest(r.PathValue("digest"))
	blob, err := f.OpenBlob(r.Context(), digest)
	if err != nil {
		writeError(w, err)
		return
	}
	defer blob.Close()
	w.Header().Set("Content-Type", "application/octet-stream")
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	// A digest that turns out wrong at the end must not look like a whole answer.
	if _, err := io.Copy(w, blob); err != nil {
		panic(http.ErrAbortHandler)
	}
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
	writeJSON(w, kind.HTTPStatus(), wireError{Kind: kind.String(), Message: err.Error()})
}
