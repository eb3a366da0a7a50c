package jobs

// Fix returns the request with the date and the run time that a run of it would take if it began now, and the id that
// this run will have: for those who speak of a run before it begins.
func (n *Night) Fix(req Request) (Request, string) {
	r := n.newRun(req, n.Now())
	req.Date, req.RunTime = &r.date, r.time
	return req, runID(r.date, r.time)
}
