# SPDX-License-Identifier: Apache-2.0
"""The transform of the benchmark with orjson: bytes of an event in, bytes of the sanitized event out."""

import base64
import bisect
import hmac
import os

import orjson
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY = b"0123456789abcdef0123456789abcdef"  # of all peers: published, guards nothing
SEALER = AESGCM(KEY)
NONCE_BYTES = 12

AGES = (18, 25, 35, 45, 55, 65)
AGE_BUCKETS = ("<18", "18-24", "25-34", "35-44", "45-54", "55-64", "65+")

MESH = 90_000_000  # of the grid of 10 km, 0.09 degrees, in nanodegrees


def pseudonym(text):
    return hmac.digest(KEY, text.encode(), "sha256").hex()


def seal(text):
    nonce = os.urandom(NONCE_BYTES)
    return base64.b64encode(nonce + SEALER.encrypt(nonce, text.encode(), None)).decode()


def hour(time):
    """Cuts a time to its hour. Times are in UTC, as the events write them."""
    return time[:13] + ":00:00Z"


def network(address):
    """Gives the /24 network of an IPv4 address."""
    return address.rpartition(".")[0] + ".0"


def grid(degrees):
    """Moves a coordinate to the nearest point of the grid, halves away from zero.

    Whole nanodegrees, because a float divided by 0.09 misses halves that the text of the event hits exactly.
    """
    cells = (round(abs(degrees) * 1e9) + MESH // 2) // MESH
    return (-cells if degrees < 0 else cells) * 9 / 100


def age_bucket(age):
    return AGE_BUCKETS[bisect.bisect_right(AGES, age)]


def sanitize(event):
    event = orjson.loads(event)
    actor, post, context = event["actor"], event["object"], event["context"]
    metrics, entities = post["metrics"], post["entities"]
    device, geo = context["device"], context["geo"]
    return orjson.dumps(
        {
            "type": event["type"],
            "published": hour(event["published"]),
            "actor": {
                "id": pseudonym(actor["id"]),
                "handle": pseudonym(actor["handle"]),
                "email": seal(actor["email"]),
                "age": age_bucket(actor["age"]),
                "verified": actor["verified"],
                "followers": actor["followers"],
            },
            "object": {
                "type": post["type"],
                "text": seal(post["text"]),
                "lang": post["lang"],
                "in_reply_to_user_id": pseudonym(post["in_reply_to_user_id"]),
                "possibly_sensitive": post["possibly_sensitive"],
                "metrics": {
                    "likes": metrics["likes"],
                    "reposts": metrics["reposts"],
                    "replies": metrics["replies"],
                    "views": metrics["views"],
                },
                "entities": {
                    "mentions": [{"id": pseudonym(mention["id"])} for mention in entities["mentions"]],
                    "hashtags": entities["hashtags"],
                },
            },
            "context": {
                "ip": network(context["ip"]),
                "device": {"id": pseudonym(device["id"]), "os": device["os"]},
                "session_id": pseudonym(context["session_id"]),
                "geo": {"lat": grid(geo["lat"]), "lon": grid(geo["lon"]), "country": geo["country"]},
            },
        }
    )
