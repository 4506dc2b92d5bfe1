# SPDX-License-Identifier: Apache-2.0
"""Gathers the word lists of the lexicon: lists.py FAKER NAMES STOPWORDSISO SCOWL MINILM | gzip -9n > lists.tsv.gz

FAKER, NAMES and STOPWORDSISO are unpacked packages of these names, SCOWL is the folder of its lists, MINILM the folder of the model
all-MiniLM-L6-v2; ../NOTICE.md has the versions and licenses. numpy, scikit-learn and safetensors are needed. A line is kind, tier, word:
  given, family  1 rare to 3 frequent
  common         a word of everyday language, 1 to 3
  place, proper  a town or country; another proper noun; tier 1
  class          tier is the path of the word's class of words used alike: wide.middle.narrow, each from 1
"""
import collections
import importlib
import os
import sys

import numpy
from safetensors.numpy import load_file
from sklearn.cluster import KMeans

faker, names, stopwords, scowl, minilm = sys.argv[1:]
sys.path[:0] = [faker, stopwords]

LATIN_STOPWORDS = "en de es fr it pt nl sv da no fi pl cs sk tr ro hu hr id ms vi ca gl".split()
NARROW, MIDDLE, WIDE = 1000, 250, 64  # classes of each grain: each lies in one of the next
RARE_FAMILY = 30000  # ranks of the census beyond are left out


def strings(value):
    if not isinstance(value, (dict, list, tuple, set)):
        return []
    return [x for x in value if isinstance(x, str) and x]


def providers(kind):
    folder = os.path.join(faker, "faker", "providers", kind)
    for locale in sorted(os.listdir(folder)):
        if not locale.startswith("_"):
            yield locale, importlib.import_module(f"faker.providers.{kind}.{locale}").Provider


def attributes(provider, *parts):
    found = set()
    for name in dir(provider):
        if any(part in name for part in parts) and not callable(getattr(provider, name)):
            found |= set(strings(getattr(provider, name)))
    return found


def words(name):
    return [w for w in name.replace("-", " ").replace(".", " ").replace("’", "'").split() if len(w) > 1]


def whole_words(folder):
    """The whole words of the vocabulary in Latin letters, with their input embeddings about the mean, of length 1."""
    vocabulary = open(os.path.join(folder, "vocab.txt"), encoding="utf-8").read().split("\n")
    rows = [i for i, word in enumerate(vocabulary) if word.isalpha() and ord(max(word)) < 0x250]
    table = load_file(os.path.join(folder, "model.safetensors"))["embeddings.word_embeddings.weight"].astype(numpy.float32)[rows]
    return [vocabulary[i] for i in rows], unit(table - table.mean(0))


def unit(vectors):
    return vectors / numpy.linalg.norm(vectors, axis=1, keepdims=True)


def classes(vectors):
    """The class of each vector at three grains: the wider ones are classes of the centers of the narrower."""
    narrow = KMeans(NARROW, n_init=1, max_iter=30, random_state=1).fit(vectors)
    middle = KMeans(MIDDLE, n_init=4, random_state=1).fit(unit(narrow.cluster_centers_))
    wide = KMeans(WIDE, n_init=4, random_state=1).fit(unit(middle.cluster_centers_))
    for n in narrow.labels_:
        m = middle.labels_[n]
        yield f"{wide.labels_[m] + 1}.{m + 1}.{n + 1}"


out = collections.defaultdict(int)


def put(kind, tier, word):
    key = (kind, word.lower())
    out[key] = max(out[key], tier)


locales = {"given": collections.Counter(), "family": collections.Counter()}
for locale, provider in providers("person"):
    for kind, part in (("given", "first_name"), ("family", "last_name")):
        found = attributes(provider, part)
        for name in {w for name in found for w in words(name)}:
            if ord(name[0]) < 0x2E80:
                locales[kind][name.lower()] += 1 if locale != "en" else 0
for kind, counter in locales.items():
    for name, count in counter.items():
        put(kind, 1 if count == 0 else 2 if count < 3 else 3, name)
for file, kind, often, seldom in (("dist.all.last", "family", 1500, 15000), ("dist.female.first", "given", 500, 3000), ("dist.male.first", "given", 400, 3000)):
    for rank, line in enumerate(open(os.path.join(names, "names", file))):
        if rank == RARE_FAMILY:
            break
        put(kind, 3 if rank < often else 2 if rank < seldom else 1, line.split()[0])

for size, tier in (("10", 3), ("20", 3), ("35", 2), ("40", 1), ("50", 1)):
    for category in ("english", "american", "british"):
        path = os.path.join(scowl, f"{category}-words.{size}")
        if os.path.exists(path):
            for line in open(path, encoding="latin-1"):
                word = line.strip()
                if "'" not in word:
                    put("common", tier, word)
for category in ("upper", "proper-names"):
    for size in ("10", "35", "40", "50", "60"):
        path = os.path.join(scowl, f"english-{category}.{size}")
        if os.path.exists(path):
            for line in open(path, encoding="latin-1"):
                word = line.strip()
                if not word.endswith("'s"):
                    put("proper", 1, word)
import stopwordsiso  # noqa: E402

for word in stopwordsiso.stopwords(LATIN_STOPWORDS):
    if " " not in word and "'" not in word and len(word) > 1:
        put("common", 3, word)
for locale, provider in providers("lorem"):
    if locale != "la":
        for word in attributes(provider, "word_list"):
            put("common", 2, word)
for locale, provider in providers("address"):
    for place in attributes(provider, "cities", "city_names", "countries", "states", "provinces", "regions", "departments"):
        parts = words(place)
        if len(parts) == 1:
            put("place", 1, parts[0])
for (kind, word), tier in sorted(out.items()):
    print(f"{kind}\t{tier}\t{word}")
vocabulary, vectors = whole_words(minilm)
for path, word in zip(classes(vectors), vocabulary):
    print(f"class\t{path}\t{word}")
