package lineage

import (
	"net"
	"net/url"
	"path"
	"strings"

	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/sinks/lake"
)

// Names follow the naming conventions of OpenLineage where these have one: what else reads or writes the same place
// has the same names for it. No name has a user, a password or a parameter.

// input names a bound dataset: files by their pattern, the result of a query by the dataset's name in its database.
func input(d config.Dataset, source config.URL, name string) dataset {
	if d.IsQuery() {
		space, db := database(source)
		return dataset{Namespace: space, Name: join(db, name, ".")}
	}
	space, folder := bucket(source)
	return dataset{Namespace: space, Name: join(folder, d.Path, "/")}
}

// databases tells, for each scheme of a database, what the conventions call it and the port that it has without one.
var databases = map[string]struct{ name, port string }{
	"postgres": {"postgres", "5432"}, "postgresql": {"postgres", "5432"}, "awspostgres": {"postgres", "5432"},
	"mysql": {"mysql", "3306"}, "awsmysql": {"mysql", "3306"}, "azuremysql": {"mysql", "3306"},
}

// database returns the namespace of a database's URL and the database's name.
func database(source config.URL) (space, db string) {
	u, err := url.Parse(source.Reveal())
	if err != nil {
		return source.Scheme(), "" // the config has found it valid, in a form of its driver's own
	}
	known, ok := databases[u.Scheme]
	if u.Scheme == "sqlite" {
		return "file", u.Path
	}
	if !ok { // Google's, named by project/region/instance
		place, db := path.Split(strings.Trim(u.Path, "/"))
		return strings.TrimSuffix(u.Scheme+"://"+u.Host+"/"+place, "/"), db
	}
	host, port := u.Hostname(), u.Port()
	if host == "" {
		host = "localhost" // a socket
	}
	if port == "" {
		port = known.port
	}
	return known.name + "://" + net.JoinHostPort(host, port), strings.Trim(u.Path, "/")
}

// bucket returns the namespace of a bucket's URL, and the folder of the bucket that it names.
func bucket(b config.URL) (space, folder string) {
	u, err := url.Parse(b.Reveal())
	if err != nil {
		return b.Scheme(), ""
	}
	folder = strings.Trim(u.Query().Get("prefix"), "/")
	switch u.Scheme {
	case "file":
		return "file", join(u.Path, folder, "/")
	case "mem":
		return "inmemory://", folder
	}
	return u.Scheme + "://" + u.Host, folder
}

// stable is the name that an object, or the table that it is a part of, has every day.
func stable(o lake.ObjectInfo, date lake.Date) string {
	if o.Table != "" {
		return "logs/" + o.Table
	}
	return strings.Replace(o.Key, "/"+string(date)+"/", "/", 1)
}

// join puts two parts of a name together, of which each may be empty.
func join(a, b, separator string) string {
	a, b = strings.TrimSuffix(a, separator), strings.Trim(b, separator)
	if a == "" || b == "" {
		return a + b
	}
	return a + separator + b
}
