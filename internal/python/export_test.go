package python

import "time"

// SetBrowserPatience is for tests of browsers that do nothing.
func SetBrowserPatience(d time.Duration) { browserPatience = d }
