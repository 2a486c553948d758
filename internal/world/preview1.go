package world

import (
	"maps"
	"slices"

	"github.com/wasmill/wasmill/internal/wheel/wasm"
)

// Preview1 is the module from which programs import WASI preview 1.
const Preview1 = "wasi_snapshot_preview1"

// preview1 are the functions of WASI preview 1 (https://github.com/WebAssembly/WASI, tag snapshot-01).
var preview1 = map[string]wasm.Signature{
	"args_get":                "ii:i",
	"args_sizes_get":          "ii:i",
	"clock_res_get":           "ii:i",
	"clock_time_get":          "iji:i",
	"environ_get":             "ii:i",
	"environ_sizes_get":       "ii:i",
	"fd_advise":               "ijji:i",
	"fd_allocate":             "ijj:i",
	"fd_close":                "i:i",
	"fd_datasync":             "i:i",
	"fd_fdstat_get":           "ii:i",
	"fd_fdstat_set_flags":     "ii:i",
	"fd_fdstat_set_rights":    "ijj:i",
	"fd_filestat_get":         "ii:i",
	"fd_filestat_set_size":    "ij:i",
	"fd_filestat_set_times":   "ijji:i",
	"fd_pread":                "iiiji:i",
	"fd_prestat_dir_name":     "iii:i",
	"fd_prestat_get":          "ii:i",
	"fd_pwrite":               "iiiji:i",
	"fd_read":                 "iiii:i",
	"fd_readdir":              "iiiji:i",
	"fd_renumber":             "ii:i",
	"fd_seek":                 "ijii:i",
	"fd_sync":                 "i:i",
	"fd_tell":                 "ii:i",
	"fd_write":                "iiii:i",
	"path_create_directory":   "iii:i",
	"path_filestat_get":       "iiiii:i",
	"path_filestat_set_times": "iiiijji:i",
	"path_link":               "iiiiiii:i",
	"path_open":               "iiiiijjii:i",
	"path_readlink":           "iiiiii:i",
	"path_remove_directory":   "iii:i",
	"path_rename":             "iiiiii:i",
	"path_symlink":            "iiiii:i",
	"path_unlink_file":        "iii:i",
	"poll_oneoff":             "iiii:i",
	"proc_exit":               "i:",
	"proc_raise":              "i:i",
	"random_get":              "ii:i",
	"sched_yield":             ":i",
	"sock_accept":             "iii:i", // came later than the others, under the same name
	"sock_recv":               "iiiiii:i",
	"sock_send":               "iiiii:i",
	"sock_shutdown":           "ii:i",
}

// Preview1Functions are the names of WASI preview 1's functions, sorted.
func Preview1Functions() []string { return slices.Sorted(maps.Keys(preview1)) }

// Preview1Signature is the type of one of them; empty for what is none.
func Preview1Signature(name string) wasm.Signature { return preview1[name] }
