package lake

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// String says in one line how the day compares with its weekday.
func (v Volume) String() string {
	line := fmt.Sprintf("%s: %d events on %s %s", v.Dataset, v.Events, v.Weekday, v.Day)
	if len(v.Weeks) == 0 {
		return line + ", the first of this weekday"
	}
	return fmt.Sprintf("%s, the median of this weekday in the %d weeks before is %s", line, len(v.Weeks), strconv.FormatFloat(v.Median, 'f', -1, 64))
}

// WriteText writes the report for people.
func (q *Quality) WriteText(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "quality of run %s (%s), snapshot %s, made %s\n", q.RunID, q.Status, q.SnapshotDate, q.RunTime.UTC().Format(time.RFC3339))
	q.writeDatasets(&b)
	if len(q.Joins) > 0 {
		fmt.Fprintf(&b, "\nreferences that lead nowhere\n")
		for _, j := range q.Joins {
			fmt.Fprintf(&b, "  %s: %s\n", j.Name, count(j.Rows, "row"))
		}
	}
	if len(q.Volumes) > 0 {
		fmt.Fprintf(&b, "\nthe newest day\n")
		for _, v := range q.Volumes {
			mark := "ok "
			if v.Odd {
				mark = "ODD"
			}
			fmt.Fprintf(&b, "  %s  %s\n", mark, v)
		}
	}
	if len(q.Warnings) > 0 {
		fmt.Fprintf(&b, "\nwarnings\n")
		for _, line := range q.Warnings {
			fmt.Fprintf(&b, "  %s\n", line)
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func (q *Quality) writeDatasets(b *strings.Builder) {
	fmt.Fprintf(b, "\ndatasets\n")
	if len(q.Datasets) == 0 {
		fmt.Fprintf(b, "  none was read\n")
	}
	for _, d := range q.Datasets {
		fmt.Fprintf(b, "  %s: %s read, %d rejected, %d late, %d duplicate\n", d.Name, count(d.Read, "row"), d.Rejected, d.Late, d.Duplicate)
		for _, r := range d.Reasons {
			where := r.Column + ": "
			if r.Column == "" {
				where = ""
			}
			fmt.Fprintf(b, "    rejected: %s%s (%s)\n", where, r.Reason, count(r.Rows, "row"))
		}
		if d.OtherReasons > 0 {
			fmt.Fprintf(b, "    rejected: for other reasons (%s)\n", count(d.OtherReasons, "row"))
		}
		if d.Quarantine != "" {
			fmt.Fprintf(b, "    each rejected row is in %s\n", d.Quarantine)
		}
		for _, u := range d.Unknown {
			what := "kept as it is"
			if !u.Kept {
				what = "counted as the catch-all"
			}
			fmt.Fprintf(b, "    unknown %s %q in %s, %s\n", u.Field, u.Value, count(u.Rows, "row"), what)
		}
		if d.OtherUnknown > 0 {
			fmt.Fprintf(b, "    other unknown values in %s\n", count(d.OtherUnknown, "row"))
		}
	}
}

// count is a number of things for people.
func count(n int64, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
