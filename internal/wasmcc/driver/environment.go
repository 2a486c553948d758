package driver

import (
	"maps"
	"strconv"
	"strings"

	"github.com/wasmill/wasmill/internal/wasmcc"
	"github.com/wasmill/wasmill/internal/wasmcc/job"
)

const (
	nativePath = job.Env + "/bin:/usr/local/bin:/usr/bin:/bin"
	python     = "/opt/wasmill/python"
	native     = "/usr/bin/x86_64-linux-gnu-" // begins the names of the build machine's own tools
)

// environment is what a recipe's script sees: the variables that Pyodide's recipes rely on, what makes builds repeatable,
// and, by the names that build systems ask for (autotools and Meson, ncurses, make files), the compiler for programs that
// run while the package is built: under the plain names they get the wrapper later. Nothing comes from outside. The
// compiler wrappers are not in it yet.
func environment(j job.Job) map[string]string {
	target := wasmcc.Toolchain{Target: j.Target, Python: j.Python}
	include, sysconfig, _ := places(target)
	cflags := strings.Join(wasmcc.BaseCFlags, " ") + " -I" + include
	ldflags := strings.Join(wasmcc.BaseLDFlags, " ")
	major, minor, _ := strings.Cut(j.Python, ".")
	jobs := strconv.Itoa(max(j.Jobs, 1))
	site := job.Env + "/lib/python" + j.Python + "/site-packages"
	env := map[string]string{
		"PATH": nativePath, "HOME": job.Home, "TMPDIR": "/tmp", "LANG": "C.UTF-8", "TZ": "UTC", "USER": "build", "SHELL": "/bin/bash", "TERM": "dumb",

		"SOURCE_DATE_EPOCH": strconv.FormatInt(j.Epoch, 10), "PYTHONHASHSEED": "0", "PYTHONDONTWRITEBYTECODE": "1",
		"PYTHONNOUSERSITE": "1", "ZERO_AR_DATE": "1",

		"PYODIDE": "1", "PYODIDE_PACKAGE_ABI": "1", "PYODIDE_ROOT": python, "PYODIDE_JOBS": jobs,
		"PYODIDE_ABI_VERSION": abiVersion(j.PlatformTag), "PYODIDE_EMSCRIPTEN_VERSION": j.Emscripten,
		"PKGDIR": job.Recipe, "PKG_VERSION": j.Version, "PKG_BUILD_DIR": j.Dir, "DISTDIR": job.Dist,
		"WASM_LIBRARY_DIR": job.Libs, "EM_PKG_CONFIG_PATH": job.Libs + "/lib/pkgconfig",
		"PKG_CONFIG_LIBDIR": job.Libs + "/lib/pkgconfig:" + python + "/lib/pkgconfig",
		"PYTHONINCLUDE":     include, "TARGETINSTALLDIR": python, "HOSTINSTALLDIR": job.Env, "HOSTSITEPACKAGES": site, "NUMPY_LIB": site + "/numpy",
		"PYVERSION": j.Python, "PYMAJOR": major, "PYMINOR": minor, "PYMICRO": "0", "SYSCONFIG_NAME": sysconfig, "PLATFORM_TRIPLET": "wasm32-emscripten",
		"SIDE_MODULE_CFLAGS": cflags, "SIDE_MODULE_CXXFLAGS": cflags, "SIDE_MODULE_LDFLAGS": ldflags + " -sSIDE_MODULE=1",
		"CMAKE_TOOLCHAIN_FILE": wasmcc.CMakeFile, "MESON_CROSS_FILE": wasmcc.MesonFile,
		"CMAKE_BUILD_PARALLEL_LEVEL": jobs, "MAX_JOBS": jobs,
		"CMAKE_POLICY_VERSION_MINIMUM": "3.5", // CMake 4 refuses projects that name an older one
		"CARGO_BUILD_TARGET":           "wasm32-unknown-emscripten", "PYO3_CROSS_LIB_DIR": python + "/sysconfigdata", "PYO3_CROSS_PYTHON_VERSION": j.Python,

		"EMSDK_PYTHON": "/usr/bin/python" + j.Python,
	}
	for _, name := range []string{"CC_FOR_BUILD", "BUILD_CC", "HOST_CC", "HOSTCC"} {
		env[name] = native + "gcc"
	}
	for _, name := range []string{"CXX_FOR_BUILD", "BUILD_CXX", "HOST_CXX", "HOSTCXX"} {
		env[name] = native + "g++"
	}
	env["AR_FOR_BUILD"], env["RANLIB_FOR_BUILD"] = native+"ar", native+"ranlib"
	if target.Static() {
		static(env, target)
	}
	maps.Copy(env, j.Environment)
	return env
}

