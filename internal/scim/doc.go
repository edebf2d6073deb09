// Package scim is what RFC 7643 and RFC 7644 say and nothing else: the schemas User, EnterpriseUser and Group as data, reading what a client
// sent into its canonical form, the filter grammar with an evaluator in memory, attribute paths, PATCH, and writing a resource in the order
// of its schema with only the attributes that were asked for.
//
// It is pure: no network, no database, no clock. It knows neither workspaces nor tokens. Where identity providers depart from the RFCs, their
// dialect is accepted on the way in (any letter case, "True" for true, dotted and URN keys, one object for an array, null and "" for absent)
// and never appears on the way out.
//
// A Resource is canonical: names spelled as in the schema, values of the schema's types, nothing empty. Attributes of an extension lie in a
// map under its URN.
package scim
