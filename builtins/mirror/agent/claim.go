package agent

import "github.com/standin-project/standin/builtins/mirror"

// Claim writes the first marker of a set's root in the folder of an agent that is not open: of a new site it says
// whose data counts, so that the other side cannot mirror over it before anything was taken over.
func Claim(folder, set string, role mirror.Role) error {
	st, err := load(folder)
	if err != nil {
		return err
	}
	m := mirror.FirstMarker(set)
	m.Role = role
	st.Markers[set] = m
	return save(folder, &st)
}
