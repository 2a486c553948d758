package fetch

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/wasmill/wasmill/internal/fault"
)

// interpreter writes a program that answers uv's question about a Python as the target's would, and returns its path.
//
// uv doesn't resolve without an interpreter, although with a version and a platform given it uses nothing of it. A
// worker needn't have one: Python lives in the toolchain's image. uv runs "python -c <script>" and reads one JSON
// document (crates/uv-python/python/get_interpreter_info.py in uv's source); its form belongs to uv's version, which
// the toolchain's lock pins.
func (r *Resolver) interpreter(target Target) (string, error) {
	tag := strings.ReplaceAll(target.Python, ".", "")
	paths := map[string]string{"platlib": "/lib", "purelib": "/lib", "include": "/include", "scripts": "/bin", "data": "/"}
	answer, err := json.Marshal(map[string]any{
		"result": "success",
		"markers": map[string]string{
			"implementation_name": "cpython", "implementation_version": target.Python + ".0",
			"os_name": "posix", "sys_platform": "linux", "platform_system": "Linux",
			"platform_machine": target.Arch, "platform_python_implementation": "CPython",
			"platform_release": "", "platform_version": "",
			"python_full_version": target.Python + ".0", "python_version": target.Python,
		},
		"sys_base_prefix": "/usr", "sys_base_exec_prefix": "/usr", "sys_prefix": "/usr",
		"sys_base_executable": "/usr/bin/python3", "sys_executable": "/usr/bin/python3",
		"sys_path": []string{}, "site_packages": []string{}, "stdlib": "/usr/lib/python" + target.Python,
		"extension_suffixes": []string{".cpython-" + tag + "-" + target.Arch + "-linux-gnu.so", ".abi3.so", ".so"},
		"scheme":             paths, "virtualenv": paths,
		"os":                   map[string]any{"name": "manylinux", "major": 2, "minor": target.Glibc},
		"arch":                 target.Arch,
		"cpu_info":             map[string]any{"detected": map[string]string{"kind": "flags", "flags": ""}},
		"manylinux_compatible": true,
		"standalone":           false,
		"gil_disabled":         false,
		"debug_enabled":        false,
		"pointer_size":         "64",
	})
	if err != nil {
		return "", err
	}
	if strings.Contains(string(answer), "'") {
		return "", fault.Errorf(fault.Invalid, "a target has a quote in its name: %+v", target)
	}
	script := "#!/bin/sh\nprintf '%s\\n' '" + string(answer) + "'\n"
	sum := sha256.Sum256([]byte(script))
	// The name holds the content's hash, because uv remembers answers by path.
	file := filepath.Join(r.Cache, "python-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(file); err == nil {
		return file, nil
	}
	if err := os.MkdirAll(r.Cache, 0o755); err != nil {
		return "", err
	}
	return file, writeAside(file, []byte(script), 0o755)
}

// writeAside gives a file its name once its content is complete.
func writeAside(file string, data []byte, mode os.FileMode) error {
	aside, err := os.CreateTemp(filepath.Dir(file), ".writing-")
	if err != nil {
		return err
	}
	_, err = aside.Write(data)
	if err := errors.Join(err, aside.Chmod(mode), aside.Sync(), aside.Close()); err != nil {
		return errors.Join(err, os.Remove(aside.Name()))
	}
	return os.Rename(aside.Name(), file)
}
