// Package version says which wasmill this is.
package version

// Version is in provenance, in answers of the API and in `wasmill --version`.
const Version = "0.1.0"
