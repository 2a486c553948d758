package index

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"html/template"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"github.com/wasmill/wasmill/internal/fault"
	"github.com/wasmill/wasmill/internal/record"
	"github.com/wasmill/wasmill/internal/wheel"
)

// Options say where an index is reached.
type Options struct {
	// BaseURL is the address of the index from outside, "https://wheels.example.org/2026_5", without a slash at the end.
	// Empty: made from each request's Host, X-Forwarded-Proto, -Host and -Prefix.
	BaseURL string
	// Prefix is the path that the handler sees before /simple/, "/2026_5", where it is mounted without StripPrefix.
	Prefix  string
	Runtime Runtime // for pyodide-lock.json
	// OnError is told of faults of the catalog that a client has only seen as a status; nil: nobody is.
	OnError func(*http.Request, error)
}

type handler struct {
	catalog Catalog
	options Options
}

// NewHandler serves a catalog:
//
//	/simple/                         all projects                                  (PEP 503, 691)
//	/simple/NAME/                    the files of one
//	/files/SHA256/FILENAME           a file; with .metadata behind it, its METADATA (PEP 658)
//	/libraries/                      libraries for builds outside of the farm, as HTML or, with ?format=json, JSON
//	/packages/, /packages/NAME/      for people: wheels, and beside them packages for WASI; HTML or, with ?format=json, JSON
//	/apps/, /apps/NAME/              programs for WASI, the same; below both, each file under its name
//	/pyodide-lock.json               with full URLs; with ?relative, with file names
//
// Pages and the lock have absolute URLs: micropip takes no others in JSON. They are revalidated by ETag at each use;
// files never change and are cached for good.
func NewHandler(catalog Catalog, options Options) http.Handler {
	h := &handler{catalog, options}
	mux := http.NewServeMux()
	for pattern, f := range map[string]func(http.ResponseWriter, *http.Request) error{
		"/simple/{$}":             h.list,
		"/simple/{project}":       h.project,
		"/simple/{project}/{$}":   h.project,
		"/files/{digest}/{name}":  h.file,
		"/libraries/{$}":          h.libraries,
		"/pyodide-lock.json":      h.lock,
		"/packages/{$}":           h.aboutAll(packages, "Packages"),
		"/packages/{name}":        h.aboutOne(packages),
		"/packages/{name}/{$}":    h.aboutOne(packages),
		"/packages/{name}/{file}": h.aboutFile(packages),
		"/apps/{$}":               h.aboutAll(apps, "Apps"),
		"/apps/{name}":            h.aboutOne(apps),
		"/apps/{name}/{$}":        h.aboutOne(apps),
		"/apps/{name}/{file}":     h.aboutFile(apps),
		"/simple":                 h.toSlash,
		"/":                       h.missing,
	} {
		mux.Handle(options.Prefix+pattern, h.wrap(f))
	}
	return mux
}

// wrap opens the index to pages of any origin (PyScript and micropip in a browser need it) and turns errors into
// plain text.
func (h *handler) wrap(f func(http.ResponseWriter, *http.Request) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		const methods = "GET, HEAD, OPTIONS"
		header := w.Header()
		header.Set("Access-Control-Allow-Origin", "*")
		header.Set("Access-Control-Expose-Headers", "Content-Length, Content-Range, ETag")
		header.Set("Cross-Origin-Resource-Policy", "cross-origin") // for pages isolated by COEP, as JupyterLite's
		header.Set("X-Content-Type-Options", "nosniff")
		switch r.Method {
		case http.MethodOptions:
			header.Set("Access-Control-Allow-Methods", methods)
			header.Set("Access-Control-Allow-Headers", "*")
			header.Set("Access-Control-Max-Age", "86400")
			w.WriteHeader(http.StatusNoContent)
			return
		case http.MethodGet, http.MethodHead:
		default:
			header.Set("Allow", methods)
			http.Error(w, "an index is only read", http.StatusMethodNotAllowed)
			return
		}
		if err := f(w, r); err != nil {
			h.fail(w, r, err)
		}
	})
}

func (h *handler) fail(w http.ResponseWriter, r *http.Request, err error) {
	kind := fault.KindOf(err)
	w.Header().Set("Cache-Control", "no-store") // what is missing now may be published soon
	if kind != fault.NotFound && kind != fault.Invalid {
		if h.options.OnError != nil {
			h.options.OnError(r, err)
		}
		http.Error(w, "the index can't answer now: "+kind.String(), kind.HTTPStatus())
		return
	}
	http.Error(w, err.Error(), kind.HTTPStatus())
}

func (h *handler) missing(_ http.ResponseWriter, r *http.Request) error {
	return fault.Errorf(fault.NotFound, "nothing at %s; the index is at %s/simple/", r.URL.Path, h.options.Prefix)
}

func (h *handler) toSlash(w http.ResponseWriter, r *http.Request) error {
	h.redirect(w, r, "/simple/")
	return nil
}

