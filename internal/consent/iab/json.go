// SPDX-License-Identifier: Apache-2.0

package iab

import (
	"bytes"
	"encoding/json"
	"errors"
	"unicode/utf8"
)

var (
	errJSON     = errors.New("is no JSON object in UTF-8")
	errKeyTwice = errors.New("has a key twice")
)

// fields gives the members of a JSON object one by one. A key that occurs twice is an error: readers differ on which counts.
func fields(object []byte, member func(key string, value []byte) error) error {
	if len(object) > longest {
		return errLong
	}
	if !utf8.Valid(object) || !json.Valid(object) {
		return errJSON
	}
	return members(object, member)
}

// members is fields for text that is known to be valid JSON.
func members(object []byte, member func(key string, value []byte) error) error {
	seen := map[string]bool{}
	var key string
	return parts(object, '{', func(isKey bool, part []byte) error {
		if !isKey {
			return member(key, part)
		}
		var err error
		key, err = unquote(part)
		if err == nil && seen[key] {
			err = errKeyTwice
		}
		seen[key] = true
		return err
	})
}

// items gives the elements of a valid JSON list one by one.
func items(list []byte, item func(value []byte) error) error {
	return parts(list, '[', func(_ bool, value []byte) error { return item(value) })
}

// parts gives the keys and values of a valid JSON object, or the elements of a list, as open says.
func parts(text []byte, open byte, part func(isKey bool, part []byte) error) error {
	text = bytes.TrimLeft(text, jsonSpace)
	if len(text) == 0 || text[0] != open {
		return errJSON
	}
	for isKey := true; ; isKey = !isKey {
		text = bytes.TrimLeft(text[1:], jsonSpace) // past the opening bracket, colon or comma
		if len(text) == 0 || text[0] == ']' || text[0] == '}' {
			return nil
		}
		end := valueEnd(text)
		if err := part(isKey, text[:end]); err != nil {
			return err
		}
		if text = bytes.TrimLeft(text[end:], jsonSpace); len(text) == 0 {
			return nil
		}
	}
}

const jsonSpace = " \t\r\n"

// valueEnd is the length of the JSON value that valid text begins with.
func valueEnd(text []byte) int {
	depth := 0
	for at := 0; at < len(text); at++ {
		switch text[at] {
		case '"':
			at += stringEnd(text[at:]) - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ',', ':', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return at
			}
			continue
		default:
			continue
		}
		if depth < 0 {
			return at
		}
		if depth == 0 {
			return at + 1
		}
	}
	return len(text)
}

// stringEnd is the length of the JSON string that valid text begins with, with its quotes.
func stringEnd(text []byte) int {
	for at := 1; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// unquote reads a JSON string.
func unquote(text []byte) (string, error) {
	if len(text) < 2 || text[0] != '"' {
		return "", errJSON
	}
	if bytes.IndexByte(text, '\\') < 0 {
		return string(text[1 : len(text)-1]), nil
	}
	var s string
	return s, json.Unmarshal(text, &s)
}
