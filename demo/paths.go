package demo

import (
	"strings"
)

// path returns a path of the API as a client called it: with identifiers, and what else clients put into paths.
func (c *Company) path(workspace string) string {
	switch c.rng.IntN(14) {
	case 0, 1:
		return "/v1/agents/" + slug(c.agentOf(workspace).name) + "/run" // only a template can tell this identifier
	case 2, 3:
		return "/v1/agents/" + slug(c.agentOf(workspace).name) + "/runs/" + c.uuid()
	case 4:
		return "/v1/documents/" + c.uuid() + "/export?format=docx&token=" + c.token(12)
	case 5:
		return "/v1/documents/" + strings.ToUpper(c.uuid())
	case 6:
		return "/v1/users/" + pick(c, firstNames) + "." + pick(c, lastNames) + "@example.com/usage"
	case 7:
		return "/v2/batches/" + c.digits(1+c.rng.IntN(9))
	case 8:
		return "/v1/files/" + c.hex(40) + "/chunks/" + c.digits(2)
	case 9:
		return "/v1/sessions/01" + c.ulid() + "/messages"
	case 10:
		return "/v1/keys/sk-" + c.token(5) + c.digits(3) + "/rotate"
	case 11:
		return "/v1/generate?temperature=0." + c.digits(1)
	case 12:
		return "/v1/canvases/" + c.canvasIn(workspace) + "/blocks/" + c.digits(3)
	default:
		return "/v1/generate"
	}
}

func (c *Company) canvasIn(workspace string) string {
	for {
		if p := pick(c, c.canvases); p.workspace == workspace {
			return p.id
		}
	}
}

// slug is a name as it stands in a URL.
func slug(name string) string {
	s := strings.Map(func(r rune) rune {
		switch {
		case r >= 'a' && r <= 'z':
			return r
		case r >= 'A' && r <= 'Z':
			return r + 'a' - 'A'
		}
		return '-'
	}, name)
	return strings.Trim(s, "-")
}
