package pages

import (
	"io"

	"github.com/usagereport/usagereport/admin/figures"
)

// UsageView is the page of figures and charts.
type UsageView struct {
	Frame      Frame
	Workspaces []Choice // field workspace_id; the first may be "all", with the value ""; a single one is shown as text
	Presets    []Link   // ranges of dates that are asked for often
	Problems   []string // what of the query could not be used, a sentence each

	// Usage is nil when there is nothing to show: nothing is published, or no usage logs.
	Usage *figures.Usage
}

// Usage writes the page of figures and charts.
func (p *Pages) Usage(w io.Writer, v UsageView) error {
	v.Frame.Here = Usage
	return p.write(w, "usage.html", v.Frame, v)
}
