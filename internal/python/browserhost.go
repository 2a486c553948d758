package python

import (
	"bytes"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// browserHost is what a page reaches of this machine, by requests to a path that only it knows: the runtime and our scripts, and the calls that
// node's fs would make. boot/browser has the other side.
type browserHost struct {
	secret  string // the first part of each path
	runtime string // folder of Pyodide
	scripts string // folder
	job     []byte // as one line

	begun   atomic.Bool // the page has taken its job
	mu      sync.Mutex
	files   map[int]*os.File
	next    int
	jobRead int
	input   *terminalInput
	signals chan byte
	end     chan ending // has room for the first
}

// ending is how the program is to end.
type ending struct {
	status int
	signal syscall.Signal
	words  string // why the page died
}

func newBrowserHost(secret, runtime, scripts string) *browserHost {
	return &browserHost{
		secret: secret, runtime: runtime, scripts: scripts, files: map[int]*os.File{}, next: firstFile, input: newTerminalInput(os.Stdin),
		signals: make(chan byte, 16), end: make(chan ending, 1),
	}
}

// firstFile is the number of the first file that is opened: those below are the streams and the job.
const firstFile = 100

func (b *browserHost) ended(e ending) {
	select {
	case b.end <- e:
	default: // it has ended already
	}
}

var nodeModule = regexp.MustCompile(`"node:(\w+)"`)

func (b *browserHost) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path, ok := strings.CutPrefix(r.URL.Path, "/"+b.secret+"/")
	if !ok {
		http.NotFound(w, r)
		return
	}
	// Only a page that shares nothing with others may share memory with its workers.
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	w.Header().Set("Cross-Origin-Embedder-Policy", "require-corp")
	w.Header().Set("Cache-Control", "no-store")
	const most = 4 << 10
	switch {
	case path == "call":
		b.call(w, r)
	case path == "signals":
		b.sendSignals(w, r)
	case path == "ended":
		text, _ := io.ReadAll(io.LimitReader(r.Body, most))
		number, _ := strconv.Atoi(string(text))
		b.ended(ending{signal: syscall.Signal(number)})
	case path == "died":
		text, _ := io.ReadAll(io.LimitReader(r.Body, most))
		b.ended(ending{words: string(text)})
	case strings.HasPrefix(path, "boot/"):
		b.script(w, r, strings.TrimPrefix(path, "boot/"))
	case strings.HasPrefix(path, "runtime/"):
		b.runtimeFile(w, r, strings.TrimPrefix(path, "runtime/"))
	default:
		http.NotFound(w, r)
	}
}

// script serves one of ours; what it imports of node is there, too.
func (b *browserHost) script(w http.ResponseWriter, r *http.Request, name string) {
	text, err := fs.ReadFile(os.DirFS(b.scripts), name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	if filepath.Ext(name) == ".mjs" {
		w.Header().Set("Content-Type", "text/javascript")
		text = nodeModule.ReplaceAll(text, []byte(`"/`+b.secret+`/boot/browser/node/$1.mjs"`))
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
}

// Outside of node the runtime has a file system of the machine's, but neither what that asks nor the numbers of flags.
var (
	machineFiles = []byte("NODEFS={isWindows")
	withAnswers  = []byte("fs=globalThis.pythonWasmFs,NODEFS={flagsForNodeMap:Object.fromEntries([0,1,2,64,128,256,512,1024,4096,131072].map((n)=>[n,n])),isWindows")
)

func (b *browserHost) runtimeFile(w http.ResponseWriter, r *http.Request, name string) {
	text, err := fs.ReadFile(os.DirFS(b.runtime), name)
	if err != nil {
		http.NotFound(w, r)
		return
	}
	switch filepath.Ext(name) {
	case ".mjs", ".js":
		w.Header().Set("Content-Type", "text/javascript")
		text = bytes.Replace(text, machineFiles, withAnswers, 1)
	case ".wasm":
		w.Header().Set("Content-Type", "application/wasm")
	}
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(text))
}

func (b *browserHost) sendSignals(w http.ResponseWriter, r *http.Request) {
	flusher := http.NewResponseController(w)
	_, _ = w.Write([]byte{0})
	_ = flusher.Flush()
	for {
		select {
		case <-r.Context().Done():
			// The page keeps this connection for as long as it lives.
			b.ended(ending{words: "its process ended: it was killed, or had no more memory"})
			return
		case s := <-b.signals:
			_, _ = w.Write([]byte{s})
			_ = flusher.Flush()
		}
	}
}
