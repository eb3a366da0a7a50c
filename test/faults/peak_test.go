package faults_test

import (
	"os"
	"syscall"
)

// peakOf returns the most memory that a process has had, in bytes: what Linux counts as resident.
func peakOf(p *os.ProcessState) int64 {
	if usage, ok := p.SysUsage().(*syscall.Rusage); ok {
		return usage.Maxrss << 10
	}
	return 0
}