// places are where the target's Python has its headers, the name of its sysconfig data, and the folder of that.
func places(target wasmcc.Toolchain) (include, sysconfig, folder string) {
	if target.Static() {
		return target.Include(), "_sysconfigdata__wasi_wasm32-wasi", job.Libs + "/lib/sysconfigdata"
	}
	return target.Include(), "_sysconfigdata__emscripten_wasm32-emscripten", wasmcc.SystemConfig
}

// static changes what is other where nothing is loaded at run time: the flags, where Python is, and that the names by which recipes
// of libraries call Emscripten stand for this target's compiler.
func static(env map[string]string, target wasmcc.Toolchain) {
	include, _, folder := places(target)
	cflags := strings.Join(wasmcc.StaticCFlags, " ") + " -I" + include
	env["SIDE_MODULE_CFLAGS"], env["SIDE_MODULE_CXXFLAGS"], env["SIDE_MODULE_LDFLAGS"] = cflags, cflags, ""
	env["PLATFORM_TRIPLET"], env["CARGO_BUILD_TARGET"] = "wasm32-wasi", target.Target
	env["TARGETINSTALLDIR"], env["PYODIDE_ROOT"] = job.Libs, job.Libs
	env["PYO3_CROSS_LIB_DIR"] = folder
	env["PKG_CONFIG_LIBDIR"] = job.Libs + "/lib/pkgconfig:" + job.Libs + "/share/pkgconfig"
	env["PATH"] = nativePath + ":/opt/wasmill/compat"
	delete(env, "EMSDK_PYTHON")
	delete(env, "PYODIDE")
	delete(env, "PYODIDE_ABI_VERSION")
	delete(env, "PYODIDE_EMSCRIPTEN_VERSION")
}

// cross adds the compiler wrappers, and makes a Python believe that it runs on the target. It must not be in force
// where Linux wheels are installed: pip refuses them then.
func cross(env map[string]string, j job.Job) {
	env["PATH"] = wasmcc.CrossDir + ":" + env["PATH"]
	for name, tool := range map[string]string{
		"CC": "cc", "CXX": "c++", "AR": "ar", "RANLIB": "ranlib", "STRIP": "strip", "NM": "nm", "LD": "ld",
		"LDSHARED": "cc -shared", "LDCXXSHARED": "c++ -shared",
	} {
		env[name] = wasmcc.CrossDir + "/" + tool
	}
	_, sysconfig, folder := places(wasmcc.Toolchain{Target: j.Target, Python: j.Python})
	env["_PYTHON_HOST_PLATFORM"] = j.PlatformTag
	env["_PYTHON_SYSCONFIGDATA_NAME"] = sysconfig
	env["_PYTHON_SYSCONFIGDATA_PATH"] = folder
	if j.Target != "" {
		env["PYTHONPATH"] = folder // before 3.14 Python knows no other way
	}
}

// abiVersion is "2026_5" of "pyemscripten_2026_5_wasm32".
func abiVersion(tag string) string {
	_, v, _ := strings.Cut(tag, "_")
	return strings.TrimSuffix(v, "_wasm32")
}
