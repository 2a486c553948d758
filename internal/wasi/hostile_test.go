package wasi_test

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/wasmill/wasmill/internal/wasi"
	"github.com/wasmill/wasmill/internal/wasi/assembler"
)

// Errnos of WASI that hostile programs meet.
const (
	acces = 2
	badf  = 8
	loop  = 32
	perm  = 63
	rofs  = 69
)

// Each program takes what it can get, and is stopped, or refused, or ends.
func TestHostileUse(t *testing.T) {
	type config = wasi.Config
	i32 := assembler.I32
	for story, c := range map[string]struct {
		program func(*assembler.Program) assembler.Code
		config
		end  wasi.End
		want string
	}{
		"an endless loop": {
			func(*assembler.Program) assembler.Code { return assembler.Forever("") },
			config{Limits: wasi.Limits{Time: 50 * time.Millisecond}}, wasi.OutOfTime, "stopped after 50ms: the time was over",
		},
		"memory without end, and a trap when there is none": {
			func(*assembler.Program) assembler.Code {
				return assembler.While(assembler.Grow(16)+i32(1)+assembler.Add) + assembler.Unreachable
			},
			config{Limits: wasi.Limits{Memory: 64 << 20, Time: 10 * time.Second}}, wasi.OutOfMemory,
			"trap: unreachable, after 64.1 MiB of memory were refused: it may have 64.0 MiB",
		},
		"all memory at once": {
			func(p *assembler.Program) assembler.Code {
				return assembler.If(assembler.Grow(65535)+i32(1)+assembler.Add+assembler.Eqz, p.Exit(i32(1)))
			},
			config{Limits: wasi.Limits{Memory: 64 << 20}}, wasi.OutOfMemory, "exit status 1, after 4.0 GiB of memory were refused: it may have 64.0 MiB",
		},
		"deep recursion": {
			func(*assembler.Program) assembler.Code { return assembler.CallStart },
			config{Limits: wasi.Limits{Time: 20 * time.Second}}, wasi.Trapped, "trap: stack overflow",
		},
		"a table that grows": {
			func(p *assembler.Program) assembler.Code {
				p.Table = "\x70\x00\x00"
				grow := assembler.NullFunc + i32(1<<30) + assembler.TableGrow
				return assembler.If(grow+i32(1)+assembler.Add+assembler.Eqz, p.Exit(i32(9)))
			},
			config{}, wasi.Exited, "exit status 9",
		},
		"a sleep of 100 years": {
			func(p *assembler.Program) assembler.Code {
				at, _ := p.Bytes(strings.Repeat("\x00", 24) + "\x00\x00\x00\x00\x00\x00\xc8\x2b" + strings.Repeat("\x00", 16))
				return p.Call("poll_oneoff", i32(at), i32(4096), i32(1), i32(64)) + assembler.Drop + assembler.Forever("")
			},
			config{Limits: wasi.Limits{Time: 50 * time.Millisecond}}, wasi.OutOfTime, "stopped after 50ms: the time was over",
		},
		"more events to wait for than can be counted": {
			func(p *assembler.Program) assembler.Code {
				return p.Call("poll_oneoff", i32(0), i32(4096), i32(0x10000000), i32(64)) + assembler.Drop
			},
			config{}, wasi.Trapped, "trap: runtime error",
		},
		"output without end": {
			func(p *assembler.Program) assembler.Code {
				return assembler.Forever(p.Print(1, strings.Repeat("spam ", 200)) + assembler.Drop)
			},
			config{Limits: wasi.Limits{Output: 1 << 20, Time: 20 * time.Second}}, wasi.OutOfOutput, "stopped: it printed more than 1.0 MiB",
		},
		"a status that looks like a stop": {
			func(p *assembler.Program) assembler.Code { return p.Exit(i32(-0x10000001)) },
			config{Limits: wasi.Limits{Time: time.Hour}}, wasi.Exited, "exit status 4026531839",
		},
		"a signal to itself": {
			func(p *assembler.Program) assembler.Code { return p.Exit(p.Call("proc_raise", i32(9))) },
			config{}, wasi.Exited, "exit status 52", // not supported
		},
		"addresses that aren't its own": {
			func(p *assembler.Program) assembler.Code {
				return p.Exit(p.Call("random_get", i32(65530), i32(1<<30)))
			},
			config{}, wasi.Exited, "exit status 21", // bad address
		},
		"an open file at a number of millions": {
			func(p *assembler.Program) assembler.Code {
				return p.Open("here", 1, true) + assembler.Drop + p.Exit(p.Call("fd_renumber", assembler.Load(assembler.Opened), i32(0x7fffffff)))
			},
			config{}, wasi.Exited, "exit status 8", // bad file descriptor
		},
		"files opened without end": {
			func(p *assembler.Program) assembler.Code {
				return assembler.While(p.Open("here", 1, true)+assembler.Eqz) + p.Exit(i32(1))
			},
			config{Limits: wasi.Limits{Handles: 100}}, wasi.OutOfFiles, "exit status 1, after it had too many files open",
		},
		"folders without end": {
			func(p *assembler.Program) assembler.Code {
				at, _ := p.Bytes("folder-\x00\x00\x00\x00")
				next := p.Call("path_create_directory", i32(3), i32(at), i32(11))
				// The name's last four bytes count up, each from 'a' to 'p'.
				count := assembler.Increment(64)
				for digit := range int32(4) {
					count += i32(at+7+digit) + assembler.Load(64) + i32(4*digit) + "\x76" + i32(15) + "\x71" + i32('a') + assembler.Add + "\x3a\x00\x00"
				}
				return assembler.While(count+next+assembler.Eqz) + p.Exit(i32(1))
			},
			config{Limits: wasi.Limits{Created: 1000}}, wasi.OutOfFiles, "exit status 1, after it wanted to make more than 1000 files and folders",
		},
		"a file that fills the disk": {
			func(p *assembler.Program) assembler.Code {
				at, n := p.Bytes(strings.Repeat("x", 4096))
				iov, _ := p.Bytes(string([]byte{byte(at), byte(at >> 8), 0, 0, byte(n), byte(n >> 8), 0, 0}))
				write := p.Call("fd_write", assembler.Load(assembler.Opened), i32(iov), i32(1), i32(64))
				return p.Open("large", 1, true) + assembler.Drop + assembler.While(write+assembler.Eqz) + p.Exit(i32(1))
			},
			config{Limits: wasi.Limits{Written: 1 << 20}}, wasi.OutOfFiles, "exit status 1, after it wanted to write more than 1.0 MiB to its folders",
		},
		"a file of holes": {
			func(p *assembler.Program) assembler.Code {
				return p.Open("holes", 1, true) + assembler.Drop + p.Exit(p.Call("fd_filestat_set_size", assembler.Load(assembler.Opened), assembler.I64(1<<40)))
			},
			config{Limits: wasi.Limits{Written: 1 << 20}}, wasi.OutOfFiles, "exit status 29, after it wanted to write more than 1.0 MiB to its folders",
		},
		"a byte far behind the end": {
			func(p *assembler.Program) assembler.Code {
				at, n := p.Bytes("x")
				iov, _ := p.Bytes(string([]byte{byte(at), byte(at >> 8), 0, 0, byte(n), 0, 0, 0}))
				seek := p.Call("fd_seek", assembler.Load(assembler.Opened), assembler.I64(1<<40), i32(0), i32(64))
				return p.Open("far", 1, true) + assembler.Drop + seek + assembler.Drop +
					p.Exit(p.Call("fd_write", assembler.Load(assembler.Opened), i32(iov), i32(1), i32(64)))
			},
			config{Limits: wasi.Limits{Written: 1 << 20}}, wasi.OutOfFiles, "exit status 29, after it wanted to write more than 1.0 MiB to its folders",
		},
		"an allocation of the whole disk": {
			func(p *assembler.Program) assembler.Code {
				return p.Open("all", 1, true) + assembler.Drop +
					p.Exit(p.Call("fd_allocate", assembler.Load(assembler.Opened), assembler.I64(0), assembler.I64(1<<40)))
			},
			config{Limits: wasi.Limits{Written: 1 << 20}}, wasi.OutOfFiles, "exit status 29, after it wanted to write more than 1.0 MiB to its folders",
		},
	} {
		t.Run(story, func(t *testing.T) {
			var p assembler.Program
			dir := t.TempDir()
			c.Folders = []wasi.Folder{{Host: dir, Guest: "/", Writable: true}}
			begin := time.Now()
			r := run(t, p.Assemble(c.program(&p)), c.config)
			if r.End != c.end || !strings.HasPrefix(r.String(), c.want) {
				t.Errorf("it ended with %s, %q, want %s, %q", r.End, r, c.end, c.want)
			}
			if took := time.Since(begin); took > 30*time.Second {
				t.Errorf("it took %s", took)
			}
			if limit := c.Limits.Memory; limit > 0 && r.Memory > limit {
				t.Errorf("it had %d bytes of memory, and may have %d", r.Memory, limit)
			}
			if limit := c.Limits.Written; limit > 0 && r.Written > limit {
				t.Errorf("it wrote %d bytes, and may write %d", r.Written, limit)
			}
		})
	}
}

