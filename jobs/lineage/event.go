package lineage

import "time"

// The types of events that are sent.
const (
	start    = "START"
	complete = "COMPLETE"
	fail     = "FAIL"
	abort    = "ABORT"
)

// event is a RunEvent of OpenLineage, as far as it is used here.
type event struct {
	Time     time.Time `json:"eventTime"`
	Type     string    `json:"eventType"`
	Producer string    `json:"producer"`
	Schema   string    `json:"schemaURL"`
	Run      runOf     `json:"run"`
	Job      job       `json:"job"`
	Inputs   []dataset `json:"inputs"`
	Outputs  []dataset `json:"outputs"`
}

type runOf struct {
	ID     string         `json:"runId"` // a UUID
	Facets map[string]any `json:"facets"`
}

type job struct {
	Namespace string         `json:"namespace"`
	Name      string         `json:"name"`
	Facets    map[string]any `json:"facets"`
}

type dataset struct {
	Namespace    string         `json:"namespace"`
	Name         string         `json:"name"`
	Facets       map[string]any `json:"facets,omitempty"`
	InputFacets  map[string]any `json:"inputFacets,omitempty"`
	OutputFacets map[string]any `json:"outputFacets,omitempty"`
}

// producer names what makes the events.
const producer = "https://github.com/usagereport/usagereport"

// Where the schema of an event and of each facet is published.
const (
	spec                = "https://openlineage.io/spec/"
	runEventSchema      = spec + "2-0-2/OpenLineage.json#/$defs/RunEvent"
	nominalTimeSchema   = spec + "facets/1-0-1/NominalTimeRunFacet.json#/$defs/NominalTimeRunFacet"
	engineSchema        = spec + "facets/1-1-1/ProcessingEngineRunFacet.json#/$defs/ProcessingEngineRunFacet"
	errorSchema         = spec + "facets/1-0-1/ErrorMessageRunFacet.json#/$defs/ErrorMessageRunFacet"
	testSchema          = spec + "facets/1-0-1/TestRunFacet.json#/$defs/TestRunFacet"
	jobTypeSchema       = spec + "facets/2-0-4/JobTypeJobFacet.json#/$defs/JobTypeJobFacet"
	fieldsSchema        = spec + "facets/1-2-0/SchemaDatasetFacet.json#/$defs/SchemaDatasetFacet"
	documentationSchema = spec + "facets/1-1-0/DocumentationDatasetFacet.json#/$defs/DocumentationDatasetFacet"
	versionSchema       = spec + "facets/1-0-1/DatasetVersionDatasetFacet.json#/$defs/DatasetVersionDatasetFacet"
	inputStatsSchema    = spec + "facets/1-0-0/InputStatisticsInputDatasetFacet.json#/$defs/InputStatisticsInputDatasetFacet"
	qualitySchema       = spec + "facets/1-0-3/DataQualityMetricsInputDatasetFacet.json#/$defs/DataQualityMetricsInputDatasetFacet"
	outputStatsSchema   = spec + "facets/1-0-2/OutputStatisticsOutputDatasetFacet.json#/$defs/OutputStatisticsOutputDatasetFacet"
)

// facet is what every facet has.
type facet struct {
	Producer string `json:"_producer"`
	Schema   string `json:"_schemaURL"`
}

func of(schema string) facet { return facet{producer, schema} }

type nominalTime struct {
	facet
	Start time.Time `json:"nominalStartTime"`
}

type engine struct {
	facet
	Version string `json:"version"`
	Name    string `json:"name"`
}

type errorMessage struct {
	facet
	Message  string `json:"message"`
	Language string `json:"programmingLanguage"`
}

type tests struct {
	facet
	Tests []test `json:"tests"`
}

type test struct {
	Name     string           `json:"name"`
	Status   string           `json:"status"` // pass or fail
	Severity string           `json:"severity"`
	Detail   string           `json:"description,omitempty"`
	Figures  map[string]int64 `json:"params,omitempty"`
}

type jobType struct {
	facet
	Processing  string `json:"processingType"`
	Integration string `json:"integration"`
	Type        string `json:"jobType"`
}

type schema struct {
	facet
	Fields []field `json:"fields"`
}

type field struct {
	Name     string `json:"name"`
	Type     string `json:"type"`
	Doc      string `json:"description"`
	Position int    `json:"ordinal_position"`
}

type documentation struct {
	facet
	Description string `json:"description"`
}

type version struct {
	facet
	Version string `json:"datasetVersion"`
}

type inputStatistics struct {
	facet
	Rows  int64 `json:"rowCount"`
	Files int64 `json:"fileCount"`
}

type quality struct {
	facet
	Rows    int64    `json:"rowCount"`
	Columns struct{} `json:"columnMetrics"` // required; nothing is measured by column
}

type outputStatistics struct {
	facet
	Rows  *int64 `json:"rowCount,omitempty"` // nil where the objects have no rows of their own
	Bytes int64  `json:"size"`
	Files int64  `json:"fileCount"`
}
