package pip

import (
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
)

// transport is the way to indexes, with the names and passwords of ~/.netrc, which pip and uv use too.
func (p *Python) transport() http.RoundTripper {
	if p.offline {
		return unplugged{}
	}
	way := http.DefaultTransport
	if proxy, err := url.Parse(p.proxy); p.proxy != "" && err == nil {
		through := http.DefaultTransport.(*http.Transport).Clone()
		through.Proxy = http.ProxyURL(proxy)
		way = through
	}
	file := p.lookup("NETRC")
	if file == "" {
		file = filepath.Join(p.lookup("HOME"), ".netrc")
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return way
	}
	return &withNetrc{way, parseNetrc(string(text))}
}

type login struct{ name, password string }

type withNetrc struct {
	next   http.RoundTripper
	logins map[string]login
}

func (t *withNetrc) RoundTrip(req *http.Request) (*http.Response, error) {
	l, known := t.logins[req.URL.Hostname()]
	if !known || req.Header.Get("Authorization") != "" {
		return t.next.RoundTrip(req)
	}
	req = req.Clone(req.Context())
	req.SetBasicAuth(l.name, l.password)
	return t.next.RoundTrip(req)
}

// parseNetrc reads machines with their logins. The entry "default" is not for indexes: it would send a password anywhere.
func parseNetrc(text string) map[string]login {
	logins := map[string]login{}
	words := strings.Fields(text)
	machine := ""
	for i := 0; i+1 < len(words); i++ {
		switch words[i] {
		case "machine":
			machine = words[i+1]
		case "login":
			l := logins[machine]
			l.name = words[i+1]
			logins[machine] = l
		case "password":
			l := logins[machine]
			l.password = words[i+1]
			logins[machine] = l
		case "default":
			machine = ""
			continue
		default:
			continue
		}
		i++
	}
	delete(logins, "")
	return logins
}
