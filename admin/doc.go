// Package admin is the server that administrators and their programs fetch exports from and look at pages of
// (contract §12). It reads what is published in the bucket and adds to the access trail; it never publishes, and keeps
// nothing of its own, so that any number of copies can stand beside each other.
//
// A request passes the middleware (middleware.go) and then its route (routes.go), which alone decides who may: a route
// without an entry in the table does not exist. Handlers get the Principal and what they may see, and return an error
// for everything that is not the answer; respond writes it as problem+json or as a page.
package admin
