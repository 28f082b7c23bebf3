package lower

import "github.com/d5/tengo/v2/token"

// Operators that Tengo's bytecode lacks, or hides from values, travel under tokens that the language has no use for.
// The values of runtime/value give them their meaning; runtime/vm holds the two lists against each other.
const (
	OpEqual   = token.Shl
	OpUnequal = token.Shr
	OpNot     = token.AndNot
	OpNegate  = token.Xor
	OpTruth   = token.Or
	OpRead    = token.And
)

func operator(op string) token.Token {
	switch op {
	case "=":
		return OpEqual
	case "<>":
		return OpUnequal
	case "<":
		return token.Less
	case "<=":
		return token.LessEq
	case ">":
		return token.Greater
	case ">=":
		return token.GreaterEq
	case "+":
		return token.Add
	case "-":
		return token.Sub
	case "*":
		return token.Mul
	case "/":
		return token.Quo
	}
	return token.Rem
}
