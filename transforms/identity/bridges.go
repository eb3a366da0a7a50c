package identity

import "slices"

// Bridges returns, sorted, the usernames and local parts that alone hold two otherwise separate groups of a user's keys
// together: without such a key, what the user's observations tie would fall apart. Overrides do not count as ties.
func (u *Users) Bridges(user int) []string {
	g := newGraph()
	u.ties.all(func(name, local int32) {
		if u.user[name] == int32(user) {
			g.connect(name, local)
		}
	})
	var out []string
	for n, cut := range g.cuts() {
		if cut {
			out = append(out, u.texts[g.keys[n]])
		}
	}
	slices.Sort(out)
	return out
}

// graph is an undirected graph of keys.
type graph struct {
	number map[int32]int
	keys   []int32
	next   [][]int // by node: its neighbours
}

func newGraph() *graph { return &graph{number: map[int32]int{}} }

func (g *graph) node(key int32) int {
	n, ok := g.number[key]
	if !ok {
		n = len(g.keys)
		g.number[key] = n
		g.keys = append(g.keys, key)
		g.next = append(g.next, nil)
	}
	return n
}

func (g *graph) connect(a, b int32) {
	x, y := g.node(a), g.node(b)
	g.next[x] = append(g.next[x], y)
	g.next[y] = append(g.next[y], x)
}

// cuts reports of every node whether it is an articulation point (Hopcroft and Tarjan, without recursion: users may have
// very many keys).
func (g *graph) cuts() []bool {
	n := len(g.keys)
	cut := make([]bool, n)
	depth := make([]int, n) // of the visit, from 1
	low := make([]int, n)   // the smallest depth reachable from the subtree by one edge back
	parent := make([]int, n)
	done := make([]int, n) // how many neighbours were followed
	for root := range n {
		if depth[root] != 0 {
			continue
		}
		depth[root], low[root], parent[root] = 1, 1, -1
		children := 0
		for at := root; at >= 0; {
			if done[at] < len(g.next[at]) {
				to := g.next[at][done[at]]
				done[at]++
				switch {
				case depth[to] == 0:
					depth[to], low[to], parent[to] = depth[at]+1, depth[at]+1, at
					at = to
				case to != parent[at]:
					low[at] = min(low[at], depth[to])
				}
				continue
			}
			up := parent[at]
			switch {
			case up == root:
				children++
			case up >= 0 && low[at] >= depth[up]:
				cut[up] = true
			}
			if up >= 0 {
				low[up] = min(low[up], low[at])
			}
			at = up
		}
		cut[root] = children > 1
	}
	return cut
}
