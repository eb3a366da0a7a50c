// Package pages writes the pages that administrators use, as HTML: sign in, Licenses, Audit Log, Usage, Runs and what is
// shown when something went wrong (contract §12). It never asks who may see a page and reads nothing: each method takes a
// plain view, which the caller has filled, and writes it.
//
// Every page works without JavaScript, and nothing on it comes from another host or stands inline: it is made for
//
//	Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self';
//	                         form-action 'self'; base-uri 'none'; frame-ancestors 'none'
//
// All text in a view is plain text: the templates escape it. URLs in a view are local ones that the caller made, a path
// with its query.
//
// What forms send:
//
//	POST /signin    key, return                                        ([Pages.SignIn])
//	POST /signout                                                      (every page with somebody signed in)
//	POST /theme     theme=system|light|dark, return                    (every page); keep it in a cookie, redirect to return (303)
//	GET  /audit-log workspace_id, action (repeated), person, from, to  ([Pages.AuditLog]); view=access, from, to ([Pages.AccessLog])
//	GET  /usage     workspace_id, from, to                             ([Pages.Usage])
//	GET             every URL of a download, such as AuditLogView.CSV: its query is sent again as fields of a form
package pages
