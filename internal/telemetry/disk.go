package telemetry

import (
	"syscall"

	"github.com/prometheus/client_golang/prometheus"
)

// Disk lets the metrics tell of the disk that holds a folder, under a name for what is in it.
func (r *Registry) Disk(name, folder string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.disks[name] = folder
}

type diskCollector struct {
	registry   *Registry
	free, size *prometheus.Desc
}

// Describe implements prometheus.Collector.
func (c *diskCollector) Describe(to chan<- *prometheus.Desc) { to <- c.free; to <- c.size }

// Collect implements prometheus.Collector.
func (c *diskCollector) Collect(to chan<- prometheus.Metric) {
	c.registry.mu.Lock()
	defer c.registry.mu.Unlock()
	for name, folder := range c.registry.disks {
		var fs syscall.Statfs_t
		if syscall.Statfs(folder, &fs) != nil {
			continue // an absent value is what alerts on it look for
		}
		to <- prometheus.MustNewConstMetric(c.free, prometheus.GaugeValue, float64(fs.Bavail)*float64(fs.Bsize), name)
		to <- prometheus.MustNewConstMetric(c.size, prometheus.GaugeValue, float64(fs.Blocks)*float64(fs.Bsize), name)
	}
}
