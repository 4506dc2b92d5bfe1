# SPDX-License-Identifier: Apache-2.0
"""Reads a keyring with Tink for Python and nothing of ours. See ../README.md.

    verify.py DIR OUT.json
"""

import base64
import json
import pathlib
import sys

import tink
from tink import aead, daead, prf
from tink import secret_key_access
from tink import json_proto_keyset_format as json_format
from tink import proto_keyset_format as binary_format

SECRET = secret_key_access.TOKEN


def label(purpose, *parts):
    out = b"nym1"
    for part in (purpose, *parts):
        part = part.encode()
        n = len(part)
        while n >= 0x80:
            out += bytes([n & 0x7F | 0x80])
            n >>= 7
        out += bytes([n]) + part
    return out


class Ring:
    """keyring.json with its KEK."""

    def __init__(self, folder):
        self.file = json.loads((folder / "keyring.json").read_text())
        self.tenant = self.file["tenant"]
        self.version = str(self.file["canonicalization"])
        self.kek = json_format.parse((folder / "kek").read_text(), SECRET).primitive(aead.Aead)

    def unwrap(self, wrapped, kek, role, recipient="", place=""):
        ad = label("wrap", self.tenant, role, recipient, place)
        return binary_format.parse_encrypted(base64.b64decode(wrapped), kek, ad)

    def epoch(self, recipient, number):
        """The keysets of a recipient's epoch."""
        (entry,) = [
            e for r in self.file["recipients"] if r["name"] == recipient for e in r["epochs"] if e["epoch"] == number
        ]
        place = str(number)
        kek = self.unwrap(entry["kek"], self.kek, "kek", recipient, place).primitive(aead.Aead)
        return {role: self.unwrap(entry[role], kek, role, recipient, place) for role in ("domain", "field", "seal")}

    def secret(self, p):
        stateless = self.unwrap(self.file["stateless"]["keyset"], self.kek, "stateless").primitive(prf.PrfSet).primary()
        x = label("subject", self.tenant, p["instance"], p["type"], self.version) + p["canonical"].encode()
        return stateless.compute(b"\1" + x, 16) + stateless.compute(b"\2" + x, 16)

    def pseudonym(self, p):
        domain = self.epoch(p["recipient"], p["epoch"])["domain"].primitive(prf.PrfSet).primary()
        key = domain.compute(label("type", self.tenant, p["recipient"], str(p["epoch"]), p["type"]), 32)
        if p["of_subject"]:
            message = self.secret(p)
        else:
            message = label("object", self.tenant, p["instance"], p["type"], self.version) + p["canonical"].encode()
        digest = cmac(key).compute(message, 16)
        number = int.from_bytes(digest, "big") << 2
        text = "".join("0123456789abcdefghijklmnopqrstuv"[number >> 5 * i & 31] for i in range(25, -1, -1))
        return f"{p['type']}_{p['epoch']}_{text}"

    def quarantine(self, day):
        (entry,) = [d for d in self.file["quarantine"] if d["day"] == day]
        kek = self.unwrap(entry["kek"], self.kek, "kek", "", day).primitive(aead.Aead)
        return self.unwrap(entry["keyset"], kek, "quarantine", "", day).primitive(aead.Aead)


def cmac(key):
    """Imports 32 bytes as an AES-CMAC-PRF key: a protobuf message with the bytes in field 2."""
    keyset = {
        "primaryKeyId": 1,
        "key": [
            {
                "keyData": {
                    "typeUrl": "type.googleapis.com/google.crypto.tink.AesCmacPrfKey",
                    "value": base64.b64encode(b"\x12\x20" + key).decode(),
                    "keyMaterialType": "SYMMETRIC",
                },
                "status": "ENABLED",
                "keyId": 1,
                "outputPrefixType": "RAW",
            }
        ],
    }
    return json_format.parse(json.dumps(keyset), SECRET).primitive(prf.PrfSet).primary()


def plaintext(value):
    """kind, length, text, zeros up to a multiple of 32."""
    text = value["text"].encode()
    out, n = value["kind"].encode(), len(text)
    while n >= 0x80:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    out += bytes([n]) + text
    return out + bytes(-len(out) % 32)


def wire(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def must_equal(what, got, want):
    if got != want:
        sys.exit(f"python: {what}: got {got!r}, want {want!r}")


def main(folder, sent):
    for module in (aead, daead, prf):
        module.register()
    x = json.loads(pathlib.Path(sent).read_text())
    ring = Ring(pathlib.Path(folder))

    for p in x["pseudonyms"]:
        must_equal("pseudonym", ring.pseudonym(p), p["pseudonym"])

    for v in x["seals"]:
        owner = v["owner"]
        ad = label("seal", owner["recipient"], str(owner["epoch"]), v["class"], v["path"], owner["pseudonym"])
        opener = json_format.parse(json.dumps(v["keyset"]), SECRET).primitive(aead.Aead)
        must_equal("seal", opener.decrypt(wire(v["sealed"]), ad), plaintext(v))
        try:
            opener.decrypt(wire(v["sealed"]), ad + b"elsewhere")
        except tink.TinkError:
            continue
        sys.exit("python: a seal opened in another place")

    for v in x["deterministic"]:
        owner = v["owner"]
        opener = ring.epoch(owner["recipient"], owner["epoch"])["seal"].primitive(daead.DeterministicAead)
        ad = label("deterministic", owner["recipient"], str(owner["epoch"]), v["class"])
        must_equal("deterministic seal", opener.decrypt_deterministically(wire(v["sealed"]), ad), plaintext(v))

    q = x["quarantine"]
    record = ring.quarantine(q["day"]).decrypt(base64.b64decode(q["sealed"]), base64.b64decode(q["ad"]))
    must_equal("quarantine record", record, base64.b64decode(q["clear"]))

    print(
        f"python: recomputed {len(x['pseudonyms'])} pseudonyms, opened {len(x['seals'])} seals, "
        f"{len(x['deterministic'])} deterministic seals and a quarantine record"
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
