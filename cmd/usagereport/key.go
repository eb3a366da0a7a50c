package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/user"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/usagereport/usagereport/admin/access"
	"github.com/usagereport/usagereport/config"
	"github.com/usagereport/usagereport/sinks/lake"
	"github.com/usagereport/usagereport/transforms/calendar"
)

func newKey() *cobra.Command {
	c := &cobra.Command{
		Use:   "key",
		Short: "Make, list and revoke the API keys of the admin server",
		Long: `key makes, lists and revokes the keys that programs, and people without single sign-on, show to 'usagereport serve'.
They are kept in the lake, or in the bucket that admin.keys of the config names, as hashes: a key is shown once, when
it is made. Every change is recorded in the access trail.`,
		Example: `  usagereport key create --name "nightly download" --role Administrator --permission "Server Management: Read"
  usagereport key create --name "audit of sales" --workspace 5b1f6ce5 --expires 2027-03-31
  usagereport key list
  usagereport key revoke a2b3c4d5e6f7a2b3`,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newKeyCreate(), newKeyList(), newKeyRevoke())
	return c
}

func newKeyCreate() *cobra.Command {
	var path, expires string
	n := access.New{}
	c := &cobra.Command{
		Use:   "create",
		Short: "Make a key, and print it this once",
		Long: `create makes a key and prints it on standard output, alone, so that scripts can put it where secrets are kept; all
else goes to standard error. The key can be had nowhere later.

Role Administrator and permission "Server Management: Read" together allow the export of the usage reports and logs and
all pages but the audit log. --workspace makes an administrator of that workspace, who may see its audit log and usage;
"*" stands for every workspace.`,
		Example: `  usagereport key create --name "nightly download" --role Administrator --permission "Server Management: Read"
  usagereport key create --name "audit of sales" --workspace 5b1f6ce5 --workspace 77c2a1de --expires 30d`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			now := time.Now()
			if n.Expires, err = parseExpiry(expires, now); err != nil {
				return err
			}
			s, err := openKeys(c.Context(), path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			n.By = operator()
			text, key, err := s.create(c.Context(), n, now)
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "Key %s, %q: %s.\nIt is shown now and never again:\n", key.ID, key.Name, describe(key))
			fmt.Fprintln(c.OutOrStdout(), text)
			return nil
		},
	}
	configFlag(c, &path)
	f := c.Flags()
	f.StringVar(&n.Name, "name", "", "what the key is for")
	f.StringVar(&n.Grant.Role, "role", "", "Administrator, or none")
	f.StringArrayVar(&n.Grant.Permissions, "permission", nil, `"Server Management: Read"; can be repeated`)
	f.StringArrayVar(&n.Grant.Workspaces, "workspace", nil, `id of a workspace to administer, or "*"; can be repeated`)
	f.StringVar(&expires, "expires", "90d", "a number of days, as 90d, or the last day, as 2027-03-31 (UTC); a year at most")
	for flag, value := range map[string]string{"role": access.RoleAdministrator, "permission": access.ServerManagementRead} {
		// It fails only for a flag that is not there.
		_ = c.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions([]string{value}, cobra.ShellCompDirectiveNoFileComp))
	}
	return c
}

func newKeyList() *cobra.Command {
	var path string
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "Show all keys, also those that were revoked or have expired",
		Example: `  usagereport key list
  usagereport key list --json | jq -r 'select(.state == "active") | .name'`,
		Args: noArgs,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			s, err := openKeys(c.Context(), path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			keys, err := s.keys.List(c.Context()) // of an error, the keys that could be read are shown all the same
			w, now := c.OutOrStdout(), time.Now()
			if asJSON {
				lines := json.NewEncoder(w)
				for _, k := range keys {
					if err := lines.Encode(struct {
						access.Key
						State string `json:"state"`
					}{k, k.State(now)}); err != nil {
						return err
					}
				}
				return err
			}
			t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "ID\tNAME\tSTATE\tROLE\tPERMISSIONS\tWORKSPACES\tCREATED\tEXPIRES")
			for _, k := range keys {
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k.ID, k.Name, k.State(now), cmp.Or(k.Role, "-"), listed(k.Permissions), listed(k.Workspaces),
					k.CreatedAt.Format(time.DateOnly), k.ExpiresAt.UTC().Format("2006-01-02 15:04"))
			}
			t.Flush()
			return err
		},
	}
	configFlag(c, &path)
	c.Flags().BoolVar(&asJSON, "json", false, "a line of JSON for each key")
	return c
}

func newKeyRevoke() *cobra.Command {
	var path string
	c := &cobra.Command{
		Use:   "revoke ID",
		Short: "End a key, and the sessions that began with it",
		Long: `revoke ends a key for good. Servers see it within seconds; sessions that began with the key end, too. A key that was
revoked before stays as it is.`,
		Example: `  usagereport key revoke a2b3c4d5e6f7a2b3`,
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 1 {
				return fmt.Errorf("%w: %s takes the id of one key, as 'usagereport key list' shows it, found %q\nSee '%s --help'.",
					errUsage, c.CommandPath(), args, c.CommandPath())
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) (err error) {
			s, err := openKeys(c.Context(), path)
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, s.close()) }()
			key, err := s.revoke(c.Context(), args[0])
			if err != nil {
				return err
			}
			fmt.Fprintf(c.ErrOrStderr(), "Key %s, %q, is revoked since %s.\n", key.ID, key.Name, key.RevokedAt.Format(time.RFC3339))
			return nil
		},
	}
	configFlag(c, &path)
	return c
}

