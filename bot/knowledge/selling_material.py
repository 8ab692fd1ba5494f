"""What a shop sells with: proofs, stories, corrections, concerns and more (`selling.yml`).

Proof material is right, few and sound (D-SEL-8): the assistant says it as it stands here, and
nothing else. A concession is always against something (D-OBJ-9), and lies within a limit.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import date
from typing import Annotated, Literal

from msgspec import Meta, Struct

from bot.knowledge.field_types import Fen, Id, IsoDate, OptionalDate, Text, bad_date, is_past
from bot.knowledge.objection_rules import Kind

EVERYTHING = "all"
STORY = "story"
Cue = Annotated[str, Meta(min_length=2, max_length=40)]


class Proof(Struct, frozen=True, forbid_unknown_fields=True):
    """A piece of proof, or with the form `story` what another customer has lived through."""

    id: Id
    form: Literal["test", "certificate", "record", "review", "reference", "story"]
    kinds: list[Kind]
    text: Text
    products: tuple[str, ...] = (EVERYTHING,)
    valid_until: OptionalDate = ""


class Correction(Struct, frozen=True, forbid_unknown_fields=True):
    """What is true where customers believe something wrong; `cues` show the belief in a message."""

    id: Id
    cues: Annotated[list[Cue], Meta(min_length=1)]
    text: Text
    products: tuple[str, ...] = (EVERYTHING,)


class Concern(Struct, frozen=True, forbid_unknown_fields=True):
    """What customers of a product always ask, with the answer: said before it is raised."""

    id: Id
    text: Text
    products: list[str]


class Alternatives(Struct, frozen=True, forbid_unknown_fields=True):
    """Goods that do the same work, so that one may be named in place of another."""

    id: Id
    products: Annotated[list[str], Meta(min_length=2)]


class Concession(Struct, frozen=True, forbid_unknown_fields=True):
    """What may be given without asking anybody, for a reason, against something (D-OBJ-9).

    Attributes:
        asks: what the customer does for it, as half a sentence.
        gives: what they get for it, as half a sentence.
        limit: the id of the limit in `limits.yml` that it counts against.
        value_fen: what it costs the shop.
    """

    id: Id
    reason: Literal["quantity", "prompt_payment", "season", "rebate", "bundle"]
    asks: Text
    gives: Text
    limit: Id
    value_fen: Fen
    products: tuple[str, ...] = (EVERYTHING,)
    min_spend_fen: Fen = 0
    starts: IsoDate = "2000-01-01"
    ends: IsoDate = "9999-12-31"

    def applies(self, product_id: str, price_fen: int, today: date) -> bool:
        """Tell whether it may be offered today with this product."""
        is_on = self.starts <= today.isoformat() <= self.ends
        return is_on and price_fen >= self.min_spend_fen and _covers(self.products, product_id)


class SellingMaterial(Struct, frozen=True, forbid_unknown_fields=True):
    """`selling.yml`; `instalment` says how a customer can pay in parts."""

    proofs: list[Proof] = []
    corrections: list[Correction] = []
    concerns: list[Concern] = []
    alternatives: list[Alternatives] = []
    concessions: list[Concession] = []
    instalment: Annotated[str, Meta(max_length=400)] = ""

    def proofs_for(self, kind: str, product_id: str | None, today: date) -> list[Proof]:
        """Return the proofs against doubts of a kind, those of the product itself first."""
        fitting = [
            proof
            for proof in self.proofs
            if kind in proof.kinds
            and _covers(proof.products, product_id)
            and not is_past(proof.valid_until, today)
        ]
        return sorted(fitting, key=lambda proof: EVERYTHING in proof.products)

    def correction_of(self, text: str, product_id: str | None) -> str:
        """Return what corrects the wrong belief that a message shows, else ''."""
        return next(
            (
                each.text
                for each in self.corrections
                if _covers(each.products, product_id) and any(cue in text for cue in each.cues)
            ),
            "",
        )

    def records_of(self, product_id: str, today: date) -> list[str]:
        """Return what is on record of one product: concerns, corrections, proofs, then stories."""
        own = [each.text for each in self.concerns if product_id in each.products]
        own += [each.text for each in self.corrections if product_id in each.products]
        proofs = [
            proof
            for proof in self.proofs
            if product_id in proof.products and not is_past(proof.valid_until, today)
        ]
        return own + [each.text for each in sorted(proofs, key=lambda each: each.form == STORY)]

    @property
    def stories(self) -> frozenset[str]:
        """What other customers have lived through, as it is told."""
        return frozenset(each.text for each in self.proofs if each.form == STORY)

    def concern_of(self, product_id: str | None) -> Concern | None:
        """Return what customers of a product always ask."""
        return next((each for each in self.concerns if product_id in each.products), None)

    def alternatives_of(self, product_id: str) -> set[str]:
        """Return the ids of what does the same work as a product, without itself."""
        groups = (set(each.products) for each in self.alternatives)
        return {other for group in groups if product_id in group for other in group - {product_id}}

    def problems(
        self, product_ids: Collection[str], caps: Mapping[str, int | None]
    ) -> Iterator[tuple[str, int, str]]:
        """Yield list, index and problem of what single fields cannot show.

        Args:
            caps: the shop's limits in fen by id; None for one without.
        """
        for key in ("proofs", "corrections", "concerns", "alternatives", "concessions"):
            seen: set[str] = set()
            for index, each in enumerate(getattr(self, key)):
                if each.id in seen:
                    yield key, index, f"id: {each.id!r} stands twice"
                seen.add(each.id)
                for other in set(each.products) - {EVERYTHING, *product_ids}:
                    yield key, index, f"products: there is no product {other!r}"
        for index, proof in enumerate(self.proofs):
            for problem in bad_date("valid_until", proof.valid_until):
                yield "proofs", index, problem
        for index, concession in enumerate(self.concessions):
            yield from (("concessions", index, each) for each in _bad_terms(concession, caps))


def _bad_terms(concession: Concession, caps: Mapping[str, int | None]) -> Iterator[str]:
    if concession.limit not in caps:
        yield f"limit: limits.yml has no limit {concession.limit!r}"
    else:
        cap = caps[concession.limit]
        if cap is not None and concession.value_fen > cap:
            yield f"value_fen: {concession.value_fen} lies above the limit of {cap}"
    dates = [*bad_date("starts", concession.starts), *bad_date("ends", concession.ends)]
    yield from dates
    if not dates and concession.ends < concession.starts:
        yield "ends: lies before starts"


def _covers(products: Collection[str], product_id: str | None) -> bool:
    return EVERYTHING in products or product_id in products
