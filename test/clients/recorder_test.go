//go:build engine

package clients

import (
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// server serves the index on a loopback address and remembers what it was asked.
type server struct {
	address string
	tamper  func(path string, body []byte) []byte // changes what is served; nil changes nothing

	handler http.Handler
	mu      sync.Mutex
	log     []string // "path accept"
}

func listen(t *testing.T) *server {
	s := &server{}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	s.address = web.URL
	return s
}

func (s *server) simple() string { return s.address + "/simple" }
func (s *server) lock() string   { return s.address + "/pyodide-lock.json" }

func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.log = append(s.log, r.URL.Path+" "+r.Header.Get("Accept"))
	s.mu.Unlock()
	if s.tamper == nil {
		s.handler.ServeHTTP(w, r)
		return
	}
	recorder := httptest.NewRecorder()
	s.handler.ServeHTTP(recorder, r)
	body := s.tamper(r.URL.Path, recorder.Body.Bytes())
	for name, values := range recorder.Header() {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(recorder.Code)
	_, _ = w.Write(body)
}

func (s *server) requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.log...)
}

// asked says whether a request's path ends like this and it accepts that.
func (s *server) asked(path, accept string) bool {
	for _, request := range s.requests() {
		got, accepted, _ := strings.Cut(request, " ")
		if strings.HasSuffix(got, path) && strings.Contains(accepted, accept) {
			return true
		}
	}
	return false
}