func (h *handler) redirect(w http.ResponseWriter, r *http.Request, path string) {
	if r.URL.RawQuery != "" {
		path += "?" + r.URL.RawQuery
	}
	http.Redirect(w, r, h.base(r)+path, http.StatusMovedPermanently)
}

func (h *handler) list(w http.ResponseWriter, r *http.Request) error {
	return h.page(w, r, listHTML, func(s *Snapshot, base string) (any, error) { return s.list(base), nil })
}

func (h *handler) project(w http.ResponseWriter, r *http.Request) error {
	given := r.PathValue("project")
	name := wheel.Normalize(given)
	if !wheel.ValidName(given) {
		return fault.Errorf(fault.NotFound, "%q is not a project's name", given)
	}
	if name != given || !strings.HasSuffix(r.URL.Path, "/") {
		h.redirect(w, r, "/simple/"+name+"/")
		return nil
	}
	return h.page(w, r, pageHTML, func(s *Snapshot, base string) (any, error) {
		if s.Files(name) == nil {
			return nil, fault.Errorf(fault.NotFound, "no project %s in this index", name)
		}
		return s.page(name, base), nil
	})
}

// page answers with a page of the simple repository API in the form that the client likes best.
func (h *handler) page(w http.ResponseWriter, r *http.Request, t *template.Template, build func(*Snapshot, string) (any, error)) error {
	w.Header().Add("Vary", "Accept")
	form := negotiate(r.URL.Query().Get("format"), strings.Join(r.Header.Values("Accept"), ","))
	if form == "" {
		http.Error(w, "this index speaks "+formJSON+", "+formHTML+" and "+formLegacy, http.StatusNotAcceptable)
		return nil
	}
	s, err := h.catalog.Snapshot(r.Context())
	if err != nil {
		return err
	}
	page, err := build(s, h.base(r))
	if err != nil {
		return err
	}
	body, err := render(form, t, page)
	if err != nil {
		return err
	}
	serveText(w, r, contentType(form), body)
	return nil
}

func (h *handler) lock(w http.ResponseWriter, r *http.Request) error {
	s, err := h.catalog.Snapshot(r.Context())
	if err != nil {
		return err
	}
	base := h.base(r)
	address := func(f File) string { return base + filePath(f) }
	if r.URL.Query().Has("relative") {
		address = func(f File) string { return f.Filename }
	}
	body, err := s.Lock(h.options.Runtime, address)
	if err != nil {
		return err
	}
	serveText(w, r, "application/json", body)
	return nil
}

// libraries lists what the farm has built of libraries.
func (h *handler) libraries(w http.ResponseWriter, r *http.Request) error {
	w.Header().Add("Vary", "Accept")
	s, err := h.catalog.Snapshot(r.Context())
	if err != nil {
		return err
	}
	form := formLegacy
	if r.URL.Query().Get("format") == "json" || strings.Contains(r.Header.Get("Accept"), "application/json") {
		form = "application/json"
	}
	body, err := renderLibraries(form, s.libraryList(h.base(r)))
	if err != nil {
		return err
	}
	serveText(w, r, contentType(form), body)
	return nil
}

// serveText sends what may change at any time: clients keep it, but ask each time whether it still holds.
func serveText(w http.ResponseWriter, r *http.Request, contentType string, body []byte) {
	sum := sha256.Sum256(body)
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-cache")
	w.Header().Set("ETag", `"`+hex.EncodeToString(sum[:16])+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

func filePath(f File) string { return "/files/" + hexOf(f.Digest) + "/" + url.PathEscape(f.Filename) }

var hexDigest = regexp.MustCompile(`^[0-9a-f]{64}$`)

// file sends a file, or its METADATA. Both must be published: the store may hold more than the index shows.
func (h *handler) file(w http.ResponseWriter, r *http.Request) error {
	digest, name := r.PathValue("digest"), r.PathValue("name")
	s, err := h.catalog.Snapshot(r.Context())
	if err != nil {
		return err
	}
	filename, metadata := strings.CutSuffix(name, ".metadata")
	f := s.find(filename, record.Digest("sha256:"+digest))
	if f == nil || !hexDigest.MatchString(digest) || metadata && f.Metadata == "" {
		return fault.Errorf(fault.NotFound, "no file %s with the sha256 %s in this index", name, digest)
	}
	what, contentType := f.Digest, "application/octet-stream"
	if metadata {
		what, contentType = f.Metadata, "text/plain; charset=utf-8"
	}
	return h.send(w, r, what, contentType, "public, max-age=31536000, immutable")
}

// send answers with a published blob.
func (h *handler) send(w http.ResponseWriter, r *http.Request, what record.Digest, contentType, keep string) error {
	content, err := h.catalog.Open(r.Context(), what)
	if err != nil {
		// It is published, so it should be there: not the client's mistake.
		return fault.Errorf(fault.Unavailable, "opening a published file: %w", err)
	}
	defer content.Close()
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", keep)
	w.Header().Set("ETag", `"`+hexOf(what)+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
	return nil
}
