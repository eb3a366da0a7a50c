package dictionary

import (
	"slices"
	"strings"
)

// datasets are the input datasets in the order of the contract (§3).
var datasets = []*Table{
	Workspaces, Members, Groups, GroupMembers, GroupAssets, Agents, Logins, Generations, Canvases, Grids,
	AuditEvents,
	Systems, Integrations, ProjectPairs, SyncEvents, UserObservations,
}

// logs are the published logs in the order of the contract (§4, §5).
var logs = []*Table{UserLog, GroupMembersLog, AgentsLog, UserActivityLog, GenerationLog, AuditLog}

// Datasets returns the input datasets in the order of the contract (§3). The slice is the caller's, the tables are
// shared and read-only.
func Datasets() []*Table { return slices.Clone(datasets) }

// Logs returns the five usage logs and, last, the audit log. The slice is the caller's, the tables are shared and
// read-only.
func Logs() []*Table { return slices.Clone(logs) }

// Dataset returns the input dataset of that name. The table is shared and read-only.
func Dataset(name string) (*Table, bool) { return find(datasets, name) }

// LogTable returns the log of that name. The table is shared and read-only.
func LogTable(name string) (*Table, bool) { return find(logs, name) }

// DatasetsOf returns the input datasets that serve any of the domains d, in the order of the contract, those
// included that d can do without.
func DatasetsOf(d Domain) []*Table {
	var served []*Table
	for _, t := range datasets {
		if t.UsedBy(d) {
			served = append(served, t)
		}
	}
	return served
}

// Domains returns every domain, in the order of the contract.
func Domains() []Domain { return []Domain{Usage, Audit, Integration} }

// String returns the names of the domains in d, in the order of the contract and joined by ", ".
func (d Domain) String() string {
	var names []string
	for i, one := range Domains() {
		if d&one != 0 {
			names = append(names, [...]string{"usage", "audit", "integration"}[i])
		}
	}
	return strings.Join(names, ", ")
}

// UsedBy reports whether the table serves any of the domains d.
func (t *Table) UsedBy(d Domain) bool { return t.Domains&d != 0 }

// RequiredBy reports whether any of the domains d cannot be produced without the table.
func (t *Table) RequiredBy(d Domain) bool { return t.Domains&^t.Optional&d != 0 }

// Shared reports whether the table serves several domains, so that binding it asks for none of them by itself.
func (t *Table) Shared() bool { return t.Domains&(t.Domains-1) != 0 }

func find(tables []*Table, name string) (*Table, bool) {
	i := slices.IndexFunc(tables, func(t *Table) bool { return t.Name == name })
	if i < 0 {
		return nil, false
	}
	return tables[i], true
}
