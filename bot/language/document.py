"""One spaCy `Doc` per message: tokens, concepts and entities on the same text.

A blank Chinese pipeline whose tokenizer is our own callable around a private jieba (spaCy's own
jieba segmenter uses the global one). Concepts and entities are span groups of the `Doc`, so
every decision can show the characters it rests on.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import jieba
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from bot.knowledge.book import load_entity_patterns, load_language, load_lexicon
from bot.knowledge.products import Product
from bot.language.entities import Entity, EntityFinder, brands_of
from bot.language.lexicon import ConceptMatch, ConceptMatcher
from bot.language.normalise import clean

jieba.setLogLevel(logging.WARNING)

CONCEPTS = "concepts"
ENTITIES = "entities"
CLEANED = "cleaned"
FAULT = "FAULT"
NEGATED = "NOT_"


@dataclass(frozen=True)
class ProductName:
    """A word by which customers call a product."""

    product_id: str
    name: str


class JiebaTokenizer:
    """Cuts text with a private jieba that knows our concept words."""

    def __init__(self, vocab: Vocab, words: Iterable[str]) -> None:
        self.vocab = vocab
        self._jieba = jieba.Tokenizer()
        self._jieba.initialize()
        for word in words:
            self._jieba.add_word(word)

    def __call__(self, text: str) -> Doc:
        """Return a `Doc` whose text is exactly `text`."""
        words: list[str] = []
        spaces: list[bool] = []
        for piece in self._jieba.cut(text, HMM=False):
            if piece == " " and words:
                spaces[-1] = True
            else:
                words.append(piece)
                spaces.append(False)
        return Doc(self.vocab, words=words, spaces=spaces)


class MessageReader:
    """Builds the `Doc` of a message. Immutable but for the shop's product names."""

    def __init__(self) -> None:
        self._nlp: Language = spacy.blank("zh")
        lexicon = load_lexicon()
        words = [word for terms in lexicon.concepts.values() for word in terms if len(word) <= 4]
        self._nlp.tokenizer = JiebaTokenizer(self._nlp.vocab, words)
        self._matcher = ConceptMatcher(
            lexicon.concepts, lexicon.constructions, load_language().negations
        )
        self._finder = EntityFinder(load_entity_patterns())

    def know_products(self, names: Iterable[ProductName]) -> None:
        """Recognise these products from now on."""
        named = {each.name.lower(): each.product_id for each in names if each.name}
        self._finder.know(named, brands_of(named))

    def read(self, text: str, max_chars: int = 2_000, *, with_entities: bool = True) -> Doc:
        """Return the `Doc` of a message, with its concept and entity spans.

        Training asks for no entities: it learns nothing from them, and they take a third of the
        time.
        """
        cleaned = clean(text, max_chars)
        doc = self._nlp.make_doc(cleaned)
        doc.user_data[CLEANED] = cleaned
        found = list(self._matcher.find(cleaned))
        doc.user_data[CONCEPTS] = list(dict.fromkeys(map(label_of, found)))
        doc.spans[CONCEPTS] = list(_concept_spans(doc, found))
        doc.user_data[ENTITIES] = (
            self._finder.find(cleaned, faults_of(doc)) if with_entities else []
        )
        doc.spans[ENTITIES] = list(self._entity_spans(doc))
        return doc

    def _entity_spans(self, doc: Doc) -> Iterator[Span]:
        for entity in entities_of(doc):
            span = doc.char_span(
                entity.start,
                entity.end,
                label=entity.label,
                span_id=entity.value,
                alignment_mode="expand",
            )
            if span is not None:
                yield span


def label_of(match: ConceptMatch) -> str:
    """Return the label of a match: its concept, marked where it is negated."""
    return f"{NEGATED}{match.concept}" if match.negated else match.concept


def _concept_spans(doc: Doc, matches: Iterable[ConceptMatch]) -> Iterator[Span]:
    for match in matches:
        span = doc.char_span(match.start, match.end, label=label_of(match), alignment_mode="expand")
        if span is not None:
            yield span


def text_of(doc: Doc) -> str:
    """Return the cleaned text; spaCy would put `doc.text` together from its tokens each time."""
    text: str = doc.user_data[CLEANED]
    return text


def entities_of(doc: Doc) -> list[Entity]:
    """Return the entities of a message, with the very characters they rest on."""
    found: list[Entity] = doc.user_data[ENTITIES]
    return found


def faults_of(doc: Doc) -> Iterator[tuple[str, int, int]]:
    """Yield concept, start and end of every fault that a message names."""
    for span in doc.spans[CONCEPTS]:
        if span.label_.startswith(FAULT):
            yield span.label_, span.start_char, span.end_char


def concepts_of(doc: Doc) -> list[str]:
    """Return the concepts of a message, each once, in order."""
    return list(doc.user_data[CONCEPTS])


def product_names(products: Iterable[Product]) -> Iterator[ProductName]:
    """Return every word by which customers call these products."""
    for product in products:
        for name in (product.name, *product.aliases):
            yield ProductName(product.id, name)


@lru_cache(maxsize=1)
def shared_reader() -> MessageReader:
    """Return this process's reader; it takes a second to build."""
    return MessageReader()
