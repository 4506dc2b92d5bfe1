// SPDX-License-Identifier: Apache-2.0

package foreign

// GitHub reads a webhook. The signature X-Hub-Signature-256 is the receiver's to check. Webhooks carry no time of their own.
func GitHub(from From, payload []byte) ([]Told, error) {
	root, err := from.read(payload)
	if err != nil {
		return nil, err
	}
	switch root.at("action").text() {
	case "revoked":
		return from.githubRevoked(root)
	case "deleted":
		return from.githubDeleted(root)
	case "blocked", "unblocked": // by an organization: nothing the person wished
		if blocked := root.at("blocked_user"); blocked.present() {
			id, err := blocked.at("id").decimal()
			return []Told{{What: "github:" + root.at("action").text(), Subject: from.account(id)}}, err
		}
	case "":
		return from.githubRef(root)
	}
	return nil, nil
}

// githubRevoked reads that a person took back what the application may do in their name. The same word about a repository,
// an organization or an installation is another event.
func (f From) githubRevoked(root node) ([]Told, error) {
	if first(root.at("repository"), root.at("organization"), root.at("installation")).present() {
		return nil, nil
	}
	id, err := root.at("sender", "id").decimal()
	if err != nil {
		return nil, err
	}
	told, err := f.withdrawn("github:authorization-revoked", "github:authorization-revoked", id, moment{path: "at"})
	return []Told{told}, err
}

// githubDeleted reads which comment, issue, discussion or release is gone, or that an account threw the application out.
func (f From) githubDeleted(root node) ([]Told, error) {
	for _, name := range []string{"comment", "issue", "discussion", "release"} {
		gone := root.at(name)
		if !gone.present() {
			continue
		}
		id, err := gone.at("id").decimal()
		if err != nil {
			return nil, err
		}
		told := Told{What: "github:" + name + "-deleted", Object: object(id, Deleted)}
		if author, err := first(gone.at("user", "id"), gone.at("author", "id")).decimal(); err == nil {
			told.Subject = f.account(author)
		}
		return []Told{told}, nil
	}
	account := root.at("installation", "account")
	if !account.present() {
		return nil, nil
	}
	id, err := account.at("id").decimal()
	if err != nil {
		return nil, err
	}
	if account.at("type").text() != "User" {
		told := Told{What: "github:installation-deleted"}
		told.Subject = f.account(id)
		told.Subject.Type = "group"
		return []Told{told}, nil
	}
	told, err := f.withdrawn("github:installation-deleted", "github:installation-deleted", id, moment{path: "at"})
	return []Told{told}, err
}

// githubRef reads that a branch or tag is gone; where one was made, master_branch stands beside it.
func (f From) githubRef(root node) ([]Told, error) {
	if kind := root.at("ref_type").text(); kind != "branch" && kind != "tag" || root.at("master_branch").present() {
		return nil, nil
	}
	id, err := root.at("ref").id()
	if err != nil {
		return nil, err
	}
	told := Told{What: "github:ref-deleted", Object: object(id, Deleted)}
	if sender, err := root.at("sender", "id").decimal(); err == nil {
		told.Subject = f.account(sender)
	}
	return []Told{told}, nil
}
