package report

// row is one line of the picture: an item, how deep it is nested, and in which branch of a PARALLEL.
type row struct {
	*Item
	depth  int
	branch string
}

// rows are the items that a reader wants to see: steps, what stands beside them, and questions. What a step did is in
// the lists, unless it led to more: a child run, a question, or the place where the run stands.
func (r *Report) rows() []row {
	var all []row
	collect(&all, r.Timeline, 0, false, "")
	return all
}

func collect(all *[]row, items []*Item, depth int, inStep bool, branch string) {
	for _, it := range items {
		switch it.Kind {
		case KindBranch:
			if len(it.Items) == 1 { // its one step says it all
				collect(all, it.Items, depth, inStep, it.Title)
				continue
			}
		case KindCommand, KindWait:
			if inStep && it.State != Unfinished {
				collect(all, it.Items, depth, true, branch)
				continue
			}
		}
		*all = append(*all, row{it, depth, branch})
		deeper := inStep
		switch it.Kind {
		case KindStep, KindBlock:
			deeper = true
		case KindChild, KindRun:
			deeper = false
		}
		collect(all, it.Items, depth+1, deeper, "")
	}
}
