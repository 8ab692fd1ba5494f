"""One spaCy `Doc` per message: tokens, concepts and entities on the same text.

A blank Chinese pipeline whose tokenizer is our own callable around a private jieba (spaCy's own
jieba segmenter uses the global one). Concepts and entities are span groups of the `Doc`, so
every decision can show the characters it rests on.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

import jieba
import spacy
from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.vocab import Vocab

from bot.knowledge.book import load_entity_patterns, load_language, load_lexicon
from bot.knowledge.shop import Product
from bot.language.normalise import clean

jieba.setLogLevel(logging.WARNING)

CONCEPTS = "concepts"
ENTITIES = "entities"
PRODUCT = "product"
NEGATION_REACH = 2


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
        concepts = load_lexicon().concepts
        words = [word for terms in concepts.values() for word in terms if len(word) <= 4]
        self._nlp.tokenizer = JiebaTokenizer(self._nlp.vocab, words)
        self._concept_of: dict[str, list[str]] = {}
        for concept, terms in concepts.items():
            for term in terms:
                self._concept_of.setdefault(term.lower(), []).append(concept)
        self._concept_pattern = _any_of(self._concept_of)
        self._entity_patterns = [
            (each.label, re.compile(each.pattern)) for each in load_entity_patterns().patterns
        ]
        self._product_of: dict[str, str] = {}
        self._product_pattern: re.Pattern[str] | None = None

    def know_products(self, names: Iterable[ProductName]) -> None:
        """Recognise these products from now on."""
        self._product_of = {each.name.lower(): each.product_id for each in names if each.name}
        self._product_pattern = _any_of(self._product_of) if self._product_of else None

    def read(self, text: str, max_chars: int = 2_000) -> Doc:
        """Return the `Doc` of a message, with its concept and entity spans."""
        doc = self._nlp.make_doc(clean(text, max_chars))
        doc.spans[CONCEPTS] = list(self._concepts(doc))
        doc.spans[ENTITIES] = list(self._entities(doc))
        return doc

    def _concepts(self, doc: Doc) -> Iterator[Span]:
        for match in self._concept_pattern.finditer(doc.text.lower()):
            for concept in self._concept_of[match.group(1)]:
                is_negated = concept.startswith(("HARM_BODILY", "THREAT")) and _is_negated(
                    doc.text, match.start()
                )
                span = doc.char_span(
                    match.start(1), match.end(1), label=concept, alignment_mode="expand"
                )
                if span is not None and not is_negated:
                    yield span

    def _entities(self, doc: Doc) -> Iterator[Span]:
        taken: list[tuple[int, int]] = []
        for label, value, start, end in self._entity_matches(doc.text):
            if any(start < other_end and other_start < end for other_start, other_end in taken):
                continue
            taken.append((start, end))
            span = doc.char_span(start, end, label=label, span_id=value, alignment_mode="expand")
            if span is not None:
                yield span

    def _entity_matches(self, text: str) -> Iterator[tuple[str, str, int, int]]:
        for label, pattern in self._entity_patterns:
            for match in pattern.finditer(text):
                yield label, match.group("value"), match.start("value"), match.end("value")
        if self._product_pattern is not None:
            for match in self._product_pattern.finditer(text.lower()):
                name = match.group(1)
                yield PRODUCT, self._product_of[name], match.start(1), match.end(1)


def _any_of(terms: Iterable[str]) -> re.Pattern[str]:
    """A pattern that finds overlapping starts, longest term first."""
    ordered = sorted(set(terms), key=lambda term: (-len(term), term))
    return re.compile(rf"(?=({'|'.join(map(re.escape, ordered))}))")


def _is_negated(text: str, start: int) -> bool:
    before = text[max(0, start - NEGATION_REACH) : start]
    return any(word in before for word in load_language().negations)


def concepts_of(doc: Doc) -> list[str]:
    """Return the concepts of a message, each once, in order."""
    return list(dict.fromkeys(span.label_ for span in doc.spans[CONCEPTS]))


def product_names(products: Iterable[Product]) -> Iterator[ProductName]:
    """Return every word by which customers call these products."""
    for product in products:
        for name in (product.name, *product.aliases):
            yield ProductName(product.id, name)


@lru_cache(maxsize=1)
def shared_reader() -> MessageReader:
    """Return this process's reader; it takes a second to build."""
    return MessageReader()
