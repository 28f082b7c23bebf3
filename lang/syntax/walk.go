package syntax

// Walk calls visit for the node and, while it says true, for everything inside it, in text order: statements,
// blocks and expressions.
func Walk(n Node, visit func(Node) bool) {
	if n == nil || !visit(n) {
		return
	}
	each := func(nodes ...Expr) {
		for _, x := range nodes {
			if x != nil {
				Walk(x, visit)
			}
		}
	}
	blocks := func(blocks ...*Block) {
		for _, b := range blocks {
			if b != nil {
				Walk(b, visit)
			}
		}
	}
	switch n := n.(type) {
	case *Block:
		for _, s := range n.Body {
			Walk(s, visit)
		}
	case Stmt:
		walkStmt(n, each, blocks)
	case Expr:
		walkExpr(n, each)
	}
}

// Walk visits every statement of the file and what is inside it.
func (f *File) Walk(visit func(Node) bool) {
	for _, s := range f.Body {
		Walk(s, visit)
	}
}

func walkStmt(s Stmt, each func(...Expr), blocks func(...*Block)) {
	switch s := s.(type) {
	case *CommandStmt:
		each(s.Command)
	case *CallStmt:
		each(s.Call)
	case *Assign:
		each(s.Path...)
		each(s.Value)
	case *If:
		for _, arm := range s.Arms {
			each(arm.Cond)
			blocks(arm.Body)
		}
		blocks(s.Else)
	case *While:
		each(s.Cond)
		blocks(s.Body)
	case *For:
		each(s.From, s.To, s.By)
		blocks(s.Body)
	case *ForIn:
		each(s.List)
		blocks(s.Body)
	case *Write:
		each(s.Args...)
	case *Wait:
		each(s.For)
	case *WaitUntil:
		each(s.Cond, s.Every, s.Timeout)
	case *Exit:
		each(s.Code)
	case *Param:
		each(s.Default, s.Origin)
	case *Use:
		each(s.Path)
	case *Require:
		each(s.Cond, s.Message)
	case *Step:
		each(s.Title, s.Timeout, s.Retry, s.Every, s.When)
		blocks(s.Body, s.Undo)
	case *Parallel:
		each(s.Max)
		blocks(s.Body)
	case *Try:
		blocks(s.Body, s.Handler, s.Finally)
	case *Confirm:
		each(s.Text, s.Why)
	case *Manual:
		each(s.Text, s.Until)
	case *Return:
		each(s.Value)
	case *Function:
		for _, p := range s.Params {
			each(p.Default)
		}
		blocks(s.Body)
	case *Run:
		each(s.Path)
		walkProps(s.Args, each)
	}
}

func walkProps(items []Prop, each func(...Expr)) {
	for _, item := range items {
		each(item.Value)
	}
}

func walkExpr(x Expr, each func(...Expr)) {
	switch x := x.(type) {
	case *Word:
		each(x.Parts...)
	case *Text:
		each(x.Parts...)
	case *Index:
		each(x.X, x.Key)
	case *List:
		each(x.Items...)
	case *Map:
		for i, key := range x.Keys {
			each(key, x.Values[i])
		}
	case *Unary:
		each(x.X)
	case *Binary:
		each(x.X, x.Y)
	case *Call:
		each(x.Args...)
	case *Paren:
		each(x.X)
	case *Props:
		walkProps(x.Items, each)
	case *Command:
		each(x.Operands...)
	}
}
