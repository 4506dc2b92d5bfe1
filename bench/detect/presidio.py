# SPDX-License-Identifier: Apache-2.0
"""Predictions of Presidio's pattern recognizers for labelled texts: presidio.py CASES PREDICTIONS.

Every predefined recognizer that needs no model of a language is asked, those of all countries, with a blank English tokenizer for
their context words. Names and places, which Presidio takes from a model, are not found: the model is no package of the index."""
import inspect
import json
import logging
import sys
import time

import spacy
from presidio_analyzer import AnalyzerEngine, RecognizerRegistry, predefined_recognizers
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from presidio_analyzer.pattern_recognizer import PatternRecognizer

LABELS = {
    'EMAIL_ADDRESS': 'EMAIL', 'PHONE_NUMBER': 'PHONE', 'CREDIT_CARD': 'CREDIT_CARD', 'IBAN_CODE': 'IBAN', 'IP_ADDRESS': 'IP_ADDRESS',
    'MAC_ADDRESS': 'MAC_ADDRESS', 'URL': 'URL', 'CRYPTO': 'CRYPTO', 'DATE_TIME': 'DATE', 'US_BANK_NUMBER': 'BANK_ACCT', 'ABA_ROUTING_NUMBER': 'BANK_ACCT',
}
THRESHOLD = 0.4


class Tokens(NlpEngine):
    """A blank tokenizer: words are their own lemmas."""

    def __init__(self):
        self.nlp = spacy.blank('en')

    def load(self):
        pass

    def is_loaded(self):
        return True

    def get_supported_languages(self):
        return ['en']

    def get_supported_entities(self):
        return []

    def is_stopword(self, word, language):
        return word.lower() in self.nlp.Defaults.stop_words

    def is_punct(self, word, language):
        return not any(c.isalnum() for c in word)

    def process_text(self, text, language):
        doc = self.nlp(text)
        return NlpArtifacts([], doc, [t.idx for t in doc], [t.lower_ for t in doc], self, language)

    def process_batch(self, texts, language, **_):
        for text in texts:
            yield text, self.process_text(text, language)


def recognizers():
    """All that are made of patterns or validators, told that they are for English texts."""
    registry, seen = RecognizerRegistry(recognizers=[], supported_languages=['en']), set()
    for name, kind in sorted(vars(predefined_recognizers).items()):
        if not inspect.isclass(kind) or kind in seen:
            continue
        seen.add(kind)
        if issubclass(kind, PatternRecognizer) or name == 'PhoneRecognizer':
            try:
                registry.add_recognizer(kind(supported_language='en'))
            except TypeError as fault:
                print(f'{name}: {fault}', file=sys.stderr)
    return registry


def main(cases, predictions):
    logging.getLogger('tldextract').setLevel(logging.CRITICAL)  # it says at length that it keeps to the list it brings along
    engine = AnalyzerEngine(registry=recognizers(), nlp_engine=Tokens(), supported_languages=['en'])
    texts = [json.loads(line) for line in open(cases, encoding='utf-8')]
    texts = [c for c in texts if c['kind'] != 'value']
    began, size = time.process_time(), 0
    with open(predictions, 'w', encoding='utf-8') as out:
        for case in texts:
            size += len(case['text'].encode())
            found = engine.analyze(case['text'], language='en', score_threshold=THRESHOLD)
            spans = [[f.start, f.end, LABELS.get(f.entity_type, 'NATIONAL_ID'), f.entity_type, f.score] for f in found]
            out.write(json.dumps({'id': case['id'], 'p': spans}) + '\n')
    cpu = time.process_time() - began
    print(f'presidio: {len(engine.registry.recognizers)} recognizers, {len(texts)} texts, {cpu:.1f} CPU-s, {len(texts) / cpu:.0f} texts per CPU-s')


if __name__ == '__main__':
    main(*sys.argv[1:])
