package wheel

import "github.com/wasmill/wasmill/internal/record"

// Severities of a finding: an error keeps the wheel from loading or being installed, or makes a call go wrong.
const (
	Error   = "error"
	Warning = "warning"
)

// Rule is one thing that the audit looks for. Names are stable: reports, ignore lists and documentation use them.
type Rule struct {
	Name     string
	Severity string
	Doc      string
}

// The rules, by what they look at: the wheel, its modules' outside, their imports.
var (
	BadWheel          = rule("bad-wheel", Error, "The file is not a wheel: no zip archive, unsafe paths, no readable METADATA, WHEEL or RECORD.")
	WrongTag          = rule("wrong-tag", Error, "The file name's tags are not for this Python or platform.")
	TagMismatch       = rule("tag-mismatch", Error, "WHEEL names other tags than the file name.")
	MetadataMismatch  = rule("metadata-mismatch", Error, "METADATA names another project or version than the file name.")
	RecordMismatch    = rule("record-mismatch", Error, "RECORD does not agree with the files.")
	BinaryInPure      = rule("binary-in-pure", Error, "A wheel for any platform holds machine code.")
	NoBinary          = rule("no-binary", Warning, "A wheel for one platform holds no machine code.")
	WrongSuffix       = rule("wrong-suffix", Error, "An extension module's file name is one that this Python does not look for.")
	NotWasm           = rule("not-wasm", Error, "A library is not a WebAssembly module, or a damaged one.")
	NoDylink          = rule("no-dylink", Error, "A module has no dylink.0 section: it is not a side module, or was stripped.")
	DylinkNotFirst    = rule("dylink-not-first", Error, "dylink.0 is not the first section, where loaders demand it.")
	MissingInit       = rule("missing-init", Error, "An extension module does not export its PyInit_ or PyModExport_ function.")
	MissingNeeded     = rule("missing-needed", Error, "A library that is NEEDED is not in the wheel.")
	NoRuntimePath     = rule("no-runtime-path", Error, "A library that is NEEDED is in the wheel, but not where the loader looks.")
	UndefinedSymbol   = rule("undefined-symbol", Error, "Nothing provides a symbol that is imported: not the runtime, a NEEDED library or the module.")
	SignatureMismatch = rule("signature-mismatch", Error, "A function is imported with another type than the runtime's main module gives it; instantiation fails.")
	LooseSignature    = rule("loose-signature", Warning, "A function is imported with another type than JavaScript or a NEEDED library gives it; calls go through JavaScript, which converts or drops arguments.")
	JSExceptions      = rule("js-exceptions", Error, "Compiled for exceptions or longjmp made by JavaScript; the ABI wants -fwasm-exceptions -sSUPPORT_LONGJMP=wasm.")
	WasmExceptions    = rule("wasm-exceptions", Error, "Compiled for WebAssembly exceptions, which this old ABI does not provide.")
	Threads           = rule("threads", Error, "Compiled with -pthread (shared memory or atomics), which no ABI of this kind loads.")
	ForeignImport     = rule("foreign-import", Error, "Imports from a module that the loader does not provide.")
)

var rules []Rule

func rule(name, severity, doc string) Rule {
	r := Rule{name, severity, doc}
	rules = append(rules, r)
	return r
}

// Rules are all rules of the audit, in the order of their documentation.
func Rules() []Rule { return append([]Rule(nil), rules...) }

func (r Rule) finding(file, symbol, reason string) record.Finding {
	return record.Finding{Rule: r.Name, Severity: r.Severity, File: file, Symbol: symbol, Reason: reason}
}
