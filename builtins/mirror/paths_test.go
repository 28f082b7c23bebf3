package mirror_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/standin-project/standin/builtins/mirror"
)

func TestSplitPath(t *testing.T) {
	for path, want := range map[string]string{
		`E:\Exchsrvr\MDBDATA`: "E: Exchsrvr/MDBDATA",
		`e:\Exchsrvr\`:        "E: Exchsrvr",
		`E:/Exchsrvr`:         "E: Exchsrvr",
		`E:`:                  "E: ",
		`E:\`:                 "E: ",
		`/srv/mail`:           "/ srv/mail",
		`/srv/a\b`:            `/ srv/a\b`,
		`/`:                   "/ ",
		`relative`:            "",
		``:                    "",
		`E:relative`:          "",
		`E:\..\x`:             "",
		`/srv/../etc`:         "",
		`/srv//x`:             "",
		`/srv/./x`:            "",
		"/srv/a\x00b":         "",
		`\\server\share`:      "",
	} {
		volume, rest, err := mirror.SplitPath(path)
		got := volume + " " + rest
		if err != nil {
			got = ""
		}
		if got != want {
			t.Errorf("%q: got %q, %v, want %q", path, got, err, want)
		}
		if err != nil {
			continue
		}
		if v, r, err := mirror.SplitPath(mirror.JoinPath(volume, rest)); v != volume || r != rest || err != nil {
			t.Errorf("%q: joined and split again it is %q, %q, %v", path, v, r, err)
		}
	}
}

func TestMapping(t *testing.T) {
	rules := []mirror.Rule{
		{Path: `E:\mail`, Recurse: true}, {Path: `E:\mail\temp`, Exclude: true, Recurse: true},
		{Path: `E:\mail\temp\but`, Recurse: true}, {Path: `F:\logs`, Recurse: true}, {Path: `F:\logs`, Recurse: true},
	}
	if got := mirror.Roots(rules); !slices.Equal(got, []string{`E:\mail`, `F:\logs`}) {
		t.Errorf("the roots are %q", got)
	}
	c := mirror.Connection{Source: "a", Target: "b", Rules: rules, Map: mirror.BaseMap(rules, `D:\copies`)}
	if got, err := mirror.MapPath(c.Map, `F:\logs`); got != `D:\copies\F\logs` || err != nil {
		t.Errorf("got %q, %v", got, err)
	}
	back, err := mirror.Reverse(c)
	if err != nil || back.Source != "b" || back.Rules[1].Path != `D:\copies\E\mail\temp` || !back.Rules[1].Exclude {
		t.Errorf("got %+v, %v", back.Rules, err)
	}
	forth, err := mirror.Reverse(back)
	if err != nil || fmt.Sprint(forth.Rules, forth.Map) != fmt.Sprint(c.Rules, c.Map) {
		t.Errorf("there and back: %v %v, %v", forth.Rules, forth.Map, err)
	}
}

// Whatever two generations meet, never do both sides accept the other's data, and a newer one's restore is never
// refused. What goes over a source is a restore; a connection alone makes no target of it.
func TestAdmit(t *testing.T) {
	c := mirror.Connection{Source: "a", Target: "b", Set: "s"}
	back := mirror.Connection{Source: "b", Target: "a", Set: "s"}
	roles := []mirror.Role{mirror.RoleSource, mirror.RoleTarget}
	for _, ra := range roles {
		for _, rb := range roles {
			for ga := range int64(4) {
				for gb := range int64(4) {
					a := mirror.Marker{Set: "s", Role: ra, Generation: ga + 1}
					b := mirror.Marker{Set: "s", Role: rb, Generation: gb + 1}
					after, forth := mirror.Admit(c, a, b, true)
					_, hence := mirror.Admit(back, b, a, true)
					if forth == nil && hence == nil {
						t.Errorf("%v and %v each go over the other", a, b)
					}
					if forth == nil && (after.Generation != a.Generation || after.Role != mirror.RoleTarget) {
						t.Errorf("%v over %v leaves %v", a, b, after)
					}
					if ra == mirror.RoleSource && ga > gb && forth != nil {
						t.Errorf("%v over %v: %v", a, b, forth)
					}
					_, plain := mirror.Admit(c, a, b, false)
					if want := forth == nil && rb == mirror.RoleTarget; (plain == nil) != want {
						t.Errorf("a mirror of %v over %v: %v", a, b, plain)
					}
					connected, err := mirror.AdmitConnection(c, a, b)
					if (err == nil) != (forth == nil) || rb == mirror.RoleSource && connected != b {
						t.Errorf("a connection of %v to %v leaves %v, %v", a, b, connected, err)
					}
				}
			}
		}
	}
}