// keyStore is where keys are kept, and the lake that records what is done with them.
type keyStore struct {
	keys *access.Keys
	lake *lake.Lake
	own  *lake.Lake // the bucket of the keys, where it is not the lake
}

// openKeys loads the config and opens both. The caller closes it.
func openKeys(ctx context.Context, path string) (*keyStore, error) {
	cfg, err := loadConfig(ctx, path)
	if err != nil {
		return nil, err
	}
	l, err := lake.Open(ctx, cfg.Lake.Bucket.Reveal(), cfg.Lake.Prefix)
	if err != nil {
		return nil, fmt.Errorf("open the lake: %w", err)
	}
	s, err := keysOf(ctx, cfg, l)
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return s, nil
}

// keysOf returns the keys of a config whose lake is open.
func keysOf(ctx context.Context, cfg *config.Config, l *lake.Lake) (*keyStore, error) {
	s := &keyStore{lake: l}
	at := l
	if u := cfg.Admin.Keys.Reveal(); u != "" {
		var err error
		if s.own, err = lake.Open(ctx, u, ""); err != nil {
			return nil, fmt.Errorf("open the bucket of the API keys, admin.keys: %w", err)
		}
		at = s.own
	}
	s.keys = access.NewKeys(at.Keys(), time.Now)
	return s, nil
}

// close also closes the lake.
func (s *keyStore) close() error {
	err := s.lake.Close()
	if s.own != nil {
		err = errors.Join(err, s.own.Close())
	}
	return err
}

// create makes a key and records it.
func (s *keyStore) create(ctx context.Context, n access.New, now time.Time) (text string, key access.Key, err error) {
	text, key, err = s.keys.Create(ctx, n)
	if err != nil {
		return "", access.Key{}, keyError(err)
	}
	if err := s.record(ctx, lake.AccessKeyCreated, key, now, describe(key)); err != nil {
		// A key that the trail does not know must not be of use to anybody.
		_, rerr := s.keys.Revoke(context.WithoutCancel(ctx), key.ID, n.By)
		return "", access.Key{}, errors.Join(fmt.Errorf("key %s could not be recorded, and was revoked: %w", key.ID, err), rerr)
	}
	return text, key, nil
}

// revoke ends a key and records that.
func (s *keyStore) revoke(ctx context.Context, id string) (access.Key, error) {
	key, err := s.keys.Revoke(ctx, id, operator())
	if err != nil {
		return access.Key{}, keyError(err)
	}
	since := key.RevokedAt.Format(time.RFC3339)
	if err := s.record(ctx, lake.AccessKeyRevoked, key, time.Now(), fmt.Sprintf("%q, revoked at %s by %s", key.Name, since, key.RevokedBy)); err != nil {
		return access.Key{}, fmt.Errorf("key %s is revoked, but that could not be recorded: %w", key.ID, err)
	}
	return key, nil
}

// record puts a change of a key into the access trail, even when the command is being stopped.
func (s *keyStore) record(ctx context.Context, kind lake.AccessKind, key access.Key, at time.Time, detail string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	who := operator()
	return s.lake.PutAccess(ctx, lake.AccessRecord{
		Time: at, Kind: kind, WhoType: "person", WhoID: who, WhoName: who, Object: key.ID, Detail: detail, UserAgent: "usagereport/" + version(),
	})
}

// keyError makes what can only be wrong with the command line an error of it.
func keyError(err error) error {
	if errors.Is(err, access.ErrInvalid) || errors.Is(err, access.ErrNotFound) {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	return err
}

// operator names who runs the program, as far as the system knows.
func operator() string {
	name := "unknown user"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

// describe says what a key allows, and until when.
func describe(k access.Key) string {
	var parts []string
	if k.Role != "" {
		parts = append(parts, "role "+k.Role)
	}
	for _, p := range k.Permissions {
		parts = append(parts, "permission "+p)
	}
	switch {
	case slices.Contains(k.Workspaces, access.AllWorkspaces):
		parts = append(parts, "administrator of all workspaces")
	case len(k.Workspaces) > 0:
		parts = append(parts, "administrator of "+listed(k.Workspaces))
	}
	return strings.Join(parts, ", ") + "; expires at " + k.ExpiresAt.UTC().Format(time.RFC3339)
}

func listed(texts []string) string { return cmp.Or(strings.Join(texts, ", "), "-") }

// parseExpiry reads a number of days, or the last day on which a key is to work.
func parseExpiry(text string, now time.Time) (time.Time, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.ParseUint(days, 10, 16); err == nil && n > 0 {
			return now.UTC().AddDate(0, 0, int(n)).Truncate(time.Second), nil
		}
	}
	d, err := calendar.ParseDate(text)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: --expires %q: expected a number of days, as 90d, or a day, as 2027-03-31", errUsage, text)
	}
	return (d + 1).Start(time.UTC), nil
}