// Each program tries to reach a file beside its folder: to read it, to write there, to list it. A status of 0 would be a
// success of its own; the status is the errno that it got.
func TestHostilePaths(t *testing.T) {
	i32 := assembler.I32
	link := func(p *assembler.Program, target, name string) assembler.Code {
		return p.Call("path_symlink", p.Text(target), i32(3), p.Text(name))
	}
	for story, c := range map[string]struct {
		try  func(*assembler.Program) assembler.Code // leaves an errno
		want uint32
	}{
		"up":          {func(p *assembler.Program) assembler.Code { return p.Open("../outside/secret", 0, false) }, perm},
		"down and up": {func(p *assembler.Program) assembler.Code { return p.Open("sub/../../outside/secret", 0, false) }, perm},
		"up many times": {func(p *assembler.Program) assembler.Code {
			return p.Open(strings.Repeat("../", 40)+"etc/passwd", 0, false)
		}, perm},
		"an absolute path":              {func(p *assembler.Program) assembler.Code { return p.Open("/etc/passwd", 0, false) }, perm},
		"a path with a zero byte":       {func(p *assembler.Program) assembler.Code { return p.Open("sub\x00/../../outside/secret", 0, false) }, perm},
		"a link to a file":              {func(p *assembler.Program) assembler.Code { return p.Open("tofile", 0, false) }, perm},
		"a link to a file, written":     {func(p *assembler.Program) assembler.Code { return p.Open("tofile", 8, true) }, perm},
		"a link to a folder":            {func(p *assembler.Program) assembler.Code { return p.Open("tofolder/secret", 0, false) }, perm},
		"a link to a folder, opened":    {func(p *assembler.Program) assembler.Code { return p.Open("tofolder", 2, false) }, perm},
		"a relative link":               {func(p *assembler.Program) assembler.Code { return p.Open("relative", 0, false) }, perm},
		"a link through a link":         {func(p *assembler.Program) assembler.Code { return p.Open("twice", 0, false) }, perm},
		"a link to itself":              {func(p *assembler.Program) assembler.Code { return p.Open("itself", 0, false) }, loop},
		"a link of its own, absolute":   {func(p *assembler.Program) assembler.Code { return link(p, "/etc/passwd", "mine") }, perm},
		"a link of its own, up":         {func(p *assembler.Program) assembler.Code { return link(p, "../outside/secret", "mine") }, perm},
		"a link of its own, from below": {func(p *assembler.Program) assembler.Code { return link(p, "../../outside/secret", "sub/mine") }, perm},
		"a link to be made outside":     {func(p *assembler.Program) assembler.Code { return link(p, "sub", "tofolder/mine") }, perm},
		"a folder made outside": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_create_directory", i32(3), p.Text("tofolder/mine"))
		}, perm},
		"a file made outside": {func(p *assembler.Program) assembler.Code { return p.Open("tofolder/mine", 1, true) }, perm},
		"a file removed outside": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_unlink_file", i32(3), p.Text("tofolder/secret"))
		}, perm},
		"a file moved out": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_rename", i32(3), p.Text("file"), i32(3), p.Text("tofolder/file"))
		}, perm},
		"a file moved up": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_rename", i32(3), p.Text("file"), i32(3), p.Text("../file"))
		}, perm},
		"a file moved in": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_rename", i32(3), p.Text("tofolder/secret"), i32(3), p.Text("mine"))
		}, perm},
		"a hard link to what is outside": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_link", i32(3), i32(1), p.Text("tofolder/secret"), i32(3), p.Text("mine"))
		}, perm},
		"a hard link from outside": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_link", i32(3), i32(0), p.Text("file"), i32(3), p.Text("tofolder/mine"))
		}, perm},
		"the times of what is outside": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_filestat_set_times", i32(3), i32(1), p.Text("tofile"), assembler.I64(1), assembler.I64(1), i32(5))
		}, perm},
		"what is outside, looked at": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_filestat_get", i32(3), i32(1), p.Text("tofile"), i32(128))
		}, perm},
		"a pipe": {func(p *assembler.Program) assembler.Code { return p.Open("pipe", 0, false) }, acces},
		"a read-only folder: made": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_create_directory", i32(4), p.Text("mine"))
		}, rofs},
		"a read-only folder: removed": {func(p *assembler.Program) assembler.Code { return p.Call("path_unlink_file", i32(4), p.Text("fixed")) }, rofs},
		"a read-only folder: moved": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_rename", i32(4), p.Text("fixed"), i32(4), p.Text("mine"))
		}, rofs},
		"a read-only folder: linked": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_symlink", p.Text("fixed"), i32(4), p.Text("mine"))
		}, rofs},
		"a read-only folder: times": {func(p *assembler.Program) assembler.Code {
			return p.Call("path_filestat_set_times", i32(4), i32(1), p.Text("fixed"), assembler.I64(1), assembler.I64(1), i32(5))
		}, rofs},
		"a number that isn't a folder": {func(p *assembler.Program) assembler.Code { return p.Call("path_unlink_file", i32(77), p.Text("fixed")) }, badf},
		"from a folder that it opened, up": {func(p *assembler.Program) assembler.Code {
			return p.Open("sub", 2, false) + assembler.Drop + p.Call("path_open", assembler.Load(assembler.Opened), i32(1), p.Text("../../outside/secret"), i32(0), assembler.I64(2), assembler.I64(0), i32(0), i32(64))
		}, perm},
	} {
		t.Run(story, func(t *testing.T) {
			base := t.TempDir()
			dir, outside, fixed := filepath.Join(base, "dir"), filepath.Join(base, "outside"), filepath.Join(base, "fixed")
			for _, d := range []string{dir, outside, fixed, filepath.Join(dir, "sub")} {
				if err := os.Mkdir(d, 0o755); err != nil {
					t.Fatal(err)
				}
			}
			for _, f := range []string{filepath.Join(outside, "secret"), filepath.Join(fixed, "fixed"), filepath.Join(dir, "file")} {
				if err := os.WriteFile(f, []byte("as it was"), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			for name, target := range map[string]string{
				"tofile": filepath.Join(outside, "secret"), "tofolder": outside, "relative": "../outside/secret", "twice": "relative", "itself": "itself",
			} {
				if err := os.Symlink(target, filepath.Join(dir, name)); err != nil {
					t.Fatal(err)
				}
			}
			if err := syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o644); err != nil {
				t.Fatal(err)
			}
			before := tree(t, base)
			var p assembler.Program
			try := c.try(&p)
			r := run(t, p.Assemble(p.Exit(try)), wasi.Config{
				Folders: []wasi.Folder{{Host: dir, Guest: "/", Writable: true}, {Host: fixed, Guest: "/fixed"}}, Limits: wasi.Limits{Time: 5 * time.Second},
			})
			if r.Status != c.want || r.End != wasi.Exited {
				t.Errorf("it ended with %s, want status %d", r, c.want)
			}
			if after := tree(t, base); after != before {
				t.Errorf("it changed\n%s\ninto\n%s", before, after)
			}
		})
	}
}

