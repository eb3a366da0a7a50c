package lake

// Retained says what Retain deleted for its age, in objects and bytes.
type Retained struct {
	Thinned    []Date  `json:"thinned"`   // dates of which only the dated zips stay
	Expired    []Date  `json:"expired"`   // dates of which nothing stays
	Snapshots  Deleted `json:"snapshots"` // objects of those dates, their manifests included
	Quarantine Deleted `json:"quarantine"`
	Runs       Deleted `json:"runs"` // records and quality reports
	Access     Deleted `json:"access"`
}

// Deleted counts deleted objects.
type Deleted struct {
	Objects int64 `json:"objects"`
	Bytes   int64 `json:"bytes"`
}
