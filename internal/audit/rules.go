package audit

import "github.com/wasmill/wasmill/internal/record"

// Severities of a rule.
const (
	Error   = record.Error
	Warning = record.Warning
)

// Rule is one thing that the audit looks for. Names are stable: reports, ignore lists and documentation use them.
type Rule struct {
	Name     string
	Severity string
	Doc      string // what is wrong, one sentence
	Why      string // what happens to a wheel that breaks the rule
	Fix      string // what to do about it
}

// The rules, by what they look at: the wheel, its modules' outside, their imports, their inside.
var (
	BadWheel = rule("bad-wheel", Error, "The file is not a wheel: no zip archive, unsafe paths, no readable METADATA, WHEEL or RECORD.",
		"Installers refuse it, or install a damaged file.", "Build or download the wheel again.")
	WrongTag = rule("wrong-tag", Error, "The file name's tags are not for this Python or platform.",
		"Installers for the ABI pass over the wheel.", "Build it for the ABI; renaming the file does not change what is inside.")
	TagMismatch = rule("tag-mismatch", Error, "WHEEL names other tags than the file name.",
		"Tools that unpack and pack the wheel again, and some installers, go by WHEEL.", "Change tags with `python -m wheel tags`, which changes both.")
	MetadataMismatch = rule("metadata-mismatch", Error, "METADATA names another project or version than the file name.",
		"Package indexes and installers refuse it.", "Build the wheel again; a file must not be renamed by hand.")
	RequiresPython = rule("requires-python", Error, "METADATA's Requires-Python does not admit the ABI's Python.",
		"Installers pass over the wheel.", "Widen requires-python in the project's metadata.")
	RecordMismatch = rule("record-mismatch", Error, "RECORD does not agree with the files.",
		"Installers that verify refuse the wheel; removing the package leaves files behind.", "Change wheels with `wheel unpack` and `wheel pack`, which write RECORD.")
	SizeBudget = rule("size-budget", Error, "The wheel is larger than its budget: the recipe's wasmill.max-size, or --max-size.",
		"Every user in a browser downloads it.", "Leave out tests, data and debug sections; compile with -Oz.")
	BinaryInPure = rule("binary-in-pure", Error, "A wheel for any platform holds machine code.",
		"It is installed everywhere and imports nowhere but where it was built.", "Tag the wheel for its platform: the extension was put in as a data file.")
	NoBinary = rule("no-binary", Warning, "A wheel for one platform holds no machine code.",
		"Nothing breaks, but a wheel tagged py3-none-any would serve every platform.", "Tag it py3-none-any, or find out why the extension is missing.")
	ForeignBinary = rule("foreign-binary", Error, "A library is machine code of another platform: ELF, Mach-O or PE.",
		"The loader says: need to see wasm magic number.", "Some part of the build called the machine's own compiler, or packed a prebuilt library; look for that in the build's log.")
	WrongSuffix = rule("wrong-suffix", Error, "An extension module's file name is one that this Python does not look for.",
		"Importing it is a ModuleNotFoundError.", "The build took EXT_SUFFIX from the machine's own Python: set _PYTHON_SYSCONFIGDATA_NAME.")
	NotWasm = rule("not-wasm", Error, "A library is not a WebAssembly module, or a damaged one, or has instructions that nothing knows.",
		"The engine refuses to compile it.", "Build it again; what is damaged and where stands in the finding.")
	NoDylink = rule("no-dylink", Error, "A module has no dylink.0 section: it is not a side module, or was stripped.",
		"The loader says: need the dylink section to be first.", "Link with -sSIDE_MODULE=2; do not run emstrip or wasm-opt with --strip on it.")
	DylinkNotFirst = rule("dylink-not-first", Error, "dylink.0 is not the first section, where loaders demand it.",
		"The loader says: need the dylink section to be first.", "A tool rewrote the module after linking; leave it out.")
	MissingInit = rule("missing-init", Error, "An extension module exports nothing, or an init function (PyInit_, PyModExport_) of another name than its own.",
		"Importing it is an ImportError: dynamic module does not define module export function.", "Export it: -sEXPORTED_FUNCTIONS=_PyInit_NAME; a module that was renamed needs its init function renamed.")
	MissingNeeded = rule("missing-needed", Error, "A library that is NEEDED is not in the wheel.",
		"dlopen fails: could not load dynamic lib.", "Put the library into the wheel (auditwheel-emscripten does), or link it statically.")
	NoRuntimePath = rule("no-runtime-path", Error, "A library that is NEEDED is in the wheel, but not where the loader looks.",
		"dlopen fails: could not load dynamic lib.", "Link with -Wl,-rpath,'$ORIGIN/../NAME.libs', the path from the module's folder to the library's.")
	NeedsInstaller = rule("needs-installer", Warning, "A library that is NEEDED lies in NAME.libs, where only Pyodide's own installer looks on this ABI.",
		"It loads after micropip.install or loadPackage, and fails where the files were merely unpacked.", "Link the library statically, or leave it: this ABI has nothing better.")
	UndefinedSymbol = rule("undefined-symbol", Error, "Nothing provides a variable, tag or address that is imported: not the runtime, a NEEDED library or the module.",
		"The module does not load: bad export type, or LinkError.", "Compile what defines it, link the library that has it, or leave out what wants it.")
	UndefinedFunction = rule("undefined-function", Warning, "Nothing provides a function that is called: not the runtime, a NEEDED library or the module.",
		"The module loads; the loader puts a stub in the function's place. A call of it throws, and ends the interpreter.", "Nothing, if it is never called, such as what wraps functions for threads. Else compile what defines it, or link the library that has it.")
	WASIImport = rule("wasi-import", Error, "Imports a function of wasi_snapshot_preview1 that the runtime does not provide.",
		"The first call of it throws.", "Compile for wasm32-unknown-emscripten, not for WASI.")
	LibcxxNamespace = rule("libcxx-namespace", Error, "Imports the C++ library of another compiler: its inline namespace is __1, Emscripten's is __2.",
		"The module loads, and aborts at the first call into the C++ library.", "Compile with Emscripten's own headers: no -I of a native libc++, no -D_LIBCPP_ABI_NAMESPACE.")
	SignatureMismatch = rule("signature-mismatch", Error, "A function is imported or exported with another type than the runtime's main module gives it; instantiation fails.",
		"The module does not load: LinkError: imported function does not match the expected type. An init function of another type traps.", "Declare the function as its header does (-Werror=implicit-function-declaration finds the place); for 64-bit arguments link with -sWASM_BIGINT.")
	LooseSignature = rule("loose-signature", Warning, "A function is imported with another type than JavaScript or a NEEDED library gives it; calls go through JavaScript, which converts or drops arguments.",
		"Calls may get wrong arguments, or throw where a 64-bit number is wanted.", "Declare the function as its header does.")
	JSExceptions = rule("js-exceptions", Error, "Compiled for exceptions or longjmp made by JavaScript; the ABI wants -fwasm-exceptions -sSUPPORT_LONGJMP=wasm.",
		"The runtime has no invoke_ functions: the first try or setjmp throws.", "Compile and link everything with -fwasm-exceptions -sSUPPORT_LONGJMP=wasm.")
	WasmExceptions = rule("wasm-exceptions", Error, "Compiled for WebAssembly exceptions, which this old ABI does not provide.",
		"The module does not load: its tags __cpp_exception or __c_longjmp are missing.", "Compile without -fwasm-exceptions for this ABI, or build for a newer one.")
	Threads = rule("threads", Error, "Compiled with -pthread (shared memory or atomics), which no ABI of this kind loads.",
		"The module does not load: the runtime's memory is not shared.", "Leave out -pthread and -matomics.")
	UnsupportedFeature = rule("unsupported-feature", Error, "Has instructions that engines on which the ABI's runtime runs do not know.",
		"They refuse to compile the module: CompileError.", "Leave out the flag that allows them: -sWASM_LEGACY_EXCEPTIONS=0, -sMEMORY64 and the like.")
	NewerEngine = rule("newer-engine", Warning, "Has instructions that current engines know, and older ones do not on which the ABI's runtime runs.",
		"Older engines refuse to compile the module: CompileError.", "Leave out -mrelaxed-simd, -mtail-call or -mextended-const, if those engines count.")
	ForeignImport = rule("foreign-import", Error, "Imports from a module that the loader does not provide.",
		"The module does not load.", "wasm-bindgen and other loaders than Emscripten's need another target: compile for wasm32-unknown-emscripten.")
	BuildPath = rule("build-path", Warning, "Absolute paths of the machine that built it are left in the binary.",
		"The wheel tells of its builder, and is not the same bytes when built elsewhere. A RUNTIME_PATH of this kind finds nothing.", "Compile with -ffile-prefix-map=DIR=. (Rust: --remap-path-prefix DIR=.), and link with -rpath '$ORIGIN/…'.")
	DebugSections = rule("debug-sections", Warning, "A module carries sections for debuggers.",
		"Every user downloads them.", "Compile and link with -g0.")
)

var rules []Rule

func rule(name, severity, doc, why, fix string) Rule {
	r := Rule{name, severity, doc, why, fix}
	rules = append(rules, r)
	return r
}

// Rules are all rules of the audit, in the order of their documentation.
func Rules() []Rule { return append([]Rule(nil), rules...) }

func (r Rule) finding(file, symbol, reason string) record.Finding {
	return record.Finding{Rule: r.Name, Severity: r.Severity, File: file, Symbol: symbol, Reason: reason}
}

// Errors counts the findings that keep a wheel from working.
func Errors(found []record.Finding) (n int) {
	for _, f := range found {
		if f.Severity == Error {
			n++
		}
	}
	return n
}