// tree lists all that is below a folder.
func tree(t *testing.T, dir string) string {
	t.Helper()
	var out strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		content := ""
		if d.Type().IsRegular() {
			b, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = string(b) + info.ModTime().String()
		}
		out.WriteString(strings.TrimPrefix(path, dir) + " " + info.Mode().String() + " " + content + "\n")
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// What links do inside a folder still works.
func TestLinksInside(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), []byte("x"), 0o644); err != nil {
		t.Fatal(err)
	}
	var p assembler.Program
	r := run(t, p.Assemble(
		p.Call("path_create_directory", assembler.I32(3), p.Text("sub"))+assembler.Drop,
		p.Call("path_symlink", p.Text("../file"), assembler.I32(3), p.Text("sub/link"))+assembler.Drop,
		p.Call("path_link", assembler.I32(3), assembler.I32(0), p.Text("file"), assembler.I32(3), p.Text("hard"))+assembler.Drop,
		p.Call("path_rename", assembler.I32(3), p.Text("hard"), assembler.I32(3), p.Text("sub/hard"))+assembler.Drop,
		p.Exit(p.Open("sub/link", 0, false)),
	), wasi.Config{Folders: []wasi.Folder{{Host: dir, Guest: "/", Writable: true}}})
	if r.Status != 0 {
		t.Errorf("opening a link to a file of the same folder: errno %d", r.Status)
	}
	for _, name := range []string{"sub/link", "sub/hard"} {
		if b, err := os.ReadFile(filepath.Join(dir, name)); err != nil || string(b) != "x" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
}

