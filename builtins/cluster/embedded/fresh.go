package embedded

import "github.com/standin-project/standin/builtins/cluster/model"

// Fresh gives the two clusters of a fresh site. Each has one Exchange group; nothing is online.
func Fresh() []*model.Cluster {
	return []*model.Cluster{
		exchange("east", "west", "10.1.0.5", "EXCH1"),
		exchange("west", "east", "10.1.1.9", "EXCH2"),
	}
}

func exchange(name, target, address, server string) *model.Cluster {
	const group = "Exchange Group"
	resource := func(name, kind string, params map[string]string, depends ...string) *model.Resource {
		return &model.Resource{Name: name, Type: kind, Group: group, State: model.Offline, Depends: depends, Params: params}
	}
	return &model.Cluster{
		Name:   name,
		Nodes:  []*model.Node{{Name: name + "1"}, {Name: name + "2"}},
		Groups: []*model.Group{{Name: group, Owner: name + "1"}},
		Resources: []*model.Resource{
			resource("Exchange IP Address", model.IPAddress, map[string]string{"address": address, "mask": "255.255.0.0", "network": "public"}),
			resource("Exchange Network Name", model.NetworkName, map[string]string{"name": server}, "Exchange IP Address"),
			resource("Disk E:", model.PhysicalDisk, map[string]string{"disk": "E:"}),
			resource("Exchange System Attendant", model.SystemAttendant, map[string]string{"path": `E:\Exchsrvr`}, "Disk E:", "Exchange Network Name"),
			resource("Source Connection", model.SourceConnection, map[string]string{"set": "mailstores", "target": target, "scripts": "scripts"}, "Disk E:"),
		},
	}
}
