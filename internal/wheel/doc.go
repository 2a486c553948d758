// Package wheel knows what a wheel is: its name and tags, its metadata, and how it is packed so that the same contents
// are the same bytes. It works on bytes alone: no network, nothing of a wheel is run. Builders pack with it, package audit
// reads wheels with it, fetching chooses wheels with it, the index renders what it read.
//
// Outside rules are named where they are applied: the PEPs as https://peps.python.org/ and their living form at
// https://packaging.python.org/specifications/.
package wheel