// A program opens its folder as ".", and looks for what is in it from there, as a C library's readdir does.
func TestFromAnOpenedFolder(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, "sub", "deep"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, opened := range []string{".", "sub", "./", "sub/"} {
		var p assembler.Program
		below := map[bool]string{true: "deep", false: "sub"}[strings.HasPrefix(opened, "sub")]
		r := run(t, p.Assemble(
			p.Open(opened, 2, false)+assembler.Drop,
			p.Exit(p.Call("path_filestat_get", assembler.Load(assembler.Opened), assembler.I32(0), p.Text(below), assembler.I32(128))),
		), wasi.Config{Folders: []wasi.Folder{{Host: dir, Guest: "/"}}})
		if r.Status != 0 {
			t.Errorf("%s from %s: errno %d", below, opened, r.Status)
		}
	}
}

// What a run took is given back when it ends, however it ends.
func TestNothingStays(t *testing.T) {
	var p assembler.Program
	program := load(t, p.Assemble(p.Open("here", 1, true)+assembler.Drop, assembler.Grow(1024)+assembler.Drop, assembler.Forever("")))
	dir := t.TempDir()
	once := func() {
		r, err := program.Run(context.Background(), wasi.Config{
			Folders: []wasi.Folder{{Host: dir, Guest: "/", Writable: true}}, Limits: wasi.Limits{Time: 5 * time.Millisecond, Memory: 128 << 20},
		})
		if err != nil || r.End != wasi.OutOfTime || r.Memory != 1025*64<<10 {
			t.Fatalf("it ended with %+v, %v", r, err)
		}
	}
	once()
	goroutines, files, maps := runtime.NumGoroutine(), opened(t), mapped(t)
	for range 30 {
		once()
	}
	time.Sleep(50 * time.Millisecond)
	if now := runtime.NumGoroutine(); now > goroutines+2 {
		t.Errorf("%d goroutines were %d", now, goroutines)
	}
	if now := opened(t); now > files {
		t.Errorf("%d open files were %d", now, files)
	}
	if now := mapped(t); now > maps+10 {
		t.Errorf("%d mappings were %d", now, maps)
	}
}

func opened(t *testing.T) int { return entries(t, "/proc/self/fd") }

func entries(t *testing.T, dir string) int {
	t.Helper()
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

func mapped(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		t.Skip(err)
	}
	return strings.Count(string(b), "\n")
}
